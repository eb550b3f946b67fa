#!/usr/bin/env bats
# sample: what it adds, that the same seed gives the same bytes, greedy continuations as
# transformers makes them, and what it refuses.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

prepare() {
    model=$FIXTURES/gpt2
    cat >prompts.jsonl <<'END'
{"id":"a","prompt":"a library for fonts","completion":"fonts","own":{"x":[1.5,null]}}
{"prompt":"tool that draws images"}
{"prompt":""}
{"id":7,"prompt":"the web server of the python language"}
END
}

# draw OPTIONS...: plain, quiet, from the tiny model.
draw() {
    sample -q --plain -m "$model" --max-new-tokens 8 "$@"
}

@test "adds samples, keeps everything else in place" {
    draw -k 3 prompts.jsonl >out
    same "$(jq -c '.id //= input_line_number' prompts.jsonl)" "$(jq -c 'del(.samples)' out)"
    jq -e -s 'all(.samples | length == 3)' out
    jq -e '.samples | all((.tokens | length) == 8 and .finish == "length"
        and (.text | type) == "string" and .logprob < 0
        and (keys_unsorted == ["text", "tokens", "finish", "logprob"]))' out >/dev/null
    # Samples of an earlier model are replaced.
    draw -k 1 out | jq -e '.samples | length == 1' >/dev/null
}

