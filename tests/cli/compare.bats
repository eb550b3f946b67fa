#!/usr/bin/env bats
# score --compare. The statistics are held to NumPy's in tests/unit/test_compare.c; the first
# test here holds the whole program to the same.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

prepare() {
    for side in a b; do
        jq -c --arg side $side '.lengths[$side][]
            | {id: .[0], prompt: "p", completion: "w w w", samples: [{text: ([range(.[1]) | "w"] | join(" "))}]}' \
            "$FIXTURES/compare.json" >$side.jsonl
    done
}

@test "equal to NumPy with the same resamples; by id, whatever the order of B" {
    score -q --compare --metrics length,rouge1 -s 7 a.jsonl b.jsonl >out
    jq -ne --slurpfile out out --slurpfile wanted "$FIXTURES/compare.json" '
        $out[0].metrics.length as $found | $wanted[0].lengths.found | to_entries
        | length == 7 and all((.value - $found[.key] | fabs) < 1e-12)'
    jq -e '.records == 60 and .resamples == 1000 and .trials == 10000' out
    same '["length","rouge1"]' "$(jq -c '.metrics | keys_unsorted' out)"
    sort b.jsonl >sorted
    zstd -q sorted
    score -q --compare --metrics length,rouge1 -s 7 a.jsonl sorted.zst | cmp out -
    OMP_NUM_THREADS=2 score -q --compare --metrics length,rouge1 -s 7 a.jsonl b.jsonl | cmp out -
    score -q --compare --metrics length,rouge1 -s 8 a.jsonl b.jsonl -o other
    run ! cmp -s out other
    # The means are those that score alone prints.
    score -q --metrics rouge1 b.jsonl >alone
    jq -se '(.[0].metrics.rouge1.b - .[1].metrics.rouge1.mean | fabs) < 1e-9' out alone
}

@test "figures of the corpus: of sacrebleu on the same resamples" {
    for side in a b; do
        jq -c --arg side $side '.corpora[$side][] | {id: .[0], completion: .[1], samples: (.[2] | map({text: .}))}' \
            "$FIXTURES/compare.json" >$side.jsonl
    done
    score -q --compare --metrics corpusBleu,rouge1,corpusChrf -s 3 a.jsonl b.jsonl >out
    # Sums of integers are exact; the figures differ in the order of a few logarithms and products.
    jq -ne --slurpfile out out --slurpfile wanted "$FIXTURES/compare.json" '
        $wanted[0].corpora.found | to_entries | length == 2 and all(.key as $metric | .value | to_entries
        | length == 7 and all((.value - $out[0].metrics[$metric][.key] | fabs) < 1e-9))'
    same '["corpusBleu","rouge1","corpusChrf"]' "$(jq -c '.metrics | keys_unsorted' out)"
    OMP_NUM_THREADS=2 score -q --compare --metrics corpusBleu,rouge1,corpusChrf -s 3 a.jsonl b.jsonl | cmp out -
    # What score alone prints; bleu brings its corpus's.
    score -q --metrics bleu b.jsonl >alone
    score -q --compare --metrics bleu a.jsonl b.jsonl >both
    jq -se '(.[0].metrics.corpusBleu.b - .[1].metrics.corpusBleu.mean | fabs) < 1e-9 and (.[0].metrics | keys == ["bleu", "corpusBleu"])' both alone
    score -q --compare --metrics corpusChrf /dev/null /dev/null |
        jq -e '.metrics.corpusChrf == {records: 0, a: null, b: null, difference: null, low: null, high: null, p: null}'
}

@test "a table on a terminal, JSON there with --json" {
    script -qec "score -q --compare -s 7 --metrics length a.jsonl b.jsonl" table </dev/null >/dev/null
    grep -qE '^metric +A +B +B - A +95 % bounds +p' table
    grep -qE '^length +6\.1000 +6\.9000 +\+0\.8000 +\+0\.3500 to \+1\.1667 +0\.0007' table
    script -qec "score -q --compare --json --metrics length a.jsonl b.jsonl" json </dev/null >/dev/null
    grep -q '"records":60' json
}

@test "measures by models, also where some records have no value" {
    head -20 a.jsonl >few
    jq -c '.samples[0].text |= . + " fonts"' few >longer
    score -q --compare --metrics nll,perplexity,length -m "$FIXTURES/gpt2" few longer >out
    jq -e '.metrics | (.length.difference - 1 | fabs) < 1e-12 and (.perplexity.a / (.nll.a | exp) - 1 | fabs) < 1e-9
        and (.perplexity | .low <= .difference and .difference <= .high) and .nll.records == 20' out
    score -q --metrics nll -m "$FIXTURES/gpt2" longer >alone
    jq -se '(.[0].metrics.nll.b - .[1].metrics.nll.mean | fabs) < 1e-9' out alone
    # Text metrics that nobody asked for: a pair counts where both have a value.
    jq -c 'if .id == "r3" then del(.samples) else . end' few >odd
    score -q --compare -m "$FIXTURES/gpt2" few odd >out
    jq -e '.metrics | .rouge1.records == 19 and .nll.records == 20' out
    score -q --compare --metrics length /dev/null /dev/null |
        jq -e '.records == 0 and .metrics.length == {records: 0, a: null, b: null, difference: null, low: null, high: null, p: null}'
}

@test "what cannot be paired" {
    compare=(score -q --compare --metrics length)
    head -58 a.jsonl >short
    refused_as 1 'expected the same ids in both files: none only in short, 2 only in b.jsonl (id "r5[89]" in line *)' "${compare[@]}" short b.jsonl
    refused_as 1 'expected the same ids*' "${compare[@]}" --max-errors 1 short b.jsonl
    run -0 --separate-stderr "${compare[@]}" --max-errors 2 short b.jsonl
    same 'score: 2 records left out, whose ids are in one file only' "$stderr"
    jq -e '.records == 58' <<<"$output"
    cat a.jsonl <(head -1 a.jsonl) >twice
    refused_as 1 'twice:61: id: expected a new one, got "r0" as in line 1' "${compare[@]}" twice b.jsonl
    jq -c '.completion = "other"' b.jsonl >task
    refused_as 1 'a.jsonl:1: id "r0": its completion is another one in task (so are 60 in all)*' "${compare[@]}" a.jsonl task
    echo '{"samples":[{}]}' >bad
    refused_as 1 'bad:1: samples*' "${compare[@]}" a.jsonl bad
    refused_as 1 'cannot open nowhere*' "${compare[@]}" a.jsonl nowhere
}

@test "more records than memory has room for are refused, not killed" {
    [[ -z ${SANITIZED:-} ]] || skip "sanitizers map terabytes"
    seq 300000 | sed 's/.*/{"id":&,"samples":[{"text":"a b"}]}/' >many
    few=(score -q --metrics 'length,distinct1,distinct2,repetition')
    run --separate-stderr bash -c 'ulimit -v 500000; exec "$@"' - "${few[@]}" --compare many many
    [ "$status" -eq 1 ]
    [[ $stderr == 'score: not enough memory: '*" MB of records' values; "*' MB are free; a choice of fewer --metrics takes less' ]]
    "${few[@]}" many >out
}

@test "usage errors" {
    refused_as 2 '--compare: expected two files, got 1' score --compare a.jsonl
    refused_as 2 '--compare: expected two files, got 3' score --compare a.jsonl b.jsonl a.jsonl
    refused_as 2 '--compare goes with none of *' score --compare --per-record a.jsonl b.jsonl
}
