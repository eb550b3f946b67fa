#!/usr/bin/env bats
# BERTScore in score and rank.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper

prepare() {
    MODEL=$FIXTURES/roberta/tiny
    # What bert_score says, a group of candidates a record.
    jq -c '.groups[] | {completion: .reference,
        samples: [.candidates[] | {text, wanted: (100 * .f1), p: (100 * .precision), r: (100 * .recall)}]}' \
        "$FIXTURES/bertscore.json" >groups.jsonl
    LAYER=$(jq .layer "$FIXTURES/bertscore.json")
}

@test "rank --by bertscore gives bert_score's F1" {
    rank -q --plain --by bertscore --bertscore-model "$MODEL" --bertscore-layer "$LAYER" groups.jsonl >ranked
    jq -e -s 'length == 11 and ([.[].samples[] | .score - .wanted | fabs] | max) < 1e-4' ranked
    jq -e -s 'all(.[]; .samples | map(select(.rank == 1).score)[0] == (map(.score) | max))' ranked
    rank -q --plain --by '2*bertscoreP - bertscoreR' --bertscore-model "$MODEL" --bertscore-layer "$LAYER" \
        groups.jsonl >ranked
    jq -e -s '([.[].samples[] | .score - (2 * .p - .r) | fabs] | max) < 3e-4' ranked
}

@test "score's value of a record is the mean over its samples" {
    score -q --plain --per-record --metrics bertscoreR,bertscore --bertscore-model "$MODEL" \
        --bertscore-layer "$LAYER" groups.jsonl >scored
    jq -e -s 'all(.[]; (.metrics.bertscore - (.samples | map(.wanted) | add / length) | fabs) < 1e-4)' scored
    jq -e -s 'all(.[]; (.metrics.bertscoreR - (.samples | map(.r) | add / length) | fabs) < 1e-4)' scored
    jq -e '.metrics | keys_unsorted == ["bertscoreR", "bertscore"]' scored
    score -q --json --bertscore-model "$MODEL" groups.jsonl |
        jq -e '.metrics | keys_unsorted | .[-3:] == ["bertscore", "bertscoreP", "bertscoreR"] and length == 8'
}

@test "the same bytes however the work is cut" {
    rank -q --plain --by bertscore --bertscore-model "$MODEL" groups.jsonl >one
    rank -q --plain --by bertscore --bertscore-model "$MODEL" --batch-tokens 1 -j 2 groups.jsonl >two
    cmp one two
}

@test "texts beyond the context are cut and counted" {
    run -0 --separate-stderr rank --plain --by bertscore --bertscore-model "$MODEL" groups.jsonl
    [[ $stderr == *"rank: 3 texts were cut to fit $MODEL"* ]]
}

@test "usage" {
    run -2 --separate-stderr rank --by bertscore groups.jsonl
    [[ $stderr == 'rank: bertscore needs --bertscore-model MODEL'* ]]
    run -2 --separate-stderr score --metrics bertscoreP groups.jsonl
    [[ $stderr == 'score: --metrics: bertscoreP needs --bertscore-model MODEL'* ]]
    run -2 --separate-stderr rank --by length --bertscore-model "$MODEL" groups.jsonl
    [[ $stderr == 'rank: --bertscore-model: nothing asks for it'* ]]
    run -2 --separate-stderr rank --by length --bertscore-layer 1 groups.jsonl
    [[ $stderr == 'rank: --bertscore-layer is for --bertscore-model MODEL'* ]]
}

@test "what cannot be compared" {
    run -1 --separate-stderr rank -q --plain --by bertscore --bertscore-model "$MODEL" --bertscore-layer 4 groups.jsonl
    [ "$stderr" = "rank: $MODEL: layer 4: the model has 3" ]
    run -1 --separate-stderr score -q --metrics bertscore --bertscore-model "$FIXTURES/gpt2" groups.jsonl
    local wanted='is not a masked language model (RobertaForMaskedLM is: model_type roberta, is_decoder not true)'
    [ "$stderr" = "score: $FIXTURES/gpt2: GPT2LMHeadModel $wanted" ]
    echo '{"prompt":"p","samples":[{"text":"x"}]}' >lacking.jsonl
    run -1 --separate-stderr score -q --metrics bertscore --bertscore-model "$MODEL" lacking.jsonl
    [ "$stderr" = "score: lacking.jsonl:1: completion: expected a string for bertscore to compare with, got nothing" ]
    cat lacking.jsonl groups.jsonl >both.jsonl
    score -q --json --max-errors 1 --metrics bertscore --bertscore-model "$MODEL" both.jsonl | jq -e '.records == 11'
}

@test "identical texts of a record have one score and one rank, wherever they stand" {
    # Records of four samples: one text in two to four places, others of other lengths about it.
    jq -n -c 'def words: ["fonts", "for", "a", "server", "with", "logs", "and", "images"];
        range(40) as $i | [range(1 + $i % 9) | words[($i + . * 3) % 8]] | join(" ") as $same
        | [range(2 + $i % 7) | words[($i * 5 + .) % 8]] | join(" ") as $other
        | {id: $i, completion: "a server for fonts and logs",
           samples: [[$same, $other, $same, ($other + " of " + $same)],
                     [$other, $same, $same, $same], [$same, $same, $same, $same],
                     [($same + " " + $same), $same, $other, $same]][$i % 4] | map({text: .})}' >twins.jsonl
    rank -q --plain --by bertscore --bertscore-model "$MODEL" twins.jsonl >ranked
    jq -e -s 'length == 40 and all(.samples | group_by(.text)
        | all((map(.score) | unique | length == 1) and (map(.rank) | unique | length == 1)))' ranked
    # Of records too, in whatever company.
    tac twins.jsonl | rank -q --plain --by bertscore --bertscore-model "$MODEL" | tac >turned
    cmp ranked turned
    for metric in bertscoreP bertscoreR; do
        rank -q --plain --by $metric --bertscore-model "$MODEL" twins.jsonl |
            jq -e -s 'all(.samples | group_by(.text) | all(map(.score) | unique | length == 1))'
    done
}
