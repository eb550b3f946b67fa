#!/usr/bin/env bats
# fine-tune on the tiny model of the fixtures: it learns, it makes the same bytes again,
# interrupted or not, and it refuses. Its losses are held to their formulas in
# tests/unit/test_objective.c.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults
load records

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    package_records 100 >train.jsonl
    jq -c '{prompt, samples: [{text: .completion, score: 2}, {text: .prompt, score: 1}]}' train.jsonl |
        learn-guidance -q -i "$FIXTURES/gpt2" -o guidance --head-size 16 -l 0.003 --steps 10 \
            --eval-every 0
}

prepare() {
    cp "$BATS_FILE_TMPDIR/train.jsonl" .
    guidance=$BATS_FILE_TMPDIR/guidance
    model=$FIXTURES/gpt2
    small=(-l 0.002 -b 4 --accumulate 2)
    objectives=(
        '--objective mle'
        '--objective mle --prompt-loss 0.5'
        '--objective weighted-mle'
        '--objective weighted-mle --token-weight exp --reward-scale 4'
        '--objective weighted-mle --token-weight reward-to-go'
        '--objective weighted-mle --policy-gradient 0.1 --entropy 0.01 -k 2 --max-new-tokens 5'
        '--objective reinforce --max-new-tokens 5'
        '--objective reinforce --token-weight reward-to-go --entropy 0 -k 2 --max-new-tokens 5'
    )
}

# command_to OUTPUT OPTIONS...: sets `command`: fine-tune on train.jsonl, with the guidance
# where the objective wants it.
command_to() {
    local output=$1
    shift
    [[ $* != *'weighted-mle'* && $* != *reinforce* ]] || set -- "$@" -g "$guidance"
    command=(fine-tune -m "$model" -o "$output" "${small[@]}" "$@" train.jsonl)
}

tune() { # as command_to, and runs it
    command_to "$@"
    "${command[@]}"
}

@test "mle learns: log, validation, the best weights, a folder to go on from" {
    tail -20 train.jsonl >valid.jsonl
    head -80 train.jsonl >train && mv train train.jsonl
    run tune policy --epochs 8 --eval-every 10 --valid valid.jsonl --log log.jsonl
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"kept the weights of step "* ]]
    # Before training, then better; the updates are all there, with finite numbers.
    jq -e -s 'map(select(.validation)) | .[0].step == 0 and (map(.validation) | min) < .[0].validation / 2' log.jsonl
    jq -e -s 'map(select(.loss)) | length == 80 and all(.loss > 0 and .gradient_norm > 0
        and .nll > 0 and .entropy > 0 and .length > 1 and .learning_rate == 0.002)' log.jsonl
    for name in config.json model.safetensors; do [ -s "policy/$name" ]; done
    cmp policy/spiece.model "$model/spiece.model"
    [ ! -e policy.checkpoint ]
    # What was kept is what the result's first validation finds.
    best=$(jq -s 'map(select(.best)) | last.validation' log.jsonl)
    model=policy
    tune again -q --steps 1 --eval-every 1 --valid valid.jsonl --log again.jsonl
    same "$best" "$(jq -s '.[0].validation' again.jsonl)"
    # In the place of an older one.
    tune again -q --steps 2
    run ! cmp -s policy/model.safetensors again/model.safetensors
    sample -q --plain -m again --greedy --max-new-tokens 8 valid.jsonl | jq -e -s 'length == 20' >/dev/null
}

@test "validation by what the policy writes keeps the weights that write best" {
    local expression='rouge1+2*rouge2+rougeLsum'
    tail -20 train.jsonl >valid.jsonl
    head -80 train.jsonl >train && mv train train.jsonl
    tune policy -q --epochs 12 --eval-every 30 --valid valid.jsonl --valid-by "$expression" \
        --max-new-tokens 8 --log log.jsonl
    jq -e -s 'map(select(.validation)) | (map(.validation) | max) == (map(select(.best)) | last.validation)
        and all(.nll > 0) and .[-1].validation > .[0].validation' log.jsonl
    # The same by the programs that sample and rank, to the digits of the log.
    for folder in "$model" policy; do
        sample -q -m "$folder" --greedy --max-new-tokens 8 valid.jsonl |
            rank -q --plain --by "$expression" | jq -s '[.[].samples[0].score] | add / length'
    done >means
    jq -e -s --slurpfile means means '[.[0].validation, (map(select(.best)) | last.validation)]
        | ((.[0] - $means[0] | fabs) < 1e-5) and ((.[1] - $means[1] | fabs) < 1e-5)' log.jsonl
}

