#!/usr/bin/env bats
# sample --beams: transformers' hypotheses for text, any of several ending tokens, the same bytes
# however the work is cut, and what it refuses.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper
load faults

prepare() {
    model=$FIXTURES/gpt2
    jq -c .programs "$FIXTURES/beams.json" >run
    jq -c '.entries[] | {prompt}' run >prompts.jsonl
}

# A copy of the model, which many a text ends under.
ending_model() {
    copy_model ending
    jq --slurpfile run run '.eos_token_id = $run[0].stops' "$model/generation_config.json" \
        >ending/generation_config.json
    model=ending
}

search() {
    sample -q --plain -m "$model" --max-new-tokens 16 "$@"
}

@test "hypotheses of text are those of transformers" {
    ending_model
    options=$(jq -r '.options | "--beams=\(.num_beams) -k\(.num_beams) --length-penalty=\(.length_penalty)"' run)
    # shellcheck disable=SC2086 # several options
    search $options prompts.jsonl >got
    # Of several ending tokens transformers does not tell which it was.
    jq -e -n --slurpfile run run --slurpfile got got '[$run[0].entries, $got] | transpose
        | length == 4 and all([.[0].texts, .[1].samples] | transpose | length == 4 and all(
            .[0] as $want | .[1] as $sample
            | (if $want.stopped then $sample.tokens[:-1] else $sample.tokens end) == $want.tokens
            and ($sample.finish == "stop") == $want.stopped
            and ($sample.beam_score / $want.score - 1 | fabs) < 1e-5))' >/dev/null
    jq -e '.samples | all((.finish == "stop") == ([.tokens[-1]] | inside([2, 448])))' got >/dev/null
    jq -e -s '[.[].samples[].finish] | index("stop")' got >/dev/null
    # The best alone, and the others' order.
    search --beams 4 --length-penalty 0.6 prompts.jsonl | jq -c .samples |
        diff - <(jq -c '.samples[:1]' got)
    jq -e '.samples | [.[].beam_score] | . == (sort | reverse)' got >/dev/null
}

@test "a score is the sum of log-probabilities by the length" {
    ending_model
    search --beams 5 -k 3 --length-penalty 2 --early-stopping never --logprobs prompts.jsonl >got
    jq -e '.samples | length == 3 and all((.logprob - (.logprobs | add) | fabs < 1e-9)
        and (.beam_score * pow(.tokens | length; 2) - .logprob | fabs < 1e-6)
        and (keys_unsorted == ["text", "tokens", "finish", "logprob", "beam_score", "logprobs"]))' \
        got >/dev/null
    # The model, asked for it, gives these texts the same log-probabilities.
    score -q --plain --per-record --metrics nll -m "$model" got |
        jq -e '.samples | all([.logprob, (.logprobs | add)] | .[0] / .[1] - 1 | fabs < 1e-5)' >/dev/null
}

@test "same bytes: seeds, batches, threads, company" {
    ending_model
    search --beams 4 -k 2 prompts.jsonl >one
    for options in '-s 9' '--batch-tokens 1' '--batch-tokens 100' '-j 2' '-j 2 --batch-tokens 200'; do
        # shellcheck disable=SC2086 # several options
        search --beams 4 -k 2 $options prompts.jsonl | cmp - one
    done
    for i in 1 2 3 4; do
        sed -n "${i}p" one | jq -c 'del(.samples)' | search --beams 4 -k 2 | cmp - <(sed -n "${i}p" one)
    done
}

@test "a model whose logits are not numbers, a vocabulary too small" {
    copy_model bad
    overflow bad
    refused 1 "the model's logits are not numbers" sample -q --beams 3 -m bad -o out prompts.jsonl
    refused 1 '300 beams choose among 600 tokens at least, the vocabulary has 509' \
        sample -q --beams 300 -m "$model" -o out prompts.jsonl
}

@test "usage errors" {
    for option in --greedy '--temperature 0.5' '--top-k 9' '--top-p 0.5'; do
        # shellcheck disable=SC2086 # an option and its value
        refused 2 '--beams goes without' sample -m "$model" --beams 4 $option prompts.jsonl
    done
    refused 2 '--samples 5 exceeds --beams 4' sample -m "$model" --beams 4 -k 5 prompts.jsonl
    refused 2 'are for --beams' sample -m "$model" --length-penalty 2 prompts.jsonl
    refused 2 'are for --beams' sample -m "$model" --early-stopping true prompts.jsonl
    refused 2 '--early-stopping' sample -m "$model" --beams 4 --early-stopping perhaps prompts.jsonl
    refused 2 '--beams' sample -m "$model" --beams 1 prompts.jsonl
}
