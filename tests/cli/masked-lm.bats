#!/usr/bin/env bats
# A masked language model is no policy: what writes, or learns to, refuses it with one line.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper

prepare() {
    MODEL=$FIXTURES/roberta/tiny
    echo '{"prompt":"a","completion":"b","samples":[{"text":"b","score":1},{"text":"c","score":0}]}' >data.jsonl
}

refused() {
    run -1 --separate-stderr "$@" data.jsonl
    [ -z "$output" ]
    local wanted="${1##*/}: $MODEL: model_type: roberta is a masked language model, which cannot write text; it can"
    [ "${#stderr_lines[@]}" -eq 1 ]
    wanted+=" judge it, as a classifier (rank --by classifier) or for BERTScore (--bertscore-model);"
    wanted+=' "is_decoder": true in its config.json makes a causal one of its weights, that must be trained before it'
    [ "$stderr" = "$wanted writes" ]
}

@test "sample refuses it" { refused sample -q --plain -m "$MODEL"; }
@test "score -m refuses it" { refused score -q -m "$MODEL"; }
@test "learn-guidance refuses it" { refused learn-guidance -q -i "$MODEL" -o out --steps 1; }
@test "fine-tune refuses it" { refused fine-tune -q -m "$MODEL" -o out --objective mle --steps 1; }

@test "fine-tune --init refuses it" {
    run -1 --separate-stderr fine-tune -q --init "$MODEL/config.json" --tokenizer "$MODEL" -o out \
        --objective mle --steps 1 data.jsonl
    [[ $stderr == *': model_type: roberta is a masked language model'* ]]
    [ ! -e out ]
}
