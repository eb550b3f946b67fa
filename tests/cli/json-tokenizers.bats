#!/usr/bin/env bats
# The programs on GPT-2 folders with the tokenizers of Hugging Face's files. Their ids are held
# to a reference in tests/unit/test_json_tokenizer.c.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

prepare() {
    jq 'del(.vocab_size, .bos_token_id, .eos_token_id)' "$FIXTURES/gpt2/config.json" >config.json
    printf '%s\n' '{"prompt":"naïve café 😀","completion":" it'"'"'s 日本"}' \
        '{"prompt":"return 12345","completion":" + 1"}' '{"prompt":"","completion":"\ta\n"}' >train.jsonl
}

@test "a model from scratch with each kind: learned, saved with its files, sampled from" {
    local -A files=([gpt2]=tokenizer.json [merges]=vocab.json [roberta]=merges.txt
        [llama3]=tokenizer.json [qwen2]=tokenizer.json)
    for kind in "${!files[@]}"; do
        folder=$FIXTURES/tokenizers/$kind
        fine-tune -q --init config.json --tokenizer "$folder/${files[$kind]}" -o "$kind" --steps 2 \
            -b 3 train.jsonl
        for file in "$folder"/*; do cmp "$file" "$kind/${file##*/}"; done
        jq -e '.clean_up_tokenization_spaces == false or .tokenizer_class' "$kind/tokenizer_config.json"
        [ "$(jq .vocab_size "$kind/config.json")" -ge 420 ]
        sample -q --plain -m "$kind" --max-new-tokens 6 -s 1 train.jsonl >samples
        jq -e -s 'length == 3 and all(.samples[0] | (.tokens | length) > 0)' samples
        # Saved again from what was saved: the same tokenizer.
        fine-tune -q -m "$kind" -o again --steps 1 -b 3 train.jsonl
        for file in "$folder"/*; do cmp "$file" "again/${file##*/}"; done
        rm -r again
    done
    # The end of a text is the tokenizer's, not a number of config.json.
    jq -e --slurpfile vocabulary "$FIXTURES/tokenizers/llama3/tokenizer.json" '.eos_token_id as $id
        | $vocabulary[0].added_tokens[] | select(.id == $id) | .content == "<|end_of_text|>"' llama3/config.json
}

@test "the same with folders as transformers saves them" {
    for kind in t5 t5-json albert unigram llama2 roberta; do
        folder=$FIXTURES/folders/$kind
        fine-tune -q --init config.json --tokenizer "$folder" -o "$kind" --steps 1 -b 3 train.jsonl
        for file in "$folder"/*; do cmp "$file" "$kind/${file##*/}"; done
        sample -q --plain -m "$kind" --max-new-tokens 6 -s 1 train.jsonl >samples
        jq -e -s 'length == 3 and all(.samples[0] | (.tokens | length) > 0)' samples
    done
    # T5's extra ids are of the vocabulary.
    [ "$(jq .vocab_size t5/config.json)" -gt "$(jq '[.[]] | max' t5/added_tokens.json)" ]
}

@test "tokens that only the files beside tokenizer.json name: of the vocabulary, carried along" {
    mkdir more
    cp "$FIXTURES/tokenizers/gpt2/tokenizer.json" more/
    size=$(jq '[.added_tokens[].id] | max + 1' more/tokenizer.json)
    echo '{"pad_token":"<pad>","model_max_length":64}' >more/tokenizer_config.json
    echo '{"eos_token":{"content":"<end>","lstrip":true}}' >more/special_tokens_map.json
    fine-tune -q --init config.json --tokenizer more -o made --steps 1 -b 3 train.jsonl
    for file in more/*; do cmp "$file" "made/${file##*/}"; done
    [ "$(jq .vocab_size made/config.json)" = $((size + 2)) ]
    [ "$(jq .eos_token_id made/config.json)" = "$size" ]
    sample -q --plain -m made --max-new-tokens 4 -s 1 train.jsonl >samples
    jq -e -s 'length == 3' samples
    # A vocabulary without room for one more, and an id that is another's.
    jq '.mask_token = "<more>"' more/tokenizer_config.json >made/tokenizer_config.json
    refused 1 'a tokenizer of another vocabulary size' sample -m made train.jsonl
    jq '.added_tokens_decoder = {"3": {"content": "<pad>"}}' more/tokenizer_config.json >made/tokenizer_config.json
    refused 1 "tokenizer_config.json: added_tokens_decoder: 3: '<pad>' has id" sample -m made train.jsonl
}

@test "tokens are shown as text" {
    printf '%s\n' '{"prompt":"p","samples":[{"tokens":[220,259],"rewards":[0.5,1],"text":"x"}]}' >scored.jsonl
    shown=$(score -q --color --tokenizer "$FIXTURES/tokenizers/gpt2/tokenizer.json" scored.jsonl)
    [ -n "$shown" ]
    [[ $shown != *Ġ* ]]
}

@test "refused: another vocabulary's model, a spoilt file" {
    cp -rL "$FIXTURES/gpt2" model
    rm model/spiece.model
    refused 1 'model: no tokenizer: looked for' sample -m model train.jsonl
    echo '{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}' >model/tokenizer.json
    refused 1 'a tokenizer of another vocabulary size' sample -m model train.jsonl
    jq '.model.merges[3] = "a b c"' "$FIXTURES/tokenizers/gpt2/tokenizer.json" >model/tokenizer.json
    refused 1 'model/tokenizer.json: model: merges[3]: expected two pieces' sample -m model train.jsonl
}

@test "what a tokenizer's folder holds besides is carried along, whatever the vocabulary's kind" {
    local kind file
    for kind in tokenizers/qwen2 folders/llama2 folders/t5; do
        rm -rf base made again guidance
        cp -r -L "$FIXTURES/$kind" base
        for file in chat_template.jinja chat_template.json vocab.txt sentencepiece.bpe.model tekken.json; do
            printf '{{ messages }} of %s' "$file" >base/$file
        done
        fine-tune -q --init config.json --tokenizer base -o made --steps 1 -b 3 train.jsonl
        fine-tune -q -m made -o again --steps 1 -b 3 train.jsonl
        for file in base/*; do
            cmp "$file" "made/${file##*/}"
            cmp "$file" "again/${file##*/}"
        done
    done
    echo '{"prompt":"a","samples":[{"text":"b","score":1},{"text":"c","score":2}]}' >groups.jsonl
    learn-guidance -q -i made -o guidance --steps 1 --eval-every 0 groups.jsonl
    cmp base/chat_template.jinja guidance/chat_template.jinja
}

@test "a written folder says what type its weights have, under the names of old and new" {
    cp -r -L "$FIXTURES/gpt2-bf16" base
    jq '.dtype = "bfloat16" | .torch_dtype = "bfloat16"' "$FIXTURES/gpt2-bf16/config.json" >base/config.json
    fine-tune -q -m base -o made --steps 1 -b 3 train.jsonl
    jq -e '.dtype == "float32" and .torch_dtype == "float32"' made/config.json
    same F32 "$(head -c 4000 made/model.safetensors | grep -ao '"dtype":"[A-Z0-9]*"' | sort -u | cut -d '"' -f 4)"
}
