#!/usr/bin/env bats
# What an update of training is: one mean over its records, however they are split into batches;
# and the sequences that it is over: one end each, none of them empty in vain.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults
load records

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    # Completions of very different lengths: a mean of means is another number.
    cat >train.jsonl <<'END'
{"prompt": "the", "completion": " cat"}
{"prompt": "a", "completion": " dog ran on the mat and sat there for a long time in the sun"}
{"prompt": "b", "completion": " c"}
{"prompt": "x", "completion": " y z w v u t s r q p"}
END
    jq -c '{prompt, samples: [{text: .completion, score: 2}, {text: .prompt, score: 1}]}' train.jsonl >ranked.jsonl
    learn-guidance -q -i "$FIXTURES/gpt2" -o guidance --head-size 16 -l 0.003 --steps 10 \
        --eval-every 0 ranked.jsonl
}

prepare() {
    cp "$BATS_FILE_TMPDIR"/*.jsonl .
    guidance=$BATS_FILE_TMPDIR/guidance
    model=$FIXTURES/gpt2
}

# splits COMMAND...: its --log of two updates is the same for all ways to split four records.
splits() {
    local split fields
    for split in '4 1' '2 2' '1 4'; do
        read -r batch passes <<<"$split"
        "$@" -q -o out --steps 2 -b "$batch" --accumulate "$passes" --log "$batch.log"
        fields=$(jq -s -c 'map(del(.step, .tokens_per_second, .learning_rate)) | [.[] | to_entries[] | .value]' "$batch.log")
        echo "$split: $fields"
        jq -e -n --argjson a "$(jq -s -c 'map(del(.tokens_per_second)) | [.[][]]' 4.log)" \
            --argjson b "$(jq -s -c 'map(del(.tokens_per_second)) | [.[][]]' "$batch.log")" \
            '($a | length) == ($b | length) and all(range($a | length) as $i
             | ($a[$i] - $b[$i] | fabs) <= 1e-5 * ($a[$i] | fabs); .)' >/dev/null
        rm -r out
    done
    rm ./*.log
}

@test "an update has one loss and one gradient, however it is split into batches" {
    splits fine-tune -m "$model" train.jsonl
    splits fine-tune -m "$model" --prompt-loss 0.5 train.jsonl
    for weight in reward exp reward-to-go; do
        splits fine-tune -m "$model" -g "$guidance" --objective weighted-mle --token-weight $weight train.jsonl
    done
    splits fine-tune -m "$model" -g "$guidance" --objective weighted-mle --policy-gradient 0.3 \
        --entropy 0.1 -k 2 --max-new-tokens 9 train.jsonl
    splits fine-tune -m "$model" -g "$guidance" --objective reinforce -k 2 --max-new-tokens 9 train.jsonl
    splits fine-tune -m "$model" --lora 2 train.jsonl
    splits learn-guidance -i "$model" --head-size 16 --valid-fraction 0 --eval-every 0 ranked.jsonl
}

@test "an update's numbers are those of all its tokens" {
    fine-tune -q -m "$model" -o out --steps 1 -b 1 --accumulate 4 --log log train.jsonl
    score -q --json -m "$model" --metrics nll train.jsonl >scores
    near "$(jq .loss log)" "$(jq .metrics.nll.mean scores)"
    near "$(jq .nll log)" "$(jq .metrics.nll.mean scores)"
    score -q --plain --per-record -m "$model" --metrics nll train.jsonl >each
    same "$(jq -s 'map(.logprobs | length) | add / 4' each)" "$(jq .length log)"
    # The rate is of all batches: no less than all tokens in the time of the whole program.
    rm log
    start=$EPOCHREALTIME
    fine-tune -q -m "$model" -o out --steps 1 -b 1 --accumulate 100 --log log train.jsonl
    jq -e --argjson start "$start" --argjson stop "$EPOCHREALTIME" \
        '.tokens_per_second * ($stop - $start) >= .length * 100' log
}

@test "a prompt that stands in an update several times has samples of its own each time" {
    head -1 train.jsonl >one.jsonl
    reinforce=(fine-tune -q -m "$model" -g "$guidance" --objective reinforce --steps 1 -l 0.1 --clip 0
        --max-new-tokens 6 --accumulate 1 -o out)
    # Were all eight one sample, they would have the loss of one.
    "${reinforce[@]}" -b 1 --log single one.jsonl
    "${reinforce[@]}" -b 8 --log eight one.jsonl
    run ! near "$(jq .nll eight)" "$(jq .nll single)"
    # Two records of one id, and eight places of one record, draw what no other does.
    jq -c ".id = 7" one.jsonl one.jsonl >twins.jsonl
    "${reinforce[@]}" -b 1 --log twin twins.jsonl
    "${reinforce[@]}" -b 2 --log twins twins.jsonl
    run ! near "$(jq .nll twins)" "$(jq .nll twin)"
}

# endless FOLDER: the model with a tokenizer that has no end-of-sequence token.
endless() {
    mkdir "$1"
    jq 'del(.eos_token_id)' "$model/config.json" >"$1/config.json"
    cp "$model/model.safetensors" "$1"
    sed 's/<|endoftext|>/<another>/g' "$FIXTURES/tokenizers/gpt2/tokenizer.json" >"$1/tokenizer.json"
}

@test "empty completions without an end of sequence: no token, no fault" {
    endless plain
    jq -c 'if .prompt == "b" then .completion = "" else . end' train.jsonl >some.jsonl
    jq -c '.completion = ""' train.jsonl >none.jsonl
    jq -c '{prompt, samples: [{text: .completion, score: 2}, {text: (.prompt + " d"), score: 1}]}' train.jsonl >pairs
    learn-guidance -q -i plain -o plain-guidance --head-size 4 --steps 1 --eval-every 0 pairs
    for weight in reward exp reward-to-go; do
        for batch in 1 4; do
            fine-tune -q -m plain -g plain-guidance --objective weighted-mle --token-weight $weight \
                -b $batch --accumulate $((4 / batch)) --steps 2 -o out --log log some.jsonl
            jq -e -s 'length == 2 and all(.loss > 0 and .reward > 0 and .nll > 0)' log
            rm log
        done
        refused 1 'no completion has a token to learn from' fine-tune -q -m plain -g plain-guidance \
            --objective weighted-mle --token-weight $weight --steps 1 -o out none.jsonl
    done
    fine-tune -q -m plain --steps 2 --valid some.jsonl --eval-every 1 -o out some.jsonl
    refused 1 'no completion has a token to learn from' fine-tune -q -m plain --steps 1 -o out none.jsonl
    refused 1 'none.jsonl: no completion has a token to validate on' fine-tune -q -m plain --steps 1 \
        --valid none.jsonl --eval-every 1 -o out some.jsonl
    # Where something closes them they are learned from, and prompts' own tokens are some.
    fine-tune -q -m "$model" --steps 1 -o out --log log none.jsonl
    same 1 "$(jq .length log)"
    fine-tune -q -m plain --prompt-loss 1 --steps 1 -o out train.jsonl
}

@test "a completion that ends in the end of sequence gets no second one" {
    # A tokenizer that reads "</s>" in a text as the end of sequence.
    mkdir closing
    cp "$model/config.json" "$model/model.safetensors" "$FIXTURES/tokenizers/llama2/tokenizer.json" closing
    learn-guidance -q -i closing -o guides --head-size 4 --steps 1 --eval-every 0 ranked.jsonl
    model=closing
    printf '{"prompt":"the cat","completion":" sat%s"}\n' '</s>' '' >ends.jsonl
    for record in 1 2; do
        sed -n ${record}p ends.jsonl | score -q --plain --per-record -m "$model" --metrics nll |
            jq -c .logprobs >logprobs-$record
        sed -n ${record}p ends.jsonl |
            fine-tune -q -m "$model" --steps 1 -b 1 --accumulate 1 -o out --log log
        jq -c 'del(.tokens_per_second)' log >log-$record
        jq -c '{prompt, samples: [{text: .completion, score: 2}, {text: " ran", score: 1}]}' ends.jsonl |
            sed -n ${record}p |
            learn-guidance -q -i "$model" -o learned --head-size 4 --steps 1 -b 1 --valid-fraction 0 --eval-every 0
        mv learned learned-$record
        sed -n ${record}p ends.jsonl | jq -c '{prompt, samples: [{text: .completion}]}' |
            score -q --plain --per-record -g guides | jq -c '.samples[0] | .tokens, .rewards' >rewards-$record
        rm log
    done
    jq -e 'length > 1' logprobs-1
    cmp logprobs-1 logprobs-2
    cmp log-1 log-2
    cmp learned-1/model.safetensors learned-2/model.safetensors
    cmp rewards-1 rewards-2
    # Cut to fit, the end is away in both.
    for record in 1 2; do
        sed -n ${record}p ends.jsonl | score -q --plain --per-record -m "$model" --metrics nll \
            --max-completion-tokens 1 | jq -c .logprobs >cut-$record
    done
    cmp cut-1 cut-2
    same 1 "$(jq length cut-1)"
}

@test "a group with generations that are equal once cut is one without a preference" {
    learn=(learn-guidance -i "$model" --head-size 4 --steps 1 -o out --valid-fraction 0 --eval-every 0)
    group() { # TEXT SCORE...: a record of these samples
        local texts=()
        for ((; $#; )); do
            texts+=("{\"text\":\"$1\",\"score\":$2}")
            shift 2
        done
        echo "{\"prompt\":\"the cat\",\"samples\":[$(IFS=,; echo "${texts[*]}")]}"
    }
    {
        group ' sat on the mat' 2 ' sat on the dog' 1
        group ' sat on the mat' 2 ' ran' 1
        group ' sat on the mat' 1 ' sat on the dog' 1 ' ran' 0
        group ' sat' 1 ' ran' 1
    } >groups
    run -0 "${learn[@]}" --max-completion-tokens 2 groups
    [[ $output == *"1 of 4 groups have equal scores and were skipped"* ]]
    [[ $output == *"1 of 4 groups have generations that are equal once cut to fit, and were skipped"* ]]
    [[ $output == *"2 groups to learn from"* ]]
    run -0 "${learn[@]}" groups
    [[ $output == *"3 groups to learn from"* && $output != *"once cut"* ]]
    refused 1 'groups:1: samples: cut to fit, two of different scores are equal' \
        "${learn[@]}" --max-completion-tokens 2 --equal-scores refuse groups
    run -0 "${learn[@]}" --max-completion-tokens 2 --equal-scores keep groups
    [[ $output == *"4 groups to learn from"* ]]
    head -1 groups >only
    refused 1 'all 1 groups have equal scores or, cut to fit, equal generations (1)' \
        "${learn[@]}" --max-completion-tokens 2 only
}
