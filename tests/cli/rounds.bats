#!/usr/bin/env bats
# pipelines/rounds.mk and the table and plots of its results. Stand-ins take the
# programs' places, quick and with results that depend on all that went in.
load helper
bats_require_minimum_version 1.5.0

prepare() {
    mkdir bin start
    echo start >start/config.json
    for name in train valid test; do
        seq 1 60 | jq -c --arg n "$name" '{id: "\($n)-\(.)", prompt: "p \(.)", completion: "c"}' |
            zstd -q >"$name.jsonl.zst"
    done
    # Each program notes that it ran; a file named like it makes it fail.
    cat >stand-in <<'END'
#!/bin/bash
set -euo pipefail
name=$(basename "$0")
echo "$name $*" >>calls
model= output= guidance= compare=
files=()
args=("$@")
while (($#)); do
    case $1 in
    -m | -i) model=$2 && shift ;;
    -o) output=$2 && shift ;;
    -g) guidance=$2 && shift ;;
    --compare) compare=1 ;;
    --log | -s | --steps | --by | --metrics | --objective | --save-every | --valid | --aggregate | -k) shift ;;
    *.zst) files+=("$1") ;;
    esac
    shift
done
input() { if ((${#files[@]})); then cat "${files[@]}"; else cat; fi; }
state=$({ echo "$name"; cat ${model:+"$model/config.json"} ${guidance:+"$guidance/config.json"}; input; } |
    cksum | cut -d ' ' -f 1)
if [[ -e fail-$name ]]; then
    rm "fail-$name"
    exit 1
fi
case $name in
sample | rank)
    echo "{\"from\":$state}" | zstd -q >"$output" ;;
learn-guidance | fine-tune)
    mkdir "$output.part"
    echo "$state" >"$output.part/config.json"
    # As the programs do: what is no model is not replaced.
    [[ ! -e $output || -e $output/config.json ]] || { echo "$output: exists" >&2 && exit 1; }
    rm -rf "$output"
    mv "$output.part" "$output" ;;
score)
    [[ ! $compare ]] || { jq -n --argjson x "$((state % 100))" '{records: 9, metrics: {meteor: {records: 9,
        a: 1, b: 2, difference: ($x / -100), low: ($x / -50), high: 0.5, p: 0.04321}}}' && exit; }
    jq -n --argjson x "$((state % 1000))" \
        '{records: 9, metrics: {meteor: {mean: ($x / 10), low: ($x / 10 - 1), high: ($x / 10 + 1)},
          pairwise: {mean: 65.125, low: 60, high: 70}}}' ;;
esac
if [[ -e interrupt-each && $name != score ]]; then
    kill -INT 0
    sleep 5
fi
END
    chmod +x stand-in
    for name in sample rank learn-guidance fine-tune score; do ln -s ../stand-in "bin/$name"; done
    cat >Makefile <<END
TOKENWISE := $REPO
BIN := bin
WORK := out
START := start
TRAIN := train.jsonl.zst
PROMPTS := train.jsonl.zst
VALID := valid.jsonl.zst
TEST := test.jsonl.zst
ROUNDS := 2
PROMPTS_PER_ROUND := 30
VALID_PROMPTS := 10
TEST_PROMPTS := 20
TEST_RECORDS := 50
include $REPO/pipelines/rounds.mk
END
    unset MAKEFLAGS MAKELEVEL MFLAGS JOBS HOSTS
}

results() { find out -type f ! -name '*.jsonl' ! -name '*.joblog' | sort | xargs cksum; }

