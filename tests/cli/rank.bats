#!/usr/bin/env bats
# rank: what it adds, keeps and refuses. The numbers of METEOR and ROUGE themselves are
# held to their references in tests/unit/test_text_metrics.c.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

prepare() {
    cat >samples.jsonl <<'EOF'
{"id":"a","prompt":"p","mine":{"z":1,"b":[0.1,null]},"completion":"the cat sat on the mat","samples":[{"text":"a dog","finish":"stop"},{"text":"the cats sat on the mats","own":[1]},{"text":"the cat sat on the mat"}]}
{"id":"b","prompt":"q","completion":"one two","samples":[{"text":"one two"},{"text":"one two"}]}
EOF
}

ranks() { jq -c '[.samples[].rank]'; }

@test "adds score and rank, keeps everything else in place" {
    rank -q --by meteor samples.jsonl >out.zst
    zstdcat out.zst | ranks >places
    same "$(printf '[3,1,1]\n[1,1]')" "$(cat places)"
    zstdcat out.zst | jq -c 'del(.samples[] | .score, .rank)' >kept
    same "$(jq -c . samples.jsonl)" "$(cat kept)"
    # Score and rank come last in a sample, in this order.
    zstdcat out.zst | head -1 | jq -c '.samples[1] | keys_unsorted' >keys
    same '["text","own","score","rank"]' "$(cat keys)"
}

@test "--by length counts words as wc does" {
    rank -q --plain --by length samples.jsonl | jq '.samples[] | .score' >scores
    jq -r '.samples[].text' samples.jsonl | while IFS= read -r text; do wc -w <<<"$text"; done >words
    diff words scores
}

@test "expressions: arithmetic of metrics; no-stem" {
    each() { rank -q --plain --by "$1" "${@:2}" samples.jsonl | jq -c '.samples[].score'; }
    paste <(each rouge1) <(each rouge2) <(each rougeLsum) <(each length) |
        awk '{ printf "%.9f\n", $1 + 2 * $2 + $3 / -4 - ($4 - 1) }' >expected
    each 'rouge1 + 2*rouge2 + rougeLsum/-4 - (length - 1)' | awk '{ printf "%.9f\n", $1 }' >got
    diff expected got
    # "cats" and "mats" are not "cat" and "mat" without stems.
    [ "$(each rouge1 | sed -n 2p)" = 100 ] || [ "$(each rouge1 | sed -n 2p)" = 100.0 ]
    [ "$(each rouge1 --no-stem | sed -n 2p | cut -c 1-5)" = 66.66 ]
}

@test "bleu and chrf of the sentence, as sacrebleu 2.6.0 finds them" {
    echo '{"completion":"red green","samples":[{"text":"red blue green red"}]}' >red
    rank -q --plain --by bleu red | jq -e '.samples[0].score - 18.995892141 | fabs < 1e-8'
    rank -q --plain --by '2*chrf' red | jq -e '.samples[0].score - 2*43.513378478 | fabs < 1e-8'
}

@test "--by score ranks what is there, and any sign; ties share" {
    echo '{"id":1,"samples":[{"text":"","score":1},{"text":"","score":2.5},{"text":"","score":2.4},{"text":"","score":1}]}' >scored
    same '[3,1,2,3]' "$(rank -q --plain --by score scored | ranks)"
    same '[1,4,3,1]' "$(rank -q --plain --by -score scored | ranks)"
    same '[3,1,1,3]' "$(rank -q --plain --by score --ties 0.15 scored | ranks)"
    same '[1,1,1,1]' "$(rank -q --plain --by 0*score scored | ranks)"
    same '2.5' "$(rank -q --plain --by score scored | jq '.samples[1].score')"
}

