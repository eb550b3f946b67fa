#!/usr/bin/env bats
# learn-guidance on the tiny model of the fixtures, with groups whose score is the share of
# one word: what token rewards can express exactly.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

setup_file() {
    # Words by a linear congruential generator: the same on every machine.
    awk 'function draw(n) { state = state * 16807 % 2147483647; return state % n }
        BEGIN {
            state = 42
            split("fonts logs images audio python server", word, " ")
            for (i = 1; i <= 200; i++) {
                printf "{\"id\":%d,\"prompt\":\"package number %d\",\"samples\":[", i, i
                for (k = 1; k <= 4; k++) {
                    text = ""
                    hits = 0
                    length_ = 2 + draw(4)
                    for (w = 1; w <= length_; w++) {
                        pick = 1 + draw(6)
                        hits += pick == 1
                        text = (text (w > 1 ? " " : "") word[pick])
                    }
                    printf "%s{\"text\":\"%s\",\"score\":%.6f}", (k > 1 ? "," : ""), text, hits / length_
                }
                print "]}"
            }
        }' </dev/null >"$BATS_FILE_TMPDIR/ranked.jsonl"
}

prepare() {
    cp "$BATS_FILE_TMPDIR/ranked.jsonl" .
    model=$FIXTURES/gpt2
    small=(--head-size 32 --learning-rate 0.003 --eval-every 10 --batch-size 8)
}

learn() { # OUTPUT OPTIONS...: on ranked.jsonl
    local output=$1
    shift
    learn-guidance -i "$model" -o "$output" "${small[@]}" "$@" ranked.jsonl
}

@test "learns: held-out accuracy, log, folder, settings" {
    run learn guidance --epochs 4 --log log.jsonl
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"groups have equal scores and were skipped"* ]]
    [[ $output == *"kept the weights of step"* ]]
    accuracy=$(jq -s 'map(select(.best)) | last.accuracy' log.jsonl)
    echo "accuracy $accuracy"
    [ "$(jq -n "$accuracy > 0.8")" = true ]
    # Before learning it is a guess.
    [ "$(jq -s '.[0] | .step == 0 and .accuracy > 0.2 and .accuracy < 0.8' log.jsonl)" = true ]
    [ "$(jq -s 'map(select(.loss)) | all(.learning_rate > 0 and .gradient_norm > 0 and .tokens_per_second > 0)' log.jsonl)" = true ]
    same '{"aggregate":"average","bound":"softplus","head_size":32,"temperature":2}' \
        "$(jq -cS . guidance/guidance.json)"
    [ -s guidance/model.safetensors ]
    cmp guidance/spiece.model "$model/spiece.model"
    [ ! -e guidance.checkpoint ]
}

@test "goes on from a guidance folder: settings and head stay, the aggregate may change" {
    learn one -q --epochs 3 --aggregate softmin --temperature 0.5 --bound sigmoid --log one.jsonl
    model=one
    small=(--learning-rate 0.003 --eval-every 10 --batch-size 8)
    learn two -q --steps 5 --log log.jsonl
    same "$(jq -cS . one/guidance.json)" "$(jq -cS . two/guidance.json)"
    # It begins where the other was best.
    same "$(jq -cs 'map(select(.best)) | last | [.validation, .accuracy]' one.jsonl)" \
        "$(jq -cs '.[0] | [.validation, .accuracy]' log.jsonl)"
    learn three -q --steps 1 --aggregate sum
    same '{"aggregate":"sum","bound":"sigmoid","head_size":32,"temperature":0.5}' \
        "$(jq -cS . three/guidance.json)"
    run learn four --bound softplus
    [ "$status" -eq 1 ]
    same "learn-guidance: one: learned with another --bound" "$output"
    [ ! -e four ]
}

@test "--untrained: the same reward for every token, of a language model and no groups" {
    learn-guidance -i "$model" -o constant --untrained
    same '{"aggregate":"average","bound":"softplus","head_size":2048,"temperature":2}' \
        "$(jq -cS . constant/guidance.json)"
    score -q --plain --per-record --metrics reward -g constant ranked.jsonl |
        jq -e -s 'length == 200 and all(.[].samples[].rewards[]; . > 0.5485 and . < 0.5489)'
    learn learned -q --steps 1
    refused 1 'learned: this guidance is learned already' learn-guidance -i learned -o other --untrained
    refused 2 '--untrained reads no FILE' learn-guidance -i "$model" -o other --untrained ranked.jsonl
    [ ! -e other ]
}

@test "the same seed gives the same bytes, another one does not" {
    learn one -q --epochs 1 -s 5
    learn two -q --epochs 1 -s 5
    cmp one/model.safetensors two/model.safetensors
    learn three -q --epochs 1 -s 6
    run ! cmp -s one/model.safetensors three/model.safetensors
}

@test "--group-size draws, --accumulate adds up, --valid selects" {
    head -40 ranked.jsonl >valid.jsonl
    learn one -q --steps 12 --group-size 2 --accumulate 3 --valid valid.jsonl --log log.jsonl
    # A fresh pair's loss is log 2, held-out groups of four are measured whole: log 24.
    [ "$(jq -s 'map(select(.loss))[0].loss * 100 | round' log.jsonl)" -eq 69 ]
    [ "$(jq -s '.[0].validation * 10 | round' log.jsonl)" -eq 32 ]
}