@test "a finished experiment is a no-op, and its rounds chain" {
    make rounds
    [[ $(grep -c ^fine-tune calls) -eq 8 && $(grep -c ^learn-guidance calls) -eq 3 ]]
    grep -q '^learn-guidance -i start -o out/round-1/guidance' calls
    grep -q '^learn-guidance -i out/round-1/guidance -o out/round-2/guidance' calls
    grep -q '^fine-tune -m out/round-1/policy -o out/round-2/policy -g out/round-2/guidance' calls
    grep -q '^fine-tune -m out/mle-1/policy -o out/mle-2/policy --objective mle' calls
    grep -q '^fine-tune -m start -o out/uniform-1/policy --objective weighted-mle --token-weight uniform ' calls
    grep -q '^learn-guidance -i start -o out/constant/guidance .*--untrained' calls
    grep -q '^fine-tune -m out/constant-1/policy -o out/constant-2/policy -g out/constant/guidance --objective weighted-mle ' calls
    # Each control has the updates, data and order of the round.
    same 4 "$(grep -c '^fine-tune .*/policy .* --steps 200 -s 12 .* train.jsonl.zst$' calls)"
    grep -q '^sample -m out/round-1/policy -k 4 ' calls
    # Rounds take slices of their own.
    same 'train-1' "$(zstdcat out/round-1/prompts.jsonl.zst | jq -r .id | head -n 1)"
    same 'train-31' "$(zstdcat out/round-2/prompts.jsonl.zst | jq -r .id | head -n 1)"
    rm calls
    make rounds
    [[ ! -e calls ]]
    make -q rounds
}

@test "interrupted in any stage and started again: the same results" {
    make rounds
    results >whole
    rm -r out
    local name
    for name in sample rank learn-guidance score fine-tune; do
        touch "fail-$name"
        run make rounds
        [[ $status -ne 0 && ! -e fail-$name ]]
    done
    rm calls
    make rounds
    results | diff whole -
    # What was there was not made again.
    run ! grep -q '^learn-guidance -i start -o out/round-1' calls
}

# start_make ARGUMENT...: make, in a process group of its own, to be interrupted as from a terminal.
start_make() {
    setsid env --default-signal=INT make -s rounds "$@" >log 2>&1 3>&- &
    process=$!
}

@test "interrupted just after each result is in place: none is lost, made again or in the way" {
    make rounds
    results >whole
    sort calls >once
    rm -r out calls
    touch interrupt-each
    local interrupts=0
    while true; do
        start_make
        ! wait $process || break
        interrupts=$((interrupts + 1))
        ((interrupts < 100)) || { cat log && return 1; }
    done
    rm interrupt-each
    # Each program that writes by -o was interrupted once, and ran once.
    same "$(grep -cv ^score once)" "$interrupts"
    same "$(grep -v ^score once)" "$(grep -v ^score calls | sort)"
    results | diff whole -
}

small() { # VARIABLE=VALUE...: sets `small`, which makes rounds of real programs quick
    small=(BIN="$BIN" K=2 METRIC=chrf STEPS=3 PROMPTS_PER_ROUND=12 VALID_PROMPTS=4 TEST_PROMPTS=4
        TEST_RECORDS=4 SAMPLE_OPTIONS='--max-new-tokens 8' GREEDY_OPTIONS='--max-new-tokens 8'
        GUIDANCE_OPTIONS='--steps 3 --eval-every 2' "$@")
}

@test "real programs interrupted as a model's folder appears: the same bytes in the end" {
    local folders=(round-1/guidance round-1/policy constant/guidance mle-1/policy) folder
    small START="$FIXTURES/gpt2" ROUNDS=1
    make -s rounds "${small[@]}"
    results >whole
    rm -r out
    for folder in "${folders[@]}"; do
        start_make "${small[@]}"
        while [[ ! -e out/$folder ]] && kill -0 $process 2>/dev/null; do :; done
        kill -INT -- -$process 2>/dev/null || true
        wait $process || true
        # All of the folder is there, with the file that make knows it by.
        [[ -s out/$folder/config.json && -s out/$folder/model.safetensors ]]
    done
    make -s rounds "${small[@]}"
    results | diff whole -
}