@test "--by ranks: the order that is there; gaps close, ties share, unranked stay unranked" {
    echo '{"id":1,"weight":2,"samples":[{"text":"a","rank":5},{"text":"b","score":9},{"text":"c","rank":2},{"text":"d","rank":2},{"text":"e","rank":4}]}' >given
    rank -q --plain --by ranks given >out
    same '[4,null,1,1,3]' "$(ranks <out)"
    same '[-4,null,-1,-1,-3]' "$(jq -c '[.samples[].score]' out)"
    same '[false,2]' "$(jq -c '[(.samples[1] | has("rank") or has("score")), .weight]' out)"
    same '[3,null,1,1,3]' "$(rank -q --plain --by ranks --ties 1 given | ranks)"
    # Doing it twice changes nothing.
    rank -q --plain --by ranks out | cmp - out
    sed 's/,"rank":[0-9]//g' given >none
    refused_as 1 'none:1: samples: none of them has a rank' rank -q --by ranks none
    sed 's/"rank":5/"rank":"first"/' given >word
    refused_as 1 'word:1: samples\[0].rank: expected an integer of at least 1, got a string' rank -q --by ranks word
    refused_as 2 '--by: unknown name "ranks"*' rank --by ranks+1 given
}

@test "the same bytes for one thread and two, for a file and a pipe" {
    for i in $(seq 300); do sed "s/\"id\":\"./&$i/" samples.jsonl; done >many
    OMP_NUM_THREADS=1 rank -q --by meteor+rougeL many -o one.zst
    OMP_NUM_THREADS=2 rank -q --by meteor+rougeL many -o two.zst
    cmp one.zst two.zst
    zstd -q -c many | rank -q --by meteor+rougeL | zstdcat >pipe
    zstdcat one.zst | cmp - pipe
    [ "$(wc -l <pipe)" -eq 600 ]
    # In order.
    jq -r .id pipe | cmp - <(jq -r .id many)
}

@test "an empty stream is an empty output" {
    run -0 --separate-stderr rank -q --by meteor --plain </dev/null
    same '' "$output"
    same '' "$stderr"
}

@test "usage errors" {
    refused_as 2 '*--by*' rank samples.jsonl
    refused_as 2 '--by: unknown name "rouge"; there are meteor, rouge1, *' rank --by 'rouge' samples.jsonl
    refused_as 2 '--by: expected a number, a name or "(" at the end of "rouge1+"' rank --by rouge1+ samples.jsonl
    refused_as 2 '--by: expected an operator at character 8 of "meteor 2", got "2"' rank --by 'meteor 2'
    refused_as 2 '*--ties*-1*' rank --by length --ties -1 samples.jsonl
}

@test "bad records: place, field, what was expected" {
    echo '{"prompt":"p","samples":[{"text":"x"}]}' >no-reference
    refused_as 1 'no-reference:1: completion: expected a string*' rank -q --by meteor no-reference
    run -0 rank -q --plain --by length no-reference
    echo '{"prompt":"p","completion":"c"}' >no-samples
    refused_as 1 'no-samples:1: samples: expected an array*' rank -q --by length no-samples
    echo '{"samples":[]}' >none
    refused_as 1 'none:1: samples: expected at least one sample*' rank -q --by length none
    echo '{"samples":[{"text":7}]}' >number
    refused_as 1 'number:1: samples\[0].text: expected a string*' rank -q --by length number
    echo '{"samples":[{"text":"a"},{"text":"b","score":"high"}]}' >word
    refused_as 1 'word:1: samples\[?].score: expected a*number*' rank -q --by score word
    printf '%s\n' '{"samples":[{"text":"a"}]}' '{' >broken
    refused_as 1 'broken:2: *' rank -q --by length broken
    echo '{"samples":[{"text":""}]}' >empty
    refused_as 1 'empty:1: samples\[0]: "1/length" is not a finite number' rank -q --by 1/length empty
}

@test "a bad record leaves no output file; --max-errors skips it with a warning" {
    { cat samples.jsonl; echo '{"prompt":"p"}'; sed 's/"id":"./&2/' samples.jsonl; } >mixed
    run -1 rank -q --by meteor mixed -o out.zst
    [ ! -e out.zst ]
    [ "$(find . -name '*.tmp' | wc -l)" -eq 0 ]
    run -0 --separate-stderr rank -q --by meteor --max-errors 1 --plain mixed -o out
    [[ $stderr == "rank: mixed:3: completion: "*"(skipped)" ]]
    [ "$(wc -l <out)" -eq 4 ]
    # The same for what only the ranking finds.
    printf '%s\n' '{"samples":[{"text":""}]}' '{"samples":[{"text":"a"}]}' >empty
    run -1 rank -q --by 1/length empty -o out2
    [ ! -e out2 ]
    rank -q --by 1/length --max-errors 1 --plain empty >out2 2>warnings
    [ "$(wc -l <out2)" -eq 1 ]
    grep -q '^rank: empty:1: .*(skipped)$' warnings
}

