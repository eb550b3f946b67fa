#!/usr/bin/env bats
# Every program on models of Llama's family: as policy, guidance and scorer.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    for i in 1 2 3 4; do
        echo "{\"prompt\":\"a library for fonts $i\",\"completion\":\"fonts\"}"
    done >train.jsonl
}

# The loop once, from the model NAME of the fixtures.
go_round() {
    local model=$FIXTURES/llama/$1
    sample -q --plain -m "$model" -k 3 --max-new-tokens 6 train.jsonl >samples
    jq -e -s 'length == 4 and all(.samples | length == 3)' samples >/dev/null
    rank -q --plain --by length samples >ranked
    learn-guidance -q -i "$model" -o guidance --steps 2 ranked
    fine-tune -q -m "$model" -g guidance --objective weighted-mle --steps 2 -o policy train.jsonl
    jq -e --arg type "$2" '.model_type == $type' policy/config.json >/dev/null
    [ ! -e policy/model.safetensors.index.json ]
    score -q --json -m policy -g guidance ranked |
        jq -e '.records == 4 and .metrics.nll.mean > 0' >/dev/null
    # The same bytes however the work is cut.
    sample -q --plain -m policy -k 3 --max-new-tokens 6 train.jsonl >one
    sample -q --plain -m policy -k 3 --max-new-tokens 6 --batch-tokens 1 -j 2 train.jsonl >two
    cmp one two
}

@test "a round with Llama" { go_round llama3 llama; }
@test "a round with Mistral" { go_round mistral mistral; }
@test "a round with Qwen2, from shards" { go_round qwen2 qwen2; }
@test "a round with Qwen3" { go_round qwen3 qwen3; }

@test "a shard that is missing is named" {
    cp -rL "$FIXTURES/llama/qwen2" bad
    rm bad/model-00002-of-00003.safetensors
    run -1 --separate-stderr sample -q --plain -m bad train.jsonl
    [[ $stderr == *model-00002-of-00003.safetensors:*'No such file'* ]]
}