@test "a greedy continuation is that of transformers, under every option it shares" {
    copy_model swapped
    same '[2,448]' "$(jq -c .swap "$FIXTURES/sample.json")"
    exchange_rows swapped 40 2 448
    for i in 0 1 2 3 4; do
        jq -c ".runs[$i]" "$FIXTURES/sample.json" >run
        options=$(jq -r '.options | to_entries[]
            | "--" + (.key | gsub("_"; "-")) + "=" + (.value | tostring)' run)
        ! jq -e .swapped run >/dev/null || model=swapped
        # shellcheck disable=SC2086 # several options
        jq -c '.records[] | {prompt}' run | sample -q --plain -m "$model" --greedy --logprobs \
            --max-new-tokens "$(jq .new_tokens "$FIXTURES/sample.json")" $options >got
        same "$(jq -c '.records[].tokens' run)" "$(jq -c '.samples[0].tokens' got)"
        same "$(jq -r '.records[].tokens | if .[-1] == 2 then "stop" else "length" end' run)" \
            "$(jq -r '.samples[0].finish' got)"
        # By the model's own softmax, whatever penalty or length shaped the choice. fp32
        # here: within 1e-6 of logits of up to 20.
        jq -e -n --slurpfile run run --slurpfile got got '[$run[0].records, $got] | transpose
            | length == 5 and all(.[0].logprobs as $want | .[1].samples[0] as $sample
                | ([$want, $sample.logprobs] | transpose | all((.[0] - .[1]) | fabs < 2e-5))
                and (($want | add) - $sample.logprob | fabs < 2e-4))' >/dev/null
    done
}

@test "the text is what the tokens decode to; an ended one has no mark of it" {
    copy_model swapped
    exchange_rows swapped 40 2 448
    model=swapped
    draw -k 8 --top-k 3 prompts.jsonl >out
    jq -e -s '[.[].samples[].finish] | index("stop") and index("length")' out >/dev/null
    jq -e '.samples | all((.finish == "stop") == (.tokens[-1] == 2))' out >/dev/null
    jq -e '.samples | all(.tokens[:-1] | index(2) | not)' out >/dev/null
    [ "$(grep -c '</s>' out)" -eq 0 ]
    # What spells text is read back by learn-guidance's check of tokens; here by spm_decode.
    jq -r '.samples[].tokens | map(tostring) | join(" ")' out |
        spm_decode --model="$model/spiece.model" --input_format=id >texts
    jq -r '.samples[].text' out | diff - texts
}

@test "same bytes: batches, threads, pipes, repetition" {
    for i in $(seq 40); do
        printf '{"prompt":"%s"}\n' "$(head -c $((i * 3)) <<<"the fonts of a server log images for python and audio with many words of all kinds to try")"
    done >many
    common=(-q -m "$model" --max-new-tokens 12 -k 3 -s 7)
    sample "${common[@]}" many -o one.zst
    for options in '--batch-tokens 1' '--batch-tokens 300' '--batch-tokens 100000' '-j 1' '-j 2' \
        '-j 2 --batch-tokens 500'; do
        # shellcheck disable=SC2086 # several options
        sample "${common[@]}" $options many -o two.zst
        cmp one.zst two.zst
    done
    zstd -q -c many | sample "${common[@]}" >two.zst
    cmp <(zstdcat one.zst) <(zstdcat two.zst)
    sample "${common[@]}" -s 8 many -o two.zst
    run ! cmp -s <(zstdcat one.zst) <(zstdcat two.zst)
}

@test "a sample depends on record and number alone: k, order and company do not matter" {
    draw -k 1 prompts.jsonl | jq -c '.samples' >one
    draw -k 4 prompts.jsonl >four
    diff one <(jq -c '[.samples[0]]' four)
    draw -k 2 prompts.jsonl | jq -c '.samples' | diff - <(jq -c '.samples[:2]' four)
    # One record alone, and all in another order (ids are there by now).
    jq -c 'del(.samples)' four >numbered
    sed -n 3p numbered | draw -k 4 | diff - <(sed -n 3p four)
    tac numbered | draw -k 4 | tac | diff - four
    # Samples of one prompt differ from each other.
    jq -e '[.samples[].tokens] | unique | length == 4' four >/dev/null
    # Another id, other numbers.
    jq -c '.id = "else"' numbered | draw -k 1 | jq -c '.samples' >else
    [ "$(comm -12 <(sort one) <(sort else) | wc -l)" -eq 0 ]
}

@test "options of decoding: top-k 1 and a tiny top-p are greedy, a hot temperature is not" {
    draw --greedy prompts.jsonl >greedy
    draw --top-k 1 prompts.jsonl | diff - greedy
    draw --top-p 1e-9 prompts.jsonl | diff - greedy
    draw --temperature 1e-4 prompts.jsonl | diff - greedy
    draw --temperature 1e4 prompts.jsonl >hot
    run ! cmp -s hot greedy
    draw --top-k 5 -k 50 prompts.jsonl | jq -e '[.samples[].tokens[0]] | unique | length | . > 1 and . <= 5' >/dev/null
    # A prefix is part of the prompt.
    sed 's/"prompt":"/&so: /' prompts.jsonl | draw | jq -c .samples >with
    draw --prefix 'so: ' prompts.jsonl | jq -c .samples | diff - with
    sed 's/"prompt"/"source"/' prompts.jsonl | draw --prompt-field source | jq -c .samples |
        diff - <(draw prompts.jsonl | jq -c .samples)
}

@test "a prompt longer than the context is cut and counted, refused with --strict" {
    run -0 --separate-stderr sample --plain -q -m "$model" --max-new-tokens 60 prompts.jsonl
    same '' "$stderr"
    sample --plain -m "$model" --max-new-tokens 60 prompts.jsonl >out 2>err
    grep -q '^sample: 3 prompts were longer than 4 tokens and were cut at their end$' err
    # The first tokens stay.
    jq -e -s 'all(.samples[0].tokens | length == 60)' out >/dev/null
    refused 1 'prompts.jsonl:1: prompt: 7 tokens; expected at most 4' \
        sample --max-new-tokens 60 --strict -m "$model" prompts.jsonl -o out.zst
    refused 1 'prompts.jsonl:1: prompt: 7 tokens; expected at most 2' \
        sample --max-prompt-tokens 2 --max-new-tokens 4 --strict -m "$model" prompts.jsonl
    # Without a number, half the context stays for the prompt.
    sample --plain -q -m "$model" --min-new-tokens 64 prompts.jsonl |
        jq -e -s 'all(.samples[0].tokens | length == 32)' >/dev/null
    refused 1 "--max-new-tokens 64 leaves no room for a prompt: the model's context is 64 tokens" \
        sample --max-new-tokens 64 -m "$model" prompts.jsonl
    # Such a record is one that --max-errors may skip.
    sample --plain -q -m "$model" --max-new-tokens 60 --strict --max-errors 3 prompts.jsonl >out 2>err
    [ "$(wc -l <out)" -eq 1 ]
    [ "$(grep -c '(skipped)$' err)" -eq 3 ]
}

@test "an empty stream is an empty output" {
    run -0 --separate-stderr draw </dev/null
    same '' "$output$stderr"
    zstd -q </dev/null | sample -q -m "$model" -o out.zst
    same '' "$(zstdcat out.zst)"
}

@test "a reader that goes away ends it quietly" {
    for i in $(seq 3000); do echo '{"prompt":"the fonts"}'; done >many
    run -0 --separate-stderr bash -c 'set -o pipefail; sample -m "$1" --plain -k 4 --max-new-tokens 2 many | head -1 >first
        exit "${PIPESTATUS[0]}"' - "$model"
    same '' "$stderr"
    [ "$(jq '.samples | length' first)" -eq 4 ]
    run -0 --separate-stderr bash -c 'sample -m "$1" -k 4 --max-new-tokens 2 many | zstdcat 2>/dev/null | head -1 >first
        exit "${PIPESTATUS[0]}"' - "$model"
    same '' "$stderr"
}

@test "model folders that are not what they say, each by name" {
    bad() { # TEXT: spoilt in the folder `bad`
        refused 1 "$1" sample -q -m bad -o out prompts.jsonl
        copy_model bad
    }
    copy_model bad
    set_header bad '."transformer.wpe.weight".dtype = "I32"'
    bad 'transformer.wpe.weight: dtype I32, expected F32, F16 or BF16'
    set_header bad '."transformer.wpe.weight".shape = [32, 80]'
    bad 'transformer.wpe.weight: shape does not fit config.json, expected [64, 40]'
    set_header bad '."transformer.wpe.weight".shape = [64, 41]'
    bad 'transformer.wpe.weight: data_offsets span'
    set_header bad '."transformer.wpe.weight".data_offsets |= map(. + 100000000)'
    bad 'transformer.wpe.weight: data_offsets'
    set_header bad '."transformer.wpe.weight".data_offsets |= map(. - 40)'
    bad 'overlap'
    printf '\377\377\377\377\377\377\377\177' | dd of=bad/model.safetensors conv=notrunc status=none
    bad 'model.safetensors: header length 9223372036854775807 exceeds the file'
    truncate -s -100 bad/model.safetensors
    bad 'model.safetensors: '
    : >bad/model.safetensors
    bad 'model.safetensors: 0 bytes are too few'
    printf '\0\0\300\177' | dd of=bad/model.safetensors bs=1 conv=notrunc status=none \
        seek=$(($(tensor_at bad transformer.h.1.mlp.c_fc.weight) + 400))
    bad 'transformer.h.1.mlp.c_fc.weight: '
    overflow bad
    bad "the model's logits are not numbers"
    rm bad/spiece.model
    bad 'bad: no tokenizer: looked for spiece.model'
    jq '.vocab_size = 600' "$model/config.json" >bad/config.json
    bad 'a tokenizer of another vocabulary size'
    head -c 1000 "$model/spiece.model" >bad/spiece.model
    bad 'spiece.model'
    rm bad/config.json
    bad 'config.json'
    refused 1 'no-model: No such file' sample -q -m no-model prompts.jsonl
    refused 1 'prompts.jsonl: not a folder; expected a model folder' sample -q -m prompts.jsonl
}

@test "usage errors" {
    refused 2 '--model' sample prompts.jsonl
    refused 2 '--temperature' sample -m "$model" --temperature 0 prompts.jsonl
    refused 2 '--top-p' sample -m "$model" --top-p 1.5 prompts.jsonl
    refused 2 '--samples' sample -m "$model" -k 0 prompts.jsonl
    refused 2 '--seed' sample -m "$model" -s 1e3 prompts.jsonl
    refused 2 '--beam' sample -m "$model" --beam 4 prompts.jsonl
}

# shellcheck disable=SC2094 # files of other names
@test "a prompt that is too long is cut on the chosen side of its text, between prefix and suffix" {
    local side
    printf '{"prompt":"%s"}\n' 'a library for fonts and a tool that draws images of the web server' >long
    template=(--prefix 'text: ' --suffix ' summary:' --max-prompt-tokens 16)
    for side in right left middle; do
        draw --greedy "${template[@]}" --truncate $side long 2>err >$side
        jq -c .samples $side >samples-$side
    done
    [ "$(cat samples-* | sort -u | wc -l)" -gt 1 ]
    run -0 --separate-stderr sample --plain -m "$model" --max-new-tokens 2 --truncate left "${template[@]}" long
    [[ $stderr == *'sample: 1 prompts were longer than 16 tokens and were cut at their beginning'* ]]
    refused 1 'before and after its text leave none of 4 for it' sample -q -m "$model" "${template[@]}" --max-prompt-tokens 4 long
    # The same for what is learned, with the same words.
    jq -c '.completion = "b"' long >train
    run -0 --separate-stderr fine-tune -m "$model" -o out --steps 1 -b 1 --truncate middle "${template[@]}" train
    [[ $stderr == *'1 prompts were cut in their middle and 0 completions to fit'* ]]
    # Without a need to cut, the side does not matter, and the suffix is text like any other.
    draw --suffix ' fonts' prompts.jsonl | jq -c .samples >suffixed
    draw --truncate left <(jq -c '.prompt += " fonts"' prompts.jsonl) | jq -c .samples | cmp suffixed -
}

@test "progress says how many records there are to be, and tokens a second" {
    run -0 --separate-stderr sample -m "$model" --max-new-tokens 4 prompts.jsonl -o out
    [[ $stderr =~ ^'sample: done 4 records in '.*' records/s, '[0-9.e+]+' tokens/s'$ ]]
    for i in {1..3000}; do echo '{"prompt":"a library"}'; done | zstd -q >many.zst
    script -qec "sample -m '$model' --max-new-tokens 8 many.zst -o out" seen </dev/null >/dev/null
    grep -qE '[0-9]+/3000 records, [0-9.]+/s, [0-9.e+]+ tokens/s' seen
    run -0 --separate-stderr sample -m "$model" --max-new-tokens 4 -o out < <(zstdcat many.zst | head -5)
    [[ $stderr == *'done 5 records'* ]]
}
