#!/usr/bin/env bats
# score: summary, table, records, colours, refusals. The metrics' own numbers are held to
# their references in tests/unit/test_text_metrics.c.
# shellcheck disable=SC2028,SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

prepare() {
    cat >samples.jsonl <<'EOF'
{"id":"a","prompt":"p","completion":"one two three","samples":[{"text":"one two three"},{"text":"four"}]}
{"id":"b","prompt":"q","completion":"red green","samples":[{"text":"red blue green red"}]}
{"id":"c","prompt":"r","completion":"x","samples":[{"text":"x x"}]}
EOF
    # Without METEOR for what needs no WordNet.
    rouge=(--metrics "rouge1,rougeL")
}

@test "summary: means over records, each the mean over its samples" {
    score -q --metrics rouge1,length samples.jsonl >out.json
    # F1: record a (1 + 0)/2, b 2*(2/4)/(2/4 + 1)... = 2/3, c 2/3.
    jq -e '.records == 3' out.json
    jq -e '(.metrics.rouge1.mean - 100*(1/2 + 2/3 + 2/3)/3 | fabs) < 1e-9' out.json
    jq -e '(.metrics.length.mean - (2 + 4 + 2)/3 | fabs) < 1e-9' out.json
    jq -e '.metrics | all(.low <= .mean and .mean <= .high and .low < .high)' out.json
    same '["rouge1","length"]' "$(jq -c '.metrics | keys_unsorted' out.json)"
    [ "$(wc -l <out.json)" -eq 1 ]
}

@test "the default metrics" {
    score -q samples.jsonl >out.json
    same '["meteor","rouge1","rouge2","rougeL","rougeLsum"]' "$(jq -c '.metrics | keys_unsorted' out.json)"
}

@test "bleu and chrf: means of sentences, and the corpus's" {
    # Recorded from sacrebleu 2.6.0, each sample a sentence of the corpus.
    score -q --metrics bleu,length,chrf samples.jsonl >out.json
    same '["bleu","corpusBleu","length","chrf","corpusChrf"]' "$(jq -c '.metrics | keys_unsorted' out.json)"
    jq -e '.metrics | [.bleu, .corpusBleu, .chrf, .corpusChrf] | [map(.mean), [39.6652974, 42.7287006, 59.8169595, 52.5837038]] | transpose
        | all((.[0] - .[1] | fabs) < 1e-6)' out.json
    jq -e '.metrics | all(.low <= .mean and .mean <= .high)' out.json
    # Named alone, or where they are named.
    score -q --metrics corpusChrf,length,chrf samples.jsonl >named.json
    same '["corpusChrf","length","chrf"]' "$(jq -c '.metrics | keys_unsorted' named.json)"
    jq -es '.[0].metrics.corpusChrf == .[1].metrics.corpusChrf and .[0].metrics.chrf == .[1].metrics.chrf' out.json named.json
    refused_as 2 '--metrics: metric corpusBleu is named twice' score --metrics corpusBleu,corpusBleu samples.jsonl
    # One record is no corpus.
    score -q --plain --per-record --metrics bleu samples.jsonl | jq -se 'all((.metrics | keys) == ["bleu"])'
    score -q --metrics corpusBleu </dev/null | jq -e '.metrics.corpusBleu.mean == null'
}

@test "texts are compared alike in all locales" {
    echo '{"prompt":"p","completion":"ÄPFEL ÉCOLE ΣΊΣΥΦΟΣ ДОМ İI Ǆ 1.5","samples":[{"text":"äpfel école σίσυφος дом i\u0307i ǆ 1.5"}]}' >upper.jsonl
    local metrics='meteor,rouge1,rougeL,bleu,chrf,length'
    LC_ALL=C.UTF-8 score -q --metrics $metrics upper.jsonl >wanted
    jq -e '.metrics.meteor.mean > 99' wanted
    for locale in C POSIX tr_TR.UTF-8 de_DE.UTF-8 ''; do
        LC_ALL=$locale LANG=$locale score -q --metrics $metrics upper.jsonl >found
        cmp wanted found
    done
}

@test "bounds: the same for a seed, others for another; not by threads, files or -o" {
    score -q "${rouge[@]}" samples.jsonl >one
    OMP_NUM_THREADS=2 score -q "${rouge[@]}" samples.jsonl >two
    cmp one two
    for i in 1 2 3; do sed -n "${i}p" samples.jsonl >"part$i"; done
    score -q "${rouge[@]}" part1 part2 part3 -o three
    cmp one three
    for _ in $(seq 30); do cat samples.jsonl; done >many
    score -q "${rouge[@]}" -s 1 many >one
    score -q "${rouge[@]}" -s 2 many >two
    jq -e -s '.[0].metrics.rouge1.mean == .[1].metrics.rouge1.mean' one two
    jq -e -s '.[0].metrics.rouge1.low != .[1].metrics.rouge1.low' one two
}

@test "a table on a terminal, JSON there with --json" {
    script -qec "score -q --metrics rouge1 samples.jsonl" table </dev/null >/dev/null
    grep -qE '^rouge1 +61\.11 +[0-9.]+ to [0-9.]+' table
    grep -qE '^records +3' table
    script -qec "score -q --metrics rouge1 --json samples.jsonl" json </dev/null >/dev/null
    grep -q '"records":3' json
}

