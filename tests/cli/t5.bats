#!/usr/bin/env bats
# Every program on an encoder-decoder: as policy, guidance and scorer.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper
load records

prepare() {
    library_records 4 >train.jsonl
}

# The loop once, from the model NAME of the fixtures.
go_round() {
    learn_round "$FIXTURES/t5/$1" --prefix 'summarize: '
    fine-tune -q -m policy -g guidance --objective reinforce --samples 2 --max-new-tokens 5 --steps 1 \
        -o better train.jsonl
    jq -e '.model_type == "t5" and .decoder_start_token_id == 0' better/config.json >/dev/null
    check_policy better
}

@test "a round with T5 v1.0" { go_round v10; }
@test "a round with T5 v1.1" { go_round v11; }

@test "an adapter, trained and merged" {
    fine-tune -q -m "$FIXTURES/t5/v11" --lora 2 --objective mle --steps 2 --learning-rate 1e-2 -o adapter \
        train.jsonl
    jq -e '.task_type == "SEQ_2_SEQ_LM" and .target_modules == ["q", "v"]' adapter/adapter_config.json >/dev/null
    fine-tune -q -m adapter --merge -o merged
    # The same, but for the rounding of the merged weights; and not the base's.
    near "$(nll adapter)" "$(nll merged)"
    jq -en --argjson a "$(nll adapter)" --argjson b "$(nll "$FIXTURES/t5/v11")" '$b - $a > 1e-2' >/dev/null
}

@test "from scratch, by a config alone" {
    fine-tune -q --init "$FIXTURES/t5/v11/config.json" --tokenizer "$FIXTURES/t5/v11" \
        --objective mle --steps 3 --log log.jsonl -o fresh train.jsonl
    jq -e -s 'map(.loss) | first > 0 and last < first' log.jsonl >/dev/null
    jq -e '.tokenizer_class == "T5Tokenizer" and .extra_ids == 0' fresh/tokenizer_config.json >/dev/null
    sample -q --plain -m fresh --max-new-tokens 3 train.jsonl >samples
    jq -e -s 'length == 4 and all(.samples | length == 1)' samples >/dev/null
}

@test "a prompt keeps its end-of-sequence token when it is cut" {
    # Of n tokens the first n - 1 and EOS: what fits is not changed by a limit that it meets.
    sample -q --plain --greedy -m "$FIXTURES/t5/v10" --max-new-tokens 4 --max-prompt-tokens 1 \
        train.jsonl | jq -c .samples | sort -u >short
    echo '{"prompt":""}' | sample -q --plain --greedy -m "$FIXTURES/t5/v10" --max-new-tokens 4 |
        jq -c .samples >empty
    [ "$(wc -l <short)" = 1 ]
    cmp short empty
}

@test "sources and generations are longer than n_positions when they are asked to be" {
    jq -nc '{prompt: ([range(900)] | map("font") | join(" "))}' >long.jsonl
    sample -q --plain -m "$FIXTURES/t5/v10" --max-new-tokens 700 --min-new-tokens 700 \
        --max-prompt-tokens 3000 --strict long.jsonl >long
    jq -e '.samples[0].tokens | length == 700' long >/dev/null
    run -1 --separate-stderr sample -q --plain -m "$FIXTURES/t5/v10" --strict long.jsonl
    [[ $stderr == *'expected at most 512'* ]]
    run -1 --separate-stderr sample -q --plain -m "$FIXTURES/t5/v10" --max-new-tokens 100000 long.jsonl
    [[ $stderr == *'at most 65536'* ]]
}

@test "a guidance without an encoder does not fit a policy with one" {
    sample -q --plain -m "$FIXTURES/gpt2" -k 2 --max-new-tokens 4 train.jsonl | rank -q --by length >ranked
    learn-guidance -q -i "$FIXTURES/gpt2" -o guidance --steps 1 ranked
    run -1 --separate-stderr fine-tune -q -m "$FIXTURES/t5/v10" -g guidance --objective weighted-mle \
        --steps 1 -o policy train.jsonl
    [[ $stderr == *'one of them has an encoder'* ]]
}

@test "a config that is not supported is refused by the field's name" {
    cp -rL "$FIXTURES/t5/v10" bad
    for change in '.feed_forward_proj = "gated-tanh"' '.relative_attention_num_buckets = 31' \
        '.relative_attention_max_distance = 16' '.num_heads = 100000' '.is_encoder_decoder = false' \
        '.tie_word_embeddings = 1' '.d_kv = 0' '.num_layers = "6"'; do
        jq "$change" "$FIXTURES/t5/v10/config.json" >bad/config.json
        run -1 --separate-stderr sample -q --plain -m bad train.jsonl
        field=${change%% =*}
        [[ $stderr == *"bad/config.json: ${field#.}: "* ]]
    done
}