@test "from scratch: a function of the seed, near log of the vocabulary at first" {
    for seed in 1 2; do
        fine-tune --init "$model/config.json" --tokenizer "$model/spiece.model" -q -s $seed \
            -o scratch-$seed --steps 2 -b 8 --log log-$seed train.jsonl
    done
    fine-tune --init "$model/config.json" --tokenizer "$model/spiece.model" -q -s 1 \
        -o again --steps 2 -b 8 train.jsonl
    cmp scratch-1/model.safetensors again/model.safetensors
    run ! cmp -s scratch-1/model.safetensors scratch-2/model.safetensors
    # config.json says 0.2 for the s.d. of weights, so logits are no flat 0.
    jq -e -s '.[0].loss > 5.5 and .[0].loss < 8' log-1
    cmp scratch-1/spiece.model "$model/spiece.model"
    sample -q -m scratch-1 train.jsonl --max-new-tokens 2 -o samples
    # A run from another config.json is another run, even if its weights have the same shapes.
    command=(fine-tune --init config.json --tokenizer "$model/spiece.model" -o part -b 8
        --steps 300 --log part.jsonl -q train.jsonl)
    cp "$model/config.json" .
    interrupted TERM 2 part.jsonl "${command[@]}"
    [ "$status" -eq 75 ]
    jq '.layer_norm_epsilon = 0.001' "$model/config.json" >config.json
    refused 1 'part.checkpoint: made with another' "${command[@]}" --resume
}

@test "every objective: the same run gives the same bytes, another one others" {
    sums=()
    for objective in "${objectives[@]}"; do
        # shellcheck disable=SC2086 # several options
        for output in one two; do tune "$output" -q --steps 4 -s 5 $objective; done
        cmp one/model.safetensors two/model.safetensors
        sums+=("$(sha256sum <one/model.safetensors)")
    done
    same "${#objectives[@]}" "$(printf '%s\n' "${sums[@]}" | sort -u | wc -l)"
    # The seed: of the order, and of what is drawn.
    for objective in "${objectives[0]}" "${objectives[6]}"; do
        # shellcheck disable=SC2086
        tune one -q --steps 4 -s 5 $objective
        # shellcheck disable=SC2086
        tune two -q --steps 4 -s 6 $objective
        run ! cmp -s one/model.safetensors two/model.safetensors
    done
    # One batch of all has no order, but its draws are those of the seed.
    head -4 train.jsonl >four && mv four train.jsonl
    small=(-l 0.002 -b 4 --accumulate 1)
    tune one -q --steps 1 -s 5 --objective reinforce --max-new-tokens 5 --log one.jsonl
    tune two -q --steps 1 -s 6 --objective reinforce --max-new-tokens 5 --log two.jsonl
    [ "$(jq .nll one.jsonl)" != "$(jq .nll two.jsonl)" ]
}

@test "uniform weights are those of a constant reward, and not those of mle" {
    learn-guidance -i "$model" -o constant --untrained
    nll_under() { # OPTION...: of the records, after some updates
        fine-tune -m "$model" -o policy "${small[@]}" -q --steps 8 -s 5 "$@" train.jsonl
        score -q --json --metrics nll -m policy train.jsonl | jq .metrics.nll.mean
    }
    uniform=$(nll_under --objective weighted-mle --token-weight uniform --log log.jsonl)
    jq -e -s 'all(has("reward") | not)' log.jsonl
    near "$uniform" "$(nll_under --objective weighted-mle -g constant)"
    for other in '--objective mle' '--objective weighted-mle -g constant --token-weight reward-to-go'; do
        # shellcheck disable=SC2086 # several options
        run ! near "$uniform" "$(nll_under $other)"
    done
}

@test "reinforce raises the reward, needs no completions; the log tells" {
    jq -c 'del(.completion)' train.jsonl >prompts && mv prompts train.jsonl
    tune policy -q --steps 60 -l 0.005 --objective reinforce --entropy 0 --max-new-tokens 6 -k 4 \
        --log log.jsonl
    jq -e -s 'all(.reward > 0 and .length <= 6)' log.jsonl
    jq -e -s '(map(.reward) | .[-5:] | add / 5), (map(.reward) | .[:5] | add / 5)' log.jsonl
    # Minimising r nll makes what is drawn likelier (METHOD.md's loss has no baseline).
    jq -e -s '(map(.nll) | .[-5:] | add) < (map(.nll) | .[:5] | add)' log.jsonl
    # Entropy has the other effect.
    tune other -q --steps 60 -l 0.005 --objective reinforce --entropy 5 --max-new-tokens 6 -k 4 \
        --log other.jsonl
    [ "$(jq -n --slurpfile a log.jsonl --slurpfile b other.jsonl '$a[-1].entropy < $b[-1].entropy')" = true ]
}

