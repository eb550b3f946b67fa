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
model= output= guidance=
files=()
args=("$@")
while (($#)); do
    case $1 in
    -m | -i) model=$2 && shift ;;
    -o) output=$2 && shift ;;
    -g) guidance=$2 && shift ;;
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
    rm -rf "$output"
    mv "$output.part" "$output" ;;
score)
    jq -n --argjson x "$((state % 1000))" \
        '{records: 9, metrics: {meteor: {mean: ($x / 10), low: ($x / 10 - 1), high: ($x / 10 + 1)},
          pairwise: {mean: 65.125, low: 60, high: 70}}}' ;;
esac
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
    [[ $(grep -c ^fine-tune calls) -eq 4 && $(grep -c ^learn-guidance calls) -eq 2 ]]
    grep -q '^learn-guidance -i start -o out/round-1/guidance' calls
    grep -q '^learn-guidance -i out/round-1/guidance -o out/round-2/guidance' calls
    grep -q '^fine-tune -m out/round-1/policy -o out/round-2/policy -g out/round-2/guidance' calls
    grep -q '^fine-tune -m out/mle-1/policy -o out/mle-2/policy --objective mle' calls
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
    run ! grep -q '^learn-guidance -i start' calls
}

@test "too few records are an error that says so" {
    run make rounds PROMPTS_PER_ROUND=100
    [[ $status -ne 0 && $output == *'train.jsonl.zst: fewer than 0 * 100 + 100 records'* ]]
    [[ ! -e out/round-1/prompts.jsonl.zst && ! -e out/round-1/prompts.jsonl.zst.part ]]
}

@test "the table holds start, control and rounds" {
    make rounds
    run "$PIPELINES/rounds-table" out
    [[ $status -eq 0 ]]
    [[ ${lines[0]} == *meteor*pairwise*'guidance accuracy' ]]
    [[ ${lines[1]} == start* && ${lines[1]} == *- ]]
    [[ ${lines[2]} == 'MLE, updates of 1 rounds'* && ${lines[3]} == 'MLE, updates of 2 rounds'* ]]
    [[ ${lines[4]} == 'round 1'*'65.13 [60.00, 70.00]' ]]
    [[ ${#lines[@]} -eq 6 ]]
    mean=$(jq .metrics.meteor.mean out/round-2/scores.json)
    [[ ${lines[5]} == *"$mean"* ]]
}

@test "plots: PNG, and text in the terminal" {
    make rounds
    "$PIPELINES/plot-rounds" -o rounds.png out
    same '89504e47' "$(head -c 4 rounds.png | od -An -tx1 | tr -d ' ')"
    run "$PIPELINES/plot-rounds" out
    [[ $status -eq 0 && $output == *'token-level guidance'* && $output == *'MLE, same updates'* ]]
    run "$PIPELINES/plot-rounds" --metric none out
    [[ $status -eq 1 && $output == *"no 'none'"* ]]
    seq 1 20 | jq -c '{step: ., loss: (5 / .)}, (select(. % 5 == 0) | {step: ., validation: (6 / .)})' >"it's.jsonl"
    echo '{"step": 21, "lo' >>"it's.jsonl"
    run "$PIPELINES/plot-curves" "it's.jsonl"
    [[ $status -eq 0 && $output == *"validation of it's.jsonl"* ]]
    "$PIPELINES/plot-curves" -o curves.png "it's.jsonl"
    [[ -s curves.png ]]
    run "$PIPELINES/plot-curves" --field none "it's.jsonl"
    [[ $status -eq 1 && ! -e none.png ]]
}
