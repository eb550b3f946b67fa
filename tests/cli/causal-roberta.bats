#!/usr/bin/env bats
# Every program on RoBERTa as a causal language model: as policy, guidance, scorer and classifier.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    MODEL=$FIXTURES/causal-roberta/tiny
    for i in 1 2 3 4; do
        echo "{\"prompt\":\"a library for fonts $i\",\"completion\":\"fonts\"}"
    done >train.jsonl
}

# The same bytes however the work is cut: sampled by $1 with further options.
sampled_alike() {
    local model=$1
    shift
    sample -q --plain -m "$model" --max-new-tokens 6 "$@" train.jsonl >one
    sample -q --plain -m "$model" --max-new-tokens 6 "$@" --batch-tokens 1 -j 2 train.jsonl >two
    cmp one two
}

@test "a round: sampled, ranked, guidance learnt, policy fine-tuned, scored" {
    sample -q --plain -m "$MODEL" -k 3 --max-new-tokens 6 train.jsonl >samples
    jq -e -s 'length == 4 and all(.samples | length == 3)' samples
    rank -q --plain --by length samples >ranked
    learn-guidance -q -i "$MODEL" -o guidance --steps 2 ranked
    fine-tune -q -m "$MODEL" -g guidance --objective weighted-mle --steps 2 -o policy train.jsonl
    for folder in guidance policy; do
        jq -e '.architectures == ["RobertaForCausalLM"] and .is_decoder and .pad_token_id == 1' $folder/config.json
        jq -e '. == {bos_token_id: 0, eos_token_id: 2, pad_token_id: 1}' $folder/generation_config.json
    done
    score -q --json -m policy -g guidance ranked >scores
    jq -e '.records == 4 and .metrics.nll.mean > 0' scores
    sampled_alike policy -k 3
    sampled_alike policy --beams 3 -k 2
    # What is likely under the policy is what it said when it sampled.
    jq -c '.samples[].logprob' one >said
    score -q --plain --per-record -m policy one | jq '.samples[].logprobs | add' | paste said - |
        awk '{ d = $1 - $2; if (d * d > 1e-6) exit 1; n++ } END { exit n != 8 }'
}

@test "objectives mle and reinforce, an adapter and its merge, a model from scratch" {
    fine-tune -q -m "$MODEL" --objective mle --steps 2 -o mle train.jsonl
    sample -q --plain -m "$MODEL" -k 2 --max-new-tokens 6 train.jsonl | rank -q --by length -o ranked -
    learn-guidance -q -i "$MODEL" -o guidance --steps 1 ranked
    fine-tune -q -m mle -g guidance --objective reinforce --max-new-tokens 5 --steps 2 -o reinforced train.jsonl
    fine-tune -q -m "$MODEL" --objective mle --lora 2 --steps 2 -o adapter train.jsonl
    jq -e '.task_type == "CAUSAL_LM" and (.target_modules | sort) == ["query", "value"]' adapter/adapter_config.json
    fine-tune -q -m adapter --merge -o merged
    jq -e .is_decoder merged/config.json
    fine-tune -q --init "$MODEL/config.json" --tokenizer "$MODEL" --objective mle --steps 2 -o scratch train.jsonl
    for model in reinforced adapter merged scratch; do sampled_alike "$model" -k 2; done
}

@test "the weights of a masked one, as its message says" {
    cp -rL "$FIXTURES/roberta/tiny" model
    run -1 --separate-stderr sample -q --plain -m model train.jsonl
    [[ $stderr == *'"is_decoder": true in its config.json makes a causal one'* ]]
    jq '.is_decoder = true' "$FIXTURES/roberta/tiny/config.json" >model/config.json
    fine-tune -q -m model --objective mle --steps 1 -o policy train.jsonl
    sampled_alike policy
}

@test "the context ends where the positions do" {
    run -1 --separate-stderr sample -q --plain -m "$MODEL" --max-new-tokens 96 train.jsonl
    [[ $stderr == *"leaves no room for a prompt: the model's context is 96 tokens"* ]]
    # A prompt of <s> alone, and the longest there is room for.
    jq -nc '{prompt: ""}, {prompt: ("fonts " * 100)}' >prompts.jsonl
    sample -q --plain -m "$MODEL" --max-new-tokens 95 --min-new-tokens 95 prompts.jsonl >out
    jq -e -s 'all(.samples[0] | (.tokens | length) == 95 and .finish == "length")' out
    sample -q --plain -m "$MODEL" --max-new-tokens 1 prompts.jsonl >/dev/null
    score -q --json -m "$MODEL" out | jq -e '.metrics.nll.mean > 0'
}

@test "a classifier by its next token; no encoder for BERTScore, and no <mask>" {
    printf '{"text":"%s","label":"%s"}\n' 'a font' files 'the code' code >examples.jsonl
    judge=(--by classifier --classifier "$MODEL" --verbalizers ' files, code' --examples examples.jsonl)
    sample -q --plain -m "$MODEL" -k 2 --max-new-tokens 3 train.jsonl >samples
    rank -q --plain "${judge[@]}" samples >ranked
    jq -e -s 'all(.samples[].score | type == "number")' ranked
    run -1 --separate-stderr rank -q --plain "${judge[@]}" --template '{text} {prompt} <mask>' samples
    [[ $stderr == *'<mask> is for a masked language model; a causal one, as RobertaForCausalLM is, says what'* ]]
    run -1 --separate-stderr score -q --json --metrics bertscore --bertscore-model "$MODEL" samples
    local wanted='is not a masked language model (RobertaForMaskedLM is: model_type roberta, is_decoder not true)'
    [ "$stderr" = "score: $MODEL: RobertaForCausalLM $wanted" ]
}