@test "--recompute and other numbers of threads give the same bytes, with every architecture" {
    local folder
    for folder in gpt2 llama/qwen3 t5/v11 causal-roberta/tiny; do
        rm -rf out again
        fine-tune -q -m "$FIXTURES/$folder" -o out "${small[@]}" -j 1 --steps 3 train.jsonl
        fine-tune -q -m "$FIXTURES/$folder" -o again "${small[@]}" -j 3 --steps 3 --recompute train.jsonl
        cmp out/model.safetensors again/model.safetensors
    done
    rm -rf out again
    fine-tune -q -m "$model" -o out --lora 4 "${small[@]}" --steps 3 train.jsonl
    fine-tune -q -m "$model" -o again --lora 4 "${small[@]}" --steps 3 --recompute train.jsonl
    cmp out/adapter_model.safetensors again/adapter_model.safetensors
    run fine-tune -m "$model" -o other "${small[@]}" --steps 1 --gemm openblas train.jsonl
    ((status == 0))
}

@test "killed at any step and resumed: the same bytes, for every objective" {
    for objective in "${objectives[0]}" "${objectives[5]}" "${objectives[7]}"; do
        options=(--steps 40 --valid train.jsonl --eval-every 10)
        # shellcheck disable=SC2206 # several options
        options+=($objective)
        tune whole -q "${options[@]}" --log whole.jsonl
        for _ in 1 2; do
            rm -rf part part.checkpoint
            command_to part -q "${options[@]}" --save-every 7 --log part.jsonl
            interrupted KILL $((RANDOM % 25 + 1)) part.jsonl "${command[@]}"
            [ "$status" -eq 137 ]
            [ ! -e part ]
            tune part -q "${options[@]}" --save-every 7 --log part.jsonl --resume
            cmp whole/model.safetensors part/model.safetensors
            same "$(jq -c 'del(.tokens_per_second)' whole.jsonl)" \
                "$(jq -c 'del(.tokens_per_second)' part.jsonl)"
            [ ! -e part.checkpoint ]
        done
    done
    # Nothing else is left.
    same "$(printf '%s\n' part whole)" "$(find . -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)"
    [ -z "$(find . -name '.*' ! -name .)" ]
}

@test "SIGTERM leaves a checkpoint that --resume goes on from, and only the same run" {
    options=(--steps 200 --objective weighted-mle)
    tune whole -q "${options[@]}"
    command_to part "${options[@]}" --log part.jsonl
    interrupted TERM 5 part.jsonl "${command[@]}"
    cat err
    [ "$status" -eq 75 ]
    [[ $(tail -1 err) == "fine-tune: interrupted after step "*" of 200: the same command with --resume goes on from part.checkpoint" ]]
    [ ! -e part ]
    refused 1 'part.checkpoint: an interrupted run left this checkpoint' \
        fine-tune -q -m "$model" -o part "${small[@]}" "${options[@]}" -g "$guidance" train.jsonl
    # Another length, other guidance or other data is another run.
    for change in '--steps 201' "-g $BATS_TEST_TMPDIR/whole" '-b 3'; do
        # shellcheck disable=SC2086 # several words
        run fine-tune -q -m "$model" -o part "${small[@]}" "${options[@]}" -g "$guidance" --resume $change train.jsonl
        [ "$status" -eq 1 ]
        [[ $output == *'part.checkpoint: made with another program, other options, models or data'* ||
            $output == *'whole'*'guidance.json'* ]]
    done
    head -99 train.jsonl >fewer
    refused 1 'part.checkpoint: made with another' fine-tune -q -m "$model" -o part "${small[@]}" \
        "${options[@]}" -g "$guidance" --resume fewer
    tune part -q "${options[@]}" --resume
    cmp whole/model.safetensors part/model.safetensors
    [ ! -e part.checkpoint ]
}

@test "what is too long is cut and counted, refused with --strict" {
    long=$(printf 'fonts and logs %.0s' {1..40})
    printf '{"prompt":"%s","completion":"%s"}\n' a "$long" "$long" b >long.jsonl
    run -0 fine-tune -m "$model" -o out --steps 1 long.jsonl
    [[ $output == *"fine-tune: of 2 records 1 prompts were cut at their end and 1 completions to fit"* ]]
    refused 1 'long.jsonl:1: ' fine-tune -m "$model" -o new --steps 1 --strict long.jsonl
    head -1 train.jsonl >>long.jsonl
    run -0 fine-tune -q -m "$model" -o out --steps 1 --strict --max-errors 2 long.jsonl
    same 2 "$(grep -c '(skipped)$' <<<"$output")"
}

