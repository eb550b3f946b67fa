#!/usr/bin/env bats
# Adapters (LoRA) in the programs: trained, gone on with, interrupted, sampled from, merged. What
# they compute is held to PEFT in tests/unit/test_lora.c, bad folders in test_lora_refused.c.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults
load records

prepare() {
    package_records 50 >train.jsonl
    copy_model policy
    small=(-q -l 0.01 -b 4 --accumulate 2)
}

@test "an adapter learns, is small, leaves the base alone, goes on, and merges" {
    for name in gpt2 llama/llama3 llama/qwen2 t5/v11; do
        rm -rf base one two whole
        cp -rL "$FIXTURES/$name" base
        before=$(cat base/* | sha256sum)
        fine-tune "${small[@]}" -m base --lora 4 --steps 20 --log log.jsonl -o one train.jsonl
        same "$(printf '%s\n' adapter_config.json adapter_model.safetensors)" "$(ls one)"
        jq -e '.r == 4 and .lora_alpha == 8 and .base_model_name_or_path == "../base"' one/adapter_config.json
        jq -e -s '.[19].loss < .[0].loss * 0.9' log.jsonl
        fine-tune "${small[@]}" -m one --steps 10 --log log.jsonl -o two train.jsonl
        jq -e '.r == 4 and .lora_alpha == 8 and .base_model_name_or_path == "../base"' two/adapter_config.json
        same "$before" "$(cat base/* | sha256sum)"
        # Merged, it is an ordinary model that computes the same.
        fine-tune -m two --merge -o whole
        [ -e whole/config.json ] && [ ! -e whole/adapter_config.json ]
        near "$(nll whole)" "$(nll two)"
        jq -en --argjson a "$(nll one)" --argjson b "$(nll base)" '$a < $b'
        jq -en --argjson a "$(nll two)" --argjson b "$(nll one)" '$a < $b'
    done
}

@test "trained and merged in one go is trained, then merged" {
    fine-tune "${small[@]}" -m policy --lora 3:5 --lora-targets all-linear --steps 5 -o adapter train.jsonl
    fine-tune -q -m adapter --merge -o later
    fine-tune "${small[@]}" -m policy --lora 3:5 --lora-targets all-linear --steps 5 --merge -o once train.jsonl
    cmp later/model.safetensors once/model.safetensors
    jq -e '.target_modules == ["c_attn", "c_proj", "c_fc"] and .lora_alpha == 5' adapter/adapter_config.json
    # An adapter that goes on, too.
    fine-tune "${small[@]}" -m adapter --steps 2 --merge -o on train.jsonl
    run ! cmp -s on/model.safetensors once/model.safetensors
    # What holds an adapter is replaced like what holds a model.
    fine-tune "${small[@]}" -m policy --lora 2 --steps 1 -o adapter train.jsonl
    jq -e '.r == 2' adapter/adapter_config.json
}

@test "a round of guidance with an adapter as policy" {
    fine-tune "${small[@]}" -m policy --lora 4 --steps 10 -o adapter train.jsonl
    head -12 train.jsonl | sample -q --plain -m adapter -k 3 --max-new-tokens 6 >samples
    rank -q --plain --by length samples >ranked
    learn-guidance -q -i adapter -o guidance --head-size 16 --steps 2 --eval-every 0 ranked
    [ -e guidance/config.json ] && [ ! -e guidance/adapter_config.json ]
    for objective in weighted-mle 'reinforce --max-new-tokens 5'; do
        # shellcheck disable=SC2086 # several options
        fine-tune "${small[@]}" -m adapter -g guidance --steps 3 -o next --objective $objective train.jsonl
        score -q --json -m next -g guidance ranked | jq -e '.metrics.nll.mean > 0'
    done
    # The same bytes however the work is cut.
    sample -q --plain -m next -k 3 --max-new-tokens 6 train.jsonl >one
    sample -q --plain -m next -k 3 --max-new-tokens 6 --batch-tokens 1 -j 2 train.jsonl >two
    cmp one two
}

@test "killed at any step and resumed: the same bytes" {
    options=(-m policy --lora 4 --lora-targets 'c_attn,mlp.c_proj' --steps 60 --valid train.jsonl --eval-every 10)
    fine-tune "${small[@]}" "${options[@]}" --log whole.jsonl -o whole train.jsonl
    for _ in 1 2; do
        rm -rf part part.checkpoint
        command=(fine-tune "${small[@]}" "${options[@]}" --save-every 7 --log part.jsonl -o part)
        interrupted KILL $((RANDOM % 40 + 1)) part.jsonl "${command[@]}" train.jsonl
        [ "$status" -eq 137 ]
        [ ! -e part ]
        "${command[@]}" --resume train.jsonl
        cmp whole/adapter_model.safetensors part/adapter_model.safetensors
        cmp whole/adapter_config.json part/adapter_config.json
        same "$(jq -c 'del(.tokens_per_second)' whole.jsonl)" "$(jq -c 'del(.tokens_per_second)' part.jsonl)"
    done
    # The adapter's rank and layers make another run, so does another base.
    command=(fine-tune "${small[@]}" --steps 300 --log part.jsonl -o part train.jsonl)
    interrupted TERM 2 part.jsonl "${command[@]}" -m policy --lora 4
    [ "$status" -eq 75 ]
    for change in '--lora 5' '--lora 4:1' '--lora 4 --lora-targets c_fc' ''; do
        # shellcheck disable=SC2086 # several words
        refused 1 'made with another program, other options' "${command[@]}" -m policy --resume $change
    done
    flip policy/model.safetensors $(($(tensor_at policy transformer.wte.weight) + 1))
    refused 1 'made with another program, other options' "${command[@]}" -m policy --lora 4 --resume
}

@test "folders that lie together move together; a base that is gone is named" {
    mkdir -p here/models
    mv policy here/models/base
    fine-tune "${small[@]}" -m here/models/base --lora 2 --steps 1 -o here/adapter train.jsonl
    same ../models/base "$(jq -r .base_model_name_or_path here/adapter/adapter_config.json)"
    mv here there
    sample -q --plain -m there/adapter --max-new-tokens 2 train.jsonl >/dev/null
    # Through a link, and from within.
    ln -s there/adapter link
    fine-tune "${small[@]}" -m link --steps 1 -o elsewhere train.jsonl
    same ../there/models/base "$(jq -r .base_model_name_or_path elsewhere/adapter_config.json)"
    (cd there/adapter && sample -q --plain -m . --max-new-tokens 2 "$BATS_TEST_TMPDIR/train.jsonl" >/dev/null)
    # An absolute name stays one.
    fine-tune "${small[@]}" -m "$PWD/there/models/base" --lora 2 --steps 1 -o absolute train.jsonl
    same "$PWD/there/models/base" "$(jq -r .base_model_name_or_path absolute/adapter_config.json)"
    rm -r there/models
    for program in 'sample --plain' 'score --metrics nll' 'fine-tune -o out'; do
        # shellcheck disable=SC2086 # several words
        refused 1 'elsewhere/adapter_config.json: base_model_name_or_path: there is no folder elsewhere/../there/models/base' \
            $program -q -m elsewhere train.jsonl
    done
}

@test "usage errors" {
    refused 2 'option --lora: ' fine-tune -m policy --lora x -o out train.jsonl
    refused 2 'option --lora: ' fine-tune -m policy --lora 0 -o out train.jsonl
    refused 2 '--lora-targets goes with --lora' fine-tune -m policy --lora-targets c_attn -o out train.jsonl
    refused 2 '--lora and --merge go with -m' fine-tune --init policy/config.json \
        --tokenizer policy/spiece.model --lora 4 -o out train.jsonl
    refused 1 'target q_proj: the model has no such layer' fine-tune -m policy --lora 4 \
        --lora-targets q_proj -o out train.jsonl
    refused 1 'rank 64 is larger than' fine-tune -m policy --lora 64 -o out train.jsonl
    refused 1 'policy: is no adapter' fine-tune -m policy --merge -o out train.jsonl
    refused 1 'policy: is no adapter' fine-tune -m policy --merge -o out
    fine-tune "${small[@]}" -m policy --lora 2 --steps 1 -o adapter train.jsonl
    refused 1 'adapter: is an adapter' fine-tune -m adapter --lora 2 -o out train.jsonl
    mkdir full
    echo text >full/notes
    refused 1 'full: it holds notes' fine-tune -m adapter --merge -o full
    # Bad data is found before a model is trained or written.
    echo 7 >bad.jsonl
    refused 1 'bad.jsonl:1: ' fine-tune -q -m policy --lora 2 -o out bad.jsonl
}