@test "LORA: adapters go on through all rounds, the model stays, another make does nothing" {
    cp -rL "$FIXTURES/gpt2" model
    cksum model/* >before
    small START=model LORA=2:8 LORA_TARGETS=c_attn,c_fc CONTROLS='mle constant'
    make rounds "${small[@]}" >log 2>&1 || { cat log && return 1; }
    local kind
    for kind in round mle constant; do
        jq -e '.r == 2 and .lora_alpha == 8 and (.target_modules | sort) == ["c_attn", "c_fc"]' \
            "out/$kind-1/policy/adapter_config.json" "out/$kind-2/policy/adapter_config.json"
        [[ ! -e out/$kind-2/policy/model.safetensors ]]
        # Round 2 went on with the adapter of round 1.
        run ! cmp -s "out/$kind-1/policy/adapter_model.safetensors" "out/$kind-2/policy/adapter_model.safetensors"
    done
    grep -q 'fine-tune -m out/round-1/policy -o out/round-2/policy  *-g out/round-2/guidance' log
    [[ $(grep -c 'fine-tune .*--lora 2:8 --lora-targets c_attn,c_fc' log) -eq 3 ]]
    jq -e '.model_type == "gpt2"' out/round-2/guidance/config.json
    cksum model/* | diff before -
    make -q rounds "${small[@]}"
    # One more round, from the same folder's adapters.
    make rounds "${small[@]}" ROUNDS=3 CONTROLS= PROMPTS_PER_ROUND=12 >log 2>&1
    [[ $(grep -c '^== round' log) -ge 2 && -s out/round-3/policy/adapter_config.json ]]
    run ! grep -q -- '-o out/round-[12]' log
    # An adapter to begin with, and an option in the wrong place.
    small START=out/round-2/policy WORK=on BACKBONE=model CONTROLS= ROUNDS=1
    make rounds "${small[@]}" >log 2>&1 || { cat log && return 1; }
    [[ -s on/round-1/policy/adapter_config.json ]]
    run make rounds "${small[@]}" TUNE_OPTIONS='--lora 4'
    [[ $status -ne 0 && $output == *'as LORA=RANK'* ]]
}

@test "too few records are an error that says so" {
    run make rounds PROMPTS_PER_ROUND=100
    [[ $status -ne 0 && $output == *'train.jsonl.zst: fewer than 0 * 100 + 100 records'* ]]
    [[ ! -e out/round-1/prompts.jsonl.zst && ! -e out/round-1/prompts.jsonl.zst.part ]]
}

@test "the table holds start, controls and rounds, and what the last round differs by" {
    make rounds
    run "$PIPELINES/rounds-table" out
    [[ $status -eq 0 ]]
    [[ ${lines[0]} == *meteor*pairwise*'guidance accuracy' ]]
    [[ ${lines[1]} == start* && ${lines[1]} == *- ]]
    [[ ${lines[2]} == 'mle 1 '* && ${lines[3]} == 'mle 2 '* && ${lines[4]} == 'uniform 1 '* ]]
    [[ ${lines[5]} == 'uniform 2 '* && ${lines[6]} == 'constant 1 '* && ${lines[7]} == 'constant 2 '* ]]
    [[ ${lines[8]} == 'round 1 '*'65.13 [60.00, 70.00]' ]]
    [[ ${lines[9]} == 'round 2 '* ]]
    mean=$(jq .metrics.meteor.mean out/round-2/scores.json)
    [[ ${lines[9]} == *"$mean"* ]]
    [[ ${lines[10]} == 'round 2 less '*meteor ]]
    difference=$(printf '%.2f' "$(jq .metrics.meteor.difference out/round-2/against-mle.json)")
    [[ ${lines[11]} == "mle 2 "*"$difference ["*', 0.50] p=0.0432' ]]
    [[ ${lines[12]} == 'uniform 2 '* && ${lines[13]} == 'constant 2 '* && ${#lines[@]} -eq 14 ]]
    # The round is the second system, so what is above 0 speaks for it.
    grep -q '^score --compare .*out/mle-2/test.jsonl.zst out/round-2/test.jsonl.zst' calls
}

@test "controls go by name, or there are none" {
    make rounds CONTROLS=uniform
    [[ $(grep -c ^fine-tune calls) -eq 4 && $(grep -c ^learn-guidance calls) -eq 2 ]]
    [[ ! -e out/mle-1 && ! -e out/constant && -e out/round-2/against-uniform.json ]]
    rm -r out
    make rounds CONTROLS=
    run "$PIPELINES/rounds-table" out
    [[ $status -eq 0 && ${#lines[@]} -eq 4 ]]
    run make rounds CONTROLS='mle bandit'
    [[ $status -ne 0 && $output == *"CONTROLS: 'bandit' is none of mle, uniform, constant"* ]]
}

@test "plots: PNG, and text in the terminal" {
    make rounds
    "$PIPELINES/plot-rounds" -o rounds.png out
    same '89504e47' "$(head -c 4 rounds.png | od -An -tx1 | tr -d ' ')"
    run "$PIPELINES/plot-rounds" out
    [[ $status -eq 0 ]]
    # In the terminal no label is drawn over: of the axes, and of each curve.
    # shellcheck disable=SC2016 # marks of the third curve
    for label in '  **A**  token-level guidance' '  ##B##  MLE, same updates' \
        '  $$C$$  uniform weights, same updates' '  %%D%%  constant guidance, same updates'; do
        grep -Fxq -- "$label" <<<"$output"
    done
    grep -Eq '^ +meteor \(95 % bounds\) *$' <<<"$output"
    grep -Eq '^ +round *$' <<<"$output"
    run "$PIPELINES/plot-rounds" --metric none out
    [[ $status -eq 1 && $output == *"no 'none'"* ]]
    seq 1 20 | jq -c '{step: ., loss: (5 / .)}, (select(. % 5 == 0) | {step: ., validation: (6 / .)})' >"it's.jsonl"
    echo '{"step": 21, "lo' >>"it's.jsonl"
    run "$PIPELINES/plot-curves" "it's.jsonl"
    [[ $status -eq 0 ]]
    grep -Fxq "  *****  it's.jsonl" <<<"$output"
    grep -Fxq "  **G**  validation of it's.jsonl" <<<"$output"
    # However long a name, it stands below its mark.
    mkdir -p an/experiment/of/a/rather/long/name/with/its/rounds/and/policies/below/it
    cp "it's.jsonl" an/experiment/of/a/rather/long/name/with/its/rounds/and/policies/below/it/log.jsonl
    run "$PIPELINES/plot-curves" "it's.jsonl" "$(find an -name '*.jsonl')"
    [[ $status -eq 0 && $output != *warning* ]]
    grep -Fxq "  #####  $(find an -name '*.jsonl')" <<<"$output"
    "$PIPELINES/plot-curves" -o curves.png "it's.jsonl"
    [[ -s curves.png ]]
    run "$PIPELINES/plot-curves" --field none "it's.jsonl"
    [[ $status -eq 1 && ! -e none.png ]]
}

# A name that would be commands, if gnuplot or the terminal were given it as it stands.
evil() { printf "%s\n%s\n\e]0;x\a'; system 'touch ran'; \`touch ran\` #" "$1" 'system "touch ran"'; }

@test "names of logs, fields, metrics and folders are no commands to gnuplot or the terminal" {
    local name
    name=$(evil loss)
    # shellcheck disable=SC2094 # the name is no input
    seq 1 20 | jq -c --arg name "$name" '{step: ., ($name): (5 / .)}' >"$name"
    for options in "" "-o curves.png"; do
        # shellcheck disable=SC2086 # words
        run "$PIPELINES/plot-curves" $options --field "$name" "$name"
        [[ $status -eq 0 && $output != *$'\e'* && $output != *$'\a'* ]]
    done
    [[ -s curves.png && -z $(find . -name ran) ]]
    run "$PIPELINES/plot-curves" --field $'no\e[1m' "$name"
    [[ $status -eq 1 && $output != *$'\e'* && $output == *"no field 'no?[1m'"* ]]
    mkdir -p "folder/round-0" "folder/round-1" "folder/round-2;system(\"touch ran\")" folder/mle-1
    for file in folder/*/; do
        jq -n --arg name "$name" '{metrics: {($name): {mean: 1, low: 0, high: 2}}}' >"$file/scores.json"
        echo "{}" >"$file/guidance.json"
    done
    run "$PIPELINES/plot-rounds" -o rounds.png --metric "$name" folder
    [[ $status -eq 0 && -s rounds.png && -z $(find . -name ran) && $output != *$'\e'* ]]
    run "$PIPELINES/rounds-table" folder
    [[ $status -eq 0 && ${#lines[@]} -eq 4 && $output != *$'\e'* && $output != *$'\a'* ]]
    [[ ${lines[0]} == *'loss?system "touch ran"??]0;x?'* ]]
}

@test "plots work in a temporary folder of any name" {
    export TMPDIR="$PWD/it's \"odd\", \`;"
    mkdir "$TMPDIR"
    seq 1 20 | jq -c '{step: ., loss: (5 / .)}' >log
    "$PIPELINES/plot-curves" -o curves.png log
    run "$PIPELINES/plot-curves" log
    [[ $status -eq 0 && $output == *step* && -s curves.png && -z $(ls "$TMPDIR") ]]
}
