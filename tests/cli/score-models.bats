#!/usr/bin/env bats
# score by models: -m and -g. Their numbers are held to PyTorch's in
# tests/unit/test_model_measure.c.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

setup_file() {
    # Groups of 2 to 5 texts, scored by the share of one word; prompts of many lengths. Words
    # by a linear congruential generator: the same on every machine.
    awk 'function draw(n) { state = state * 16807 % 2147483647; return state % n }
        function words(n,    text, w) {
            hits = 0
            for (w = 1; w <= n; w++) {
                pick = 1 + draw(6)
                hits += pick == 1
                text = (text (w > 1 ? " " : "") word[pick])
            }
            return text
        }
        BEGIN {
            state = 42
            split("fonts logs images audio python server", word, " ")
            for (i = 1; i <= 120; i++) {
                printf "{\"id\":%d,\"prompt\":\"%s\",\"completion\":\"%s\",\"samples\":[", i, words(1 + draw(9)), words(3)
                count = 2 + draw(4)
                for (k = 1; k <= count; k++) {
                    length_ = 1 + draw(5)
                    text = words(length_)
                    printf "%s{\"text\":\"%s\",\"score\":%.6f}", (k > 1 ? "," : ""), text, hits / length_
                }
                print "]}"
            }
        }' </dev/null >"$BATS_FILE_TMPDIR/ranked.jsonl"
    cd "$BATS_FILE_TMPDIR" || return 1
    head -30 ranked.jsonl >valid.jsonl
    learn-guidance -q -i "$FIXTURES/gpt2" -o guidance --head-size 32 --learning-rate 0.003 \
        --eval-every 10 --batch-size 8 --epochs 2 --log log.jsonl --valid valid.jsonl ranked.jsonl
}

prepare() {
    ln -s "$BATS_FILE_TMPDIR"/{ranked.jsonl,valid.jsonl,guidance,log.jsonl} .
    model=$FIXTURES/gpt2
    both=(-q -m "$model" -g guidance)
}

@test "-m: logprobs for each token of each sample, nll and perplexity over all tokens" {
    score -q --plain --per-record --metrics nll,perplexity -m "$model" ranked.jsonl >out
    same "$(jq -c . ranked.jsonl)" "$(jq -c 'del(.metrics, .samples[].logprobs)' out)"
    jq -se 'all(.[].samples[]; (.logprobs | length) >= 2 and all(.logprobs[]; . < 0))' out
    jq -se 'all(((.metrics.nll | exp) / .metrics.perplexity - 1 | fabs) < 1e-12)' out
    score -q --metrics nll,perplexity -m "$model" ranked.jsonl >all.json
    jq -ne --slurpfile out out --slurpfile all all.json '
        ([$out[].samples[].logprobs[]] | -add / length) as $nll | $all[0].metrics
        | (.nll.mean - $nll | fabs) < 1e-9 and (.perplexity.mean / ($nll | exp) - 1 | fabs) < 1e-9
        and all(.low < .mean and .mean < .high)'
}

@test "-m agrees with what sample said when it drew, and with fine-tune's nll" {
    sample -q -m "$model" -k 3 -s 5 --max-new-tokens 12 --logprobs --plain ranked.jsonl >drawn
    score -q --plain --per-record --metrics nll -m "$model" --max-completion-tokens 12 drawn >out
    jq -ne --slurpfile a drawn --slurpfile b out '[$a, $b | map(.samples[].logprobs)] as [$x, $y]
        | ($x | flatten | length) == ($y | flatten | length)
        and ([$x, $y | flatten] | transpose | all((.[0] - .[1] | fabs) < 1e-4))'
    # A record without samples is its completion.
    jq -c 'del(.samples)' ranked.jsonl >texts
    score -q --plain --per-record --metrics nll -m "$model" texts >out
    same "$(jq -c . texts)" "$(jq -c 'del(.metrics, .logprobs)' out)"
    nll=$(score -q --metrics nll -m "$model" texts | jq .metrics.nll.mean)
    fine-tune -q -m "$model" -o tuned --steps 1 --eval-every 1 --valid texts --log tune.jsonl texts
    jq -se --argjson nll "$nll" '(map(select(.validation))[0].validation - $nll | fabs) < 1e-5' tune.jsonl
}