@test "WordNet: missing files are named with the package" {
    export TOKENWISE_WORDNET=$PWD
    refused_as 1 "$PWD/index.noun: *apt install wordnet-base*" rank -q --by meteor samples.jsonl
    run -0 rank -q --plain --by rouge1 samples.jsonl
    head -c 1000 /usr/share/wordnet/index.noun >index.noun
    cp /usr/share/wordnet/{data.noun,noun.exc} .
    echo nonsense >index.verb
    refused_as 1 '*: index.verb: not a WordNet*' rank -q --by meteor samples.jsonl
}

@test "the provenance names the expression and chains the input's" {
    rank -q --by length samples.jsonl | rank -q --by 'rouge1*2' >out.zst
    head -c 2000 out.zst | grep -aq 'rouge1\*2'
    head -c 2000 out.zst | grep -aq -- '--by=length'
}

@test "a reader that goes away ends it quietly" {
    for _ in $(seq 3000); do cat samples.jsonl; done | sed 's/"id":"."//; s/{,/{/' >many
    run -0 --separate-stderr bash -c 'set -o pipefail; rank -q --plain --by length many | head -1 >/dev/null; exit "${PIPESTATUS[0]}"'
    same '' "$stderr"
}

# shellcheck disable=SC2094 # `in` is not written again
@test "--completion best: the best sample is what fine-tune learns, also from ranks that are there" {
    printf '%s\n' '{"prompt":"a","completion":"w w","samples":[{"text":"v"},{"text":"w w"},{"text":"w"}]}' \
        '{"prompt":"b","completion":"w","samples":[{"text":"x w"},{"text":"w x"}]}' >in
    rank -q --plain --by rouge1 in >kept
    same '["w w","w"]' "$(jq -s -c 'map(.completion)' kept)"
    rank -q --plain --by -length --completion best in >best
    same '["v","x w"]' "$(jq -s -c 'map(.completion)' best)"
    same "$(jq -c .samples best)" "$(rank -q --plain --by -length in | jq -c .samples)"
    # The reference is compared with, then replaced.
    rank -q --plain --by rouge1 --completion best --completion-field best <(jq -c '.best = .completion' in) >named
    same '[["w w","w w"],["w","x w"]]' "$(jq -s -c 'map([.completion, .best])' named)"
    jq -c 'del(.completion)' best >bare
    refused 1 'bare:1: completion: expected a string, got nothing (rank --completion best puts the best sample there)' \
        fine-tune -q -m "$FIXTURES/gpt2" -o out --steps 1 bare
    rank -q --by ranks --completion best bare | fine-tune -q -m "$FIXTURES/gpt2" -o out --steps 1 -b 2
    [ -e out/model.safetensors ]
}

@test "a stage that was left out is named" {
    echo '{"prompt":"a","completion":"b"}' >prompts
    refused 1 'samples: expected an array, got nothing (run sample first)' rank -q --by length prompts
    refused 1 'samples: expected an array, got nothing (run sample first)' \
        learn-guidance -q -i "$FIXTURES/gpt2" -o out prompts
    refused 1 'samples: expected an array for rouge1 to compare, got nothing (run sample first)' score -q --metrics rouge1 prompts
    echo '{"prompt":"a","samples":[{"text":"b"},{"text":"c"}]}' >drawn
    refused 1 'score: expected a number, got nothing (run rank first)' learn-guidance -q -i "$FIXTURES/gpt2" -o out drawn
    refused 1 '(-g GUIDANCE computes them)' score -q --color --tokenizer "$FIXTURES/gpt2" \
        <(sample -q -m "$FIXTURES/gpt2" --max-new-tokens 2 prompts)
}