@test "killed at any step and resumed: the same bytes" {
    learn whole -q --steps 60 --log whole.jsonl
    for after in 2 9 31; do
        rm -rf part*
        interrupted KILL $after part.jsonl learn-guidance -i "$model" -o part "${small[@]}" \
            -q --steps 60 --save-every 4 --log part.jsonl ranked.jsonl
        [ "$status" -eq 137 ]
        [ ! -e part ]
        learn part -q --steps 60 --save-every 4 --log part.jsonl --resume
        cmp whole/model.safetensors part/model.safetensors
        same "$(jq -c 'del(.tokens_per_second)' whole.jsonl)" \
            "$(jq -c 'del(.tokens_per_second)' part.jsonl)"
        [ ! -e part.checkpoint ]
    done
}

@test "SIGTERM leaves a checkpoint that --resume goes on from, and only the same run" {
    learn whole -q --steps 200
    interrupted TERM 3 log.jsonl learn-guidance -i "$model" -o part "${small[@]}" --steps 200 \
        --log log.jsonl ranked.jsonl
    cat err
    [ "$status" -eq 75 ]
    [[ $(tail -1 err) == "learn-guidance: interrupted after step "*" of 200: the same command with --resume goes on from part.checkpoint" ]]
    [ ! -e part ]

    run learn part --steps 200
    [ "$status" -eq 1 ]
    [[ $output == *"part.checkpoint: an interrupted run left this checkpoint"* ]]
    run learn part --steps 201 --resume
    [ "$status" -eq 1 ]
    [[ $output == *"part.checkpoint: made with another program, other options, models or data"* ]]

    learn part -q --steps 200 --resume
    cmp whole/model.safetensors part/model.safetensors
}

@test "bad input: one message, exit 1, no output" {
    group='{"prompt":"a","samples":[{"text":"x","score":1},{"text":"y","score":2}]}'
    { echo "$group"; echo '{"prompt":"a","samples":[{"text":"x","score":1}]}'; } >one.jsonl
    refused 1 'one.jsonl:2: samples: expected at least 2 to rank, got 1' learn-guidance -i "$model" -o out one.jsonl
    echo '{"prompt":"a","samples":[{"text":"x","score":1},{"text":"y","score":1}]}' >equal.jsonl
    refused 1 'all 1 groups have equal scores' learn-guidance -i "$model" -o out equal.jsonl
    refused 1 'equal.jsonl:1: samples: all 2 scores are 1' \
        learn-guidance -i "$model" -o out --equal-scores refuse equal.jsonl
    echo '{"prompt":"a","samples":[{"text":"x"},{"text":"y","score":1}]}' >missing.jsonl
    refused 1 'missing.jsonl:1: ' learn-guidance -i "$model" -o out missing.jsonl
    echo '{"prompt":"a","samples":[{"text":"x","tokens":[40,50],"score":3},{"text":"y","tokens":[60],"score":1}]}' >tokens.jsonl
    refused 1 'tokens that do not spell their text' learn-guidance -i "$model" -o out tokens.jsonl
    zstd -q ranked.jsonl -o cut.zst && truncate -s -3 cut.zst
    refused 1 'cut.zst' learn-guidance -i "$model" -o out cut.zst
    : >empty
    refused 1 'no groups to learn from' learn-guidance -i "$model" -o out empty
    refused 1 'no-model' learn-guidance -i no-model -o out ranked.jsonl
    refused 1 'no-such' learn-guidance -i "$model" -o out no-such
    refused 1 '/dev/full: No space left on device' \
        learn-guidance -q -i "$model" -o out --log /dev/full ranked.jsonl
    refused 1 'ranked.jsonl' learn-guidance -q -i "$model" -o ranked.jsonl/out ranked.jsonl
    mkdir other && touch other/mine
    run learn other
    [ "$status" -eq 1 ]
    [ -e other/mine ]
    # A guidance.json whose weights have no head.
    cp -rL "$model" headless && chmod -R u+w headless
    echo '{"aggregate":"sum","temperature":2,"bound":"sigmoid","head_size":32}' >headless/guidance.json
    refused 1 'no head.* weights' learn-guidance -i headless -o out ranked.jsonl
}

@test "wrong usage: exit 2" {
    refused 2 '--group-size' learn-guidance -i "$model" -o out --group-size 1 ranked.jsonl
    refused 2 '--output' learn-guidance -i "$model" ranked.jsonl
    refused 2 '--aggregate' learn-guidance -i "$model" -o out --aggregate mean ranked.jsonl
    refused 2 '--learning-rate' learn-guidance -i "$model" -o out -l 0 ranked.jsonl
}

@test "compressed groups from a pipe; without held-out groups the last weights are kept" {
    zstd -qc ranked.jsonl >ranked.zst
    learn-guidance -q -i "$model" -o one "${small[@]}" --steps 3 <ranked.zst
    learn two -q --steps 3
    cmp one/model.safetensors two/model.safetensors
    run learn three --steps 3 --valid-fraction 0
    [ "$status" -eq 0 ]
    [[ $output == *"no groups are held out"* ]]
}