@test "-g: rewards, tokens where there were none, pairwise and reward" {
    score -q --plain --per-record --metrics pairwise,reward -g guidance ranked.jsonl >out
    same "$(jq -c . ranked.jsonl)" "$(jq -c 'del(.metrics, .samples[].rewards, .samples[].tokens)' out)"
    jq -se 'all(.[].samples[]; (.rewards | length) == (.tokens | length) and all(.rewards[]; . > 0 and . < 1.4))' out
    # By hand, for the average: C times the mean reward.
    score -q --metrics pairwise,reward -g guidance ranked.jsonl >all.json
    jq -ne --slurpfile out out --slurpfile all all.json '
        [$out[].samples | [.[] | [.score, (.rewards | add / length)]] as $s
            | range($s | length) as $i | range($i) as $j | [$s[$i], $s[$j]] | select(.[0][0] != .[1][0])
            | (.[0][0] > .[1][0]) == (.[0][1] > .[1][1])] as $pairs
        | (($pairs | map(select(.)) | length) / ($pairs | length)) as $share
        | ([$out[].samples[].rewards[]] | add / length) as $reward
        | $all[0].metrics
        | (.pairwise.mean - $share | fabs) < 1e-12 and (.reward.mean - $reward | fabs) < 1e-9 and $share > 0.6'
    # Kendall's tau-b by hand where no two are equal: the mean over records of 2 * pairwise - 1.
    jq -c '.samples |= unique_by(.score)' ranked.jsonl >distinct.jsonl
    score -q --plain --per-record --metrics pairwise,kendall,ndcg -g guidance distinct.jsonl >out
    jq -se 'map(.metrics | select(.pairwise)) | length > 50
        and all((.kendall - (2 * .pairwise - 1) | fabs) < 1e-9 and .ndcg > 0 and .ndcg <= 1)
        and all((.pairwise == 1) == (.ndcg > 1 - 1e-12))' out
    score -q --metrics kendall,ndcg -g guidance distinct.jsonl >all.json
    jq -ne --slurpfile out out --slurpfile all all.json '[$out[].metrics | select(.kendall)] as $m | $all[0].metrics
        | (.kendall.mean - ($m | map(.kendall) | add / length) | fabs) < 1e-9
        and (.ndcg.mean - ($m | map(.ndcg) | add / length) | fabs) < 1e-9'
    # What learn-guidance found on its held-out groups.
    accuracy=$(jq -s 'map(select(.best)) | last.accuracy' log.jsonl)
    score -q --metrics pairwise -g guidance valid.jsonl | jq -e "(.metrics.pairwise.mean - $accuracy | fabs) < 1e-8"
}

@test "a record's numbers are the same alone, in a stream, in other batches, on other threads" {
    all=(score "${both[@]}" --per-record --plain --metrics "nll,pairwise,reward")
    "${all[@]}" -j 1 ranked.jsonl >one
    "${all[@]}" -j 2 ranked.jsonl | cmp one -
    "${all[@]}" -j 2 --batch-tokens 100 ranked.jsonl | cmp one -
    "${all[@]}" --batch-tokens 1 ranked.jsonl | cmp one -
    tac ranked.jsonl | "${all[@]}" | tac | cmp one -
    for i in 1 17 64 120; do
        sed -n "${i}p" ranked.jsonl | "${all[@]}" | cmp - <(sed -n "${i}p" one)
    done
}

@test "--metrics gives exactly the columns, in that order; without it the text metrics come too" {
    score "${both[@]}" --metrics reward,length,nll,rouge1 valid.jsonl >out
    same '["reward","length","nll","rouge1"]' "$(jq -c '.metrics | keys_unsorted' out)"
    score -q --metrics rouge1 valid.jsonl >text
    same "$(jq -c .metrics.rouge1 text)" "$(jq -c .metrics.rouge1 out)"
    score "${both[@]}" valid.jsonl >out
    same '["meteor","rouge1","rouge2","rougeL","rougeLsum","nll","perplexity","pairwise","kendall","ndcg","reward"]' \
        "$(jq -c '.metrics | keys_unsorted' out)"
    score -q -m "$model" valid.jsonl | jq -e '.metrics | has("nll") and (has("reward") | not)'
    # Without anything to compare, text metrics that were not asked for have no value.
    jq -c 'del(.completion)' valid.jsonl >bare
    score "${both[@]}" bare | jq -e '.metrics | .rougeL.mean == null and .pairwise.mean > 0'
    run -1 score "${both[@]}" --metrics rougeL,nll bare
}

# The JSON of a stream's first frame, a skippable one: 8 bytes of head, the last 4 its size.
provenance() { # FILE
    local -a size
    read -r -a size < <(od -An -j 4 -N 4 -t u4 "$1")
    tail -c +9 "$1" | head -c "${size[0]}"
}

digest() { # FOLDER
    (cd "$1" && for name in config.json generation_config.json guidance.json spiece.model tokenizer_config.json model.safetensors; do
        [[ ! -e $name ]] || xxh128sum "$name"
    done | xxh128sum | cut -d ' ' -f 1)
}