@test "--per-record streams the records with their metrics" {
    score -q --per-record --metrics rouge1,length samples.jsonl >out.zst
    same "$(jq -c . samples.jsonl)" "$(zstdcat out.zst | jq -c 'del(.metrics)')"
    same '{"rouge1":50.0,"length":2.0}' "$(zstdcat out.zst | head -1 | grep -o '{"rouge1"[^}]*}')"
    # Its means are those of the summary.
    mean=$(zstdcat out.zst | jq -s 'map(.metrics.rouge1) | add / length')
    score -q --metrics rouge1 samples.jsonl | jq -e "(.metrics.rouge1.mean - $mean | fabs) < 1e-9"
}

@test "metrics of a text alone take the completion where there are no samples" {
    printf '%s\n' '{"completion":"a a a a a"}' '{"completion":"a b"}' >texts
    score -q --metrics length,distinct1,repetition texts >out.json
    jq -e '.metrics.length.mean == 3.5 and .metrics.distinct1.mean == 60 and .metrics.repetition.mean == 25' out.json
}

@test "an empty stream: no records, null means" {
    run -0 --separate-stderr score -q --metrics rouge1 </dev/null
    same '{"records":0,"metrics":{"rouge1":{"mean":null,"low":null,"high":null}}}' "$output"
    run -0 --separate-stderr score -q --metrics rouge1 --per-record --plain </dev/null
    same '' "$output"
}

@test "--color paints tokens by reward; NO_COLOR prints the numbers" {
    echo '{"prompt":"a\u001b[2J\nb","samples":[{"text":"t","tokens":[5,6],"rewards":[0.25,1],"score":3,"rank":1},{"text":"u","tokens":[7],"rewards":[0.5]}]}' >rewarded
    run -0 --separate-stderr score -q --color --tokenizer "$FIXTURES/unigram/spiece.model" rewarded
    [ "${#lines[@]}" -eq 4 ]
    same 'a?[2J b' "${lines[0]}"
    [[ ${lines[1]} == $'  #1 3  \e[48;5;203;38;5;16m'*$'\e[48;5;83;38;5;16m'* ]]
    [[ ${lines[3]} == '  reward 0.25 '*' 1' ]]
    NO_COLOR=1 run -0 --separate-stderr score -q --color --tokenizer "$FIXTURES/unigram/spiece.model" rewarded
    [[ $output != *$'\e'* ]]
    [[ ${lines[1]} == '  #1 3  '*'{0.25}'*'{1}' ]]
    same '  reward 0.25 to 1' "${lines[3]}"
}

@test "usage errors" {
    refused_as 2 '--metrics: unknown metric "rouge"; there are meteor, *' score --metrics rouge1,rouge samples.jsonl
    refused_as 2 '--metrics: metric rouge1 is named twice' score --metrics rouge1,rouge1 samples.jsonl
    refused_as 2 '--json, --per-record, --color and --html exclude each other' score --json --per-record samples.jsonl
    refused_as 2 '--color needs either --tokenizer or -g*' score --color samples.jsonl
}

@test "bad records: place, field, what was expected; no output file" {
    echo '{"completion":"c"}' >no-samples
    refused_as 1 'no-samples:1: samples: expected an array for rouge1 to compare, got nothing (run sample first)' score -q "${rouge[@]}" no-samples
    echo '{"samples":[{"text":"x"}]}' >no-reference
    refused_as 1 'no-reference:1: completion: expected a string for rouge1 *' score -q "${rouge[@]}" no-reference
    echo '{"samples":[{"tokens":[1]}]}' >no-text
    refused_as 1 'no-text:1: samples\[0].text: expected a string, got nothing' score -q --metrics length no-text
    echo '{"samples":[]}' >none
    refused_as 1 'none:1: samples: expected at least one sample*' score -q --metrics length none
    echo '{"prompt":"p"}' >neither
    refused_as 1 'neither:1: expected samples or completion, got neither' score -q --metrics length neither
    color=(score -q --color --tokenizer "$FIXTURES/unigram/spiece.model")
    refused_as 1 'no-text:1: samples\[0].rewards: expected 1 numbers*' "${color[@]}" no-text
    echo '{"samples":[{"text":"","tokens":[999999],"rewards":[1]}]}' >alien
    refused_as 1 'alien:1: samples\[0].tokens\[0]: no token 999999*' "${color[@]}" alien
    cat samples.jsonl no-samples >mixed
    run -1 score -q "${rouge[@]}" mixed -o out
    [ ! -e out ]
    run -0 --separate-stderr score -q "${rouge[@]}" --max-errors 1 mixed
    [[ $stderr == *'mixed:4: samples: '*'(skipped)' ]]
    same "$(score -q "${rouge[@]}" samples.jsonl)" "$output"
}

@test "--color shows the beginning and the end of a long prompt, in whole characters" {
    jq -c --arg middle "$(printf 'ä%.0s' {1..300})" '.prompt = "Summarize: " + $middle + " the last words:"' <<<'{"samples":[{"text":"t","tokens":[5,6],"rewards":[0.25,1]}]}' >long
    NO_COLOR=1 score -q --color --tokenizer "$FIXTURES/unigram/spiece.model" long >shown
    head -1 shown | grep -qE '^Summarize: ä+ \.\.\. ä+ the last words:$'
    [ "$(head -1 shown | wc -c)" -lt 320 ]
    iconv -f UTF-8 -t UTF-8 shown >/dev/null
}
