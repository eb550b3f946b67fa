#!/usr/bin/env bats
# Every program on models of Llama's family: as policy, guidance and scorer.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper
load records

prepare() {
    library_records 4 >train.jsonl
}

# The loop once, from the model NAME of the fixtures.
go_round() {
    learn_round "$FIXTURES/llama/$1"
    jq -e --arg type "$2" '.model_type == $type' policy/config.json >/dev/null
    [ ! -e policy/model.safetensors.index.json ]
    check_policy policy
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