@test "provenance names the models by path and a digest that xxh128sum gives" {
    score "${both[@]}" --per-record --metrics nll valid.jsonl >out.zst
    provenance out.zst >provenance.json
    same "$(jq -nc --arg model "$(basename "$model")" '[$model, "guidance"]')" "$(jq -c '[.models[].path]' provenance.json)"
    same "$(digest "$model")" "$(jq -r '.models[0].xxh3_128' provenance.json)"
    same "$(digest guidance)" "$(jq -r '.models[1].xxh3_128' provenance.json)"
    score -q --per-record --metrics length valid.jsonl >out.zst
    same '[]' "$(provenance out.zst | jq -c .models)"
}

@test "--color with -g computes the rewards and takes its tokenizer" {
    score -q --plain --per-record --metrics reward -g guidance valid.jsonl >rewarded
    score -q --color --tokenizer guidance rewarded >wanted
    score -q --color -g guidance valid.jsonl | cmp wanted -
    grep -q $'\e\[48;5;' wanted
    sample -q -m "$model" -k 2 --max-new-tokens 8 valid.jsonl | score -q --color -g guidance >out
    [ "$(grep -c '^  reward ' out)" -eq 30 ]
}

@test "groups that prefer nothing have no pairwise value" {
    cat >odd <<'END'
{"prompt":"one","samples":[{"text":"python","score":1}]}
{"prompt":"equal","samples":[{"text":"python","score":1},{"text":"fonts","score":1}]}
{"prompt":"unscored","samples":[{"text":"python"},{"text":"fonts"}]}
{"prompt":"half","samples":[{"text":"python","score":3},{"text":"fonts"}]}
{"prompt":"no samples","completion":"python"}
END
    score -q --metrics pairwise,reward -g guidance odd >out
    jq -e '.records == 5 and .metrics.pairwise.mean == null and .metrics.reward.mean > 0' out
    score -q --plain --per-record --metrics pairwise,reward -g guidance odd >out
    jq -se 'all(.metrics | keys == ["reward"])' out
    jq -se '.[4].rewards | length > 1' out
    # They leave the accuracy of the others as it is.
    cat valid.jsonl odd >mixed
    same "$(score -q --metrics pairwise -g guidance valid.jsonl | jq .metrics.pairwise.mean)" \
        "$(score -q --metrics pairwise -g guidance mixed | jq .metrics.pairwise.mean)"
    # Empty input.
    score "${both[@]}" --metrics nll,pairwise </dev/null |
        jq -e '.records == 0 and .metrics.nll.mean == null and .metrics.pairwise.mean == null'
}

@test "a partial order: a chosen sample is above those not chosen, whose own order is unknown" {
    # By ranks, which two of four samples keep; what rank makes of it says the same.
    jq -c 'select(.samples | length == 4) | .samples[2:][] |= del(.score, .rank) | .samples[0] |= (.rank = 1) | .samples[1] |= (.rank = 2)
        | .samples[] |= del(.score)' ranked.jsonl >partial
    [ "$(wc -l <partial)" -gt 20 ]
    score -q --plain --per-record --metrics pairwise,kendall,ndcg -g guidance partial >out
    rank -q --by ranks --plain partial | score -q --plain --per-record --metrics pairwise,kendall,ndcg -g guidance |
        jq -c .metrics | cmp - <(jq -c .metrics out)
    # By hand: five pairs are known; gains 2, 1, 0, 0.
    jq -se '
        def log2: log / (2 | log);
        length > 20 and all(.[]; (.samples | map(.rewards | add / length)) as $e | .metrics as $found
            | [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3]] | map($e[.[0]] - $e[.[1]]) | select(all(. != 0))
            | (map(select(. > 0)) | length) as $right
            | ([[2, 1, 0, 0], $e] | transpose | sort_by(-.[1]) | to_entries | map(.value[0] / (.key + 2 | log2)) | add) as $gain
            | ($found.pairwise - $right / 5 | fabs) < 1e-12 and ($found.kendall - (2 * $right - 5) / 5 | fabs) < 1e-12
                and ($found.ndcg - $gain / (2 + 1 / (3 | log2)) | fabs) < 1e-12)' out
    # As learn-guidance counts it.
    learn-guidance -q -i guidance -o same --steps 1 --learning-rate 1e-12 --eval-every 1 --valid partial --log same.jsonl partial
    accuracy=$(jq -s 'map(select(.accuracy)) | first.accuracy' same.jsonl)
    score -q --metrics pairwise -g same partial | jq -e "(.metrics.pairwise.mean - $accuracy | fabs) < 1e-8"
    # A score that is missing where no sample has a rank is no judgement.
    jq -c '.samples[0].score = 2 | .samples[1].score = 1 | .samples[] |= del(.rank)' partial >scored
    score -q --plain --per-record --metrics pairwise -g guidance scored |
        jq -se 'all(.[]; .metrics.pairwise == 0 or .metrics.pairwise == 1 or .metrics.pairwise == 0.5)'
}