@test "bad data, models and places: one message, exit 1, nothing new" {
    local run=(fine-tune -q -m "$model" -o out --steps 1)
    echo '{"prompt":"a"}' >only.jsonl
    refused 1 'only.jsonl:1: completion: expected a string, got nothing' "${run[@]}" only.jsonl
    refused 1 'no records to train on' "${run[@]}" /dev/null
    refused 1 '/dev/null: no records to validate on' "${run[@]}" --valid /dev/null --eval-every 1 train.jsonl
    refused 1 'no-such' "${run[@]}" no-such
    refused 1 'no-model' fine-tune -q -m no-model -o out train.jsonl
    refused 1 'train.jsonl' fine-tune -q -m "$model" -o train.jsonl/out --steps 1 train.jsonl
    refused 1 'train.jsonl' fine-tune -q -m "$model" -o train.jsonl --steps 1 train.jsonl
    refused 1 '/dev/full: No space left on device' "${run[@]}" --log /dev/full train.jsonl
    mkdir other && touch other/mine
    refused 1 'other: it holds mine, which these programs do not write there' fine-tune -q -m "$model" -o other train.jsonl
    # Guidance that is none, or of another vocabulary.
    refused 1 'guidance.json' "${run[@]}" -g "$model" --objective weighted-mle train.jsonl
    cp -r "$guidance" bpe && chmod -R u+w bpe
    cp "$FIXTURES/bpe/tokenizer.model" bpe/spiece.model
    refused 1 "bpe: its tokenizer is not that of the policy" "${run[@]}" -g bpe \
        --objective weighted-mle train.jsonl
    # A folder whose weights are broken.
    copy_model bad
    truncate -s -100 bad/model.safetensors
    refused 1 'bad/model.safetensors' fine-tune -q -m bad -o out --steps 1 train.jsonl
    jq '.n_head = 7' "$model/config.json" >config.json
    refused 1 'config.json: n_head: 7 heads do not divide n_embd, 40' fine-tune -q --init config.json --tokenizer "$model/spiece.model" -o out train.jsonl
    # Too much for any number.
    copy_model bad
    overflow bad
    refused 1 'step 1: loss ' fine-tune -q -m bad -o out --steps 2 train.jsonl
    [[ $stderr == *'training diverged'* ]]
    refused 1 "the model's logits are not numbers" fine-tune -q -m bad -o out --steps 2 -g "$guidance" \
        --objective reinforce train.jsonl
}

@test "usage errors" {
    refused 2 '--output' fine-tune -m "$model" train.jsonl
    refused 2 'give either -m POLICY or --init CONFIG' fine-tune -o out train.jsonl
    refused 2 'give either -m POLICY or --init CONFIG' \
        fine-tune -m "$model" --init "$model/config.json" --tokenizer x -o out train.jsonl
    refused 2 '--init and --tokenizer go together' fine-tune --init "$model/config.json" -o out train.jsonl
    refused 2 'needs -g GUIDANCE' fine-tune -m "$model" --objective reinforce -o out train.jsonl
    for options in "-g $guidance --objective weighted-mle" '--objective mle' \
        '--objective weighted-mle --entropy 0.1' "--objective reinforce -g $guidance"; do
        # shellcheck disable=SC2086 # several options
        refused 2 '--token-weight uniform is of --objective weighted-mle alone' \
            fine-tune -m "$model" --token-weight uniform $options -o out train.jsonl
    done
    refused 2 'does not use guidance' fine-tune -m "$model" -g "$guidance" -o out train.jsonl
    for options in '--valid train.jsonl' '--eval-every 5'; do
        # shellcheck disable=SC2086 # two words
        refused 2 '--valid FILE and --eval-every N go together' \
            fine-tune -m "$model" $options -o out train.jsonl
    done
    refused 2 '--valid-by goes with --valid FILE' \
        fine-tune -m "$model" --valid-by meteor -o out train.jsonl
    refused 2 '--valid-by: ' fine-tune -m "$model" --valid train.jsonl --eval-every 5 \
        --valid-by 'rouge1+' -o out train.jsonl
    refused 2 '--objective' fine-tune -m "$model" --objective ppo -o out train.jsonl
    refused 2 '--learning-rate' fine-tune -m "$model" -l 0 -o out train.jsonl
    refused 2 '--batch-size' fine-tune -m "$model" -b 0 -o out train.jsonl
}
