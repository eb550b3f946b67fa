#!/usr/bin/env bats
# Memory plans: told in one form, and what does not fit is refused before it is taken. What the parts
# come to is held to what is taken in tests/unit/test_plan.c.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    local word=(fonts logs images audio python server) i
    for i in {0..19}; do
        printf '{"id":%d,"prompt":"package %d","completion":"%s","samples":[%s,%s]}\n' "$i" "$i" \
            "${word[i % 6]}" "{\"text\":\"${word[i % 5]}\",\"score\":1}" \
            "{\"text\":\"${word[i % 6]} ${word[i % 4]}\",\"score\":2}"
    done >train.jsonl
    printf '{"text":"a picture","label":%d}\n' 0 1 >examples.jsonl
    copy_model policy
    judge=(--classifier policy --verbalizers ' images, archives' --examples examples.jsonl)
}

# huge FOLDER: a model of 206 GB, zeros that take no room on disk.
huge() {
    local header size i bytes=''
    copy_model "$1"
    jq '.n_embd = 65536 | .n_layer = 1 | .n_head = 512' "$1/config.json" >huge.json && mv huge.json "$1/config.json"
    size=$(header_size "$1")
    header=$(tail -c +9 "$1/model.safetensors" | head -c "$size" | jq -c '
        del(.__metadata__) | with_entries(select(.key | test("\\.h\\.[12]\\.") | not))
        | map_values(.shape |= map({"40": 65536, "120": 196608, "160": 262144}[tostring] // .))
        | reduce to_entries[] as $entry ({at: 0, all: {}};
            (.at + 4 * (reduce $entry.value.shape[] as $n (1; . * $n))) as $stop
            | .all[$entry.key] = ($entry.value | .data_offsets = [0, $stop])
            | .all[$entry.key].data_offsets[0] = .at | .at = $stop)
        | .all')
    for ((i = 0; i < 8; i++)); do bytes+=$(printf '\\%03o' $(((${#header} >> (8 * i)) & 255))); done
    # shellcheck disable=SC2059 # octal escapes
    { printf "$bytes" && printf '%s' "$header"; } >"$1/model.safetensors"
    size=$(jq -n --argjson h "$header" '[$h[].data_offsets[1]] | max')
    truncate -s $((8 + ${#header} + size)) "$1/model.safetensors"
}

@test "a model that does not fit is refused before it is taken, with the plan" {
    huge large
    [ "$(stat -c %s large/model.safetensors)" -gt 200000000000 ]
    refused 1 'not enough memory: 196' fine-tune -q -m large --lora 4 -o out train.jsonl
    [[ $stderr == *'of mapped weights, '*'of gradients, '*'of moments, '*'in all, '*'are free' ]]
    refused 1 'not enough memory: 196' fine-tune -q -m large -o out train.jsonl
    [[ $stderr == *'of weights, '* ]]
    refused 1 'not enough memory: 197' learn-guidance -q -i large --eval-every 0 -o out train.jsonl
    [[ $stderr == *'of weights, '*'of moments, '*'of activations, '* ]]
    refused 1 'not enough memory: 196' sample -q --plain -m large train.jsonl
    refused 1 'not enough memory: model: 196' score -q --metrics nll -m large train.jsonl
    refused 1 'not enough memory: classifier: 196' rank -q --by classifier --classifier large \
        --verbalizers ' images, archives' --examples examples.jsonl train.jsonl
    # From scratch, too.
    refused 1 'not enough memory: 196' fine-tune -q --init large/config.json \
        --tokenizer policy/spiece.model -o out train.jsonl
}

@test "a batch that does not fit is refused, and what takes less is said" {
    learn-guidance -q -i policy -o guidance --steps 1 --eval-every 0 train.jsonl
    local rows=(--batch-tokens 1000000000) smaller='a smaller --batch-tokens takes less'
    refused 1 "$smaller" sample -q --plain -m policy "${rows[@]}" train.jsonl
    [[ $stderr == *'of activations, '*'of keys and values, '* ]]
    refused 1 "$smaller" sample -q --plain -m "$FIXTURES/t5/v11" "${rows[@]}" train.jsonl
    [[ $stderr == *'of keys and values of encoded prompts, '* ]]
    refused 1 "$smaller" score -q -m policy -g guidance "${rows[@]}" train.jsonl
    [[ $stderr == *'memory: model: '*'of logits'*'; guidance: '*'of activations, '* ]]
    refused 1 "$smaller" score -q --metrics bertscore --bertscore-model "$FIXTURES/roberta/tiny" \
        "${rows[@]}" train.jsonl
    [[ $stderr == *'memory: bertscore: '* ]]
    refused 1 "$smaller" rank -q --by 'classifier + bertscore' "${judge[@]}" \
        --bertscore-model "$FIXTURES/roberta/tiny" "${rows[@]}" train.jsonl
    [[ $stderr == *'memory: classifier: '*'; bertscore: '* ]]
    # Longer batches than any machine holds; the last that fits is not far from what is free.
    smaller='a smaller --batch-size with a larger --accumulate takes less'
    local batch=(-b 1048576 --steps 1 --max-completion-tokens 60)
    jq -c '.completion = (.prompt + " ") * 40 | .completion as $long |
        .samples |= [to_entries[] | .value.text = "\(.key) \($long)" | .value]' train.jsonl >long.jsonl
    refused 1 "$smaller" fine-tune -q -m policy -o out "${batch[@]}" long.jsonl
    refused 1 "$smaller" learn-guidance -q -i policy -o out "${batch[@]}" --eval-every 0 long.jsonl
}

@test "what fits is told by training, and by filters when it is much" {
    run -0 --separate-stderr fine-tune -m policy --lora 4 -o out --steps 1 train.jsonl
    [[ ${stderr_lines[0]} == 'fine-tune: memory: 0.31 MB of mapped weights, 0.01 MB of an adapter, '* ]]
    [[ ${stderr_lines[1]} == 'fine-tune: 0.00192 M parameters to train; 1 steps' ]]
    run -0 --separate-stderr learn-guidance -i policy -o guidance --steps 1 train.jsonl
    [[ $stderr == *'learn-guidance: memory: '*' MB of weights, '*' in all, '*' MB are free'* ]]
    run -0 --separate-stderr fine-tune -m policy -g guidance --objective reinforce \
        --max-new-tokens 4 -o out --steps 1 train.jsonl
    [[ $stderr == *'fine-tune: memory: '*' of keys and values, '*'; guidance: '*' of mapped weights'* ]]
    run -0 --separate-stderr score --metrics nll -m policy train.jsonl
    [[ $stderr != *memory:* ]]
    for quiet in fine-tune\ -m learn-guidance\ -i; do
        # shellcheck disable=SC2086 # two words
        run -0 --separate-stderr $quiet policy -q -o "out-${quiet%% *}" --steps 1 train.jsonl
        [[ $stderr != *memory:* ]]
    done
}