@test "limits cut as in training, with a note; --strict refuses; --prefix counts" {
    run -0 --separate-stderr score --metrics nll -m "$model" --max-prompt-tokens 2 --max-completion-tokens 3 valid.jsonl
    [[ $stderr == *"prompts were cut at their end and "*" completions to fit $model"* ]]
    score -q --plain --per-record --metrics reward -g guidance --max-completion-tokens 3 valid.jsonl |
        jq -se 'all(.[].samples[]; (.rewards | length) <= 3)'
    run -1 --separate-stderr score -q --metrics nll -m "$model" --max-completion-tokens 3 --strict valid.jsonl
    [[ $stderr == "score: valid.jsonl:1: samples["*" tokens; expected at most 3" ]]
    jq -c '.prompt = "the " + .prompt' valid.jsonl >longer
    same "$(score -q --metrics nll -m "$model" longer)" \
        "$(score -q --metrics nll -m "$model" --prefix 'the ' valid.jsonl)"
}

@test "usage errors" {
    refused_as 2 '--metrics: nll needs -m MODEL' score --metrics rouge1,nll -g guidance valid.jsonl
    refused_as 2 '--metrics: perplexity needs -m MODEL' score --metrics perplexity valid.jsonl
    refused_as 2 '--metrics: pairwise needs -g GUIDANCE' score --metrics pairwise -m "$model" valid.jsonl
    refused_as 2 '--metrics: reward needs -g GUIDANCE' score --metrics reward valid.jsonl
    refused_as 2 '--metrics: metric nll is named twice' score --metrics nll,nll -m "$model" valid.jsonl
    refused_as 2 '--metrics: unknown metric "likelihood"; *with -m also nll*' score --metrics likelihood -m "$model" valid.jsonl
    refused_as 2 '--color needs either --tokenizer or -g*' score --color --tokenizer guidance -g guidance valid.jsonl
    refused_as 2 '--color shows rewards*' score --color "${both[@]}" valid.jsonl
}

@test "models that are missing, of another kind or of another tokenizer" {
    refused_as 1 'no-model*' score -q --metrics nll -m no-model valid.jsonl
    refused_as 1 "$model: no guidance model: *" score -q --metrics reward -g "$model" valid.jsonl
    cp -rL "$model" nameless && rm nameless/spiece.model
    refused_as 1 'nameless*' score -q --metrics nll -m nameless valid.jsonl
    # Tokens of another vocabulary do not spell the text.
    echo '{"prompt":"a","samples":[{"text":"python","tokens":[40,50]},{"text":"fonts","tokens":[60]}]}' >alien
    refused_as 1 '2 of 2 samples have tokens that do not spell their text*--retokenize*' score -q --metrics nll -m "$model" alien
    refused_as 1 '2 of 2 samples have tokens that do not spell their text*' score -q --metrics reward -g guidance alien -o out
    [ ! -e out ]
    score -q --plain --per-record --metrics reward -g guidance --retokenize alien |
        jq -e 'all(.samples[]; (.rewards | length) == (.tokens | length)) and .samples[0].tokens != [40, 50]'
    echo '{"prompt":"a","samples":[{"text":"x","tokens":[509]}]}' >outside
    refused_as 1 'outside:1: samples\[0]: tokens\[0]: expected an id from 0 to 508' score -q --metrics nll -m "$model" outside
}

@test "bad records: place, field, what was expected; --max-errors skips them" {
    echo '{"samples":[{"text":"x"}]}' >no-prompt
    refused_as 1 'no-prompt:1: prompt: expected a string, got nothing' score -q --metrics nll -m "$model" no-prompt
    echo '{"prompt":"x"}' >neither
    refused_as 1 'neither:1: expected samples or completion, got neither' score -q --metrics nll -m "$model" neither
    echo '{"prompt":"x","samples":[{"score":1}]}' >no-text
    refused_as 1 'no-text:1: samples\[0]: text: expected a string, got nothing' score -q --metrics reward -g guidance no-text
    echo '{"prompt":"x","samples":[{"text":"y","score":NaN}]}' >nan
    refused_as 1 'nan:1: column *: not JSON*' score -q --metrics pairwise -g guidance nan
    echo '{"prompt":"x","samples":[{"text":"y","score":"high"}]}' >word
    refused_as 1 'word:1: samples\[0].score: expected a number, got a string' score -q --metrics pairwise -g guidance word
    cat valid.jsonl neither >mixed
    run -0 --separate-stderr score "${both[@]}" --metrics nll,pairwise --max-errors 1 mixed
    [[ $stderr == 'score: mixed:31: expected samples or completion, got neither (skipped)' ]]
    same "$(score "${both[@]}" --metrics nll,pairwise valid.jsonl)" "$output"
}
