#!/usr/bin/env bats
# Prompts judged by a classifier: rank --by classifier, score --metrics classifier...; the
# numbers are held to transformers' in tests/unit/test_classifier.c.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

prepare() {
    # The case of the recorded values that fills the default template.
    recorded=$FIXTURES/classifier.json
    jq -c '.[0].examples[]' "$recorded" >examples.jsonl
    jq -c '.[0] | {id: "a", prompt: "", samples: [.found[] | {text: .prompt}]}' "$recorded" >prompts.jsonl
    verbalizers=' images, archives, documents'
    judge=(--classifier "$FIXTURES/gpt2" --verbalizers "$verbalizers" --examples examples.jsonl)
}

scores() { jq -c '[.samples[].score]'; }

# close JSON JSON: two arrays of numbers, of the size of a quality.
close() {
    jq -ne --argjson a "$1" --argjson b "$2" \
        '($a | length) == ($b | length) and ([$a, $b] | transpose | all((.[0] - .[1] | fabs) < 0.002))'
}

@test "rank --by classifier: the recorded qualities, by a causal and by a masked model" {
    rank -q --plain --by classifier "${judge[@]}" prompts.jsonl >out
    close "$(scores <out)" "$(jq -c '.[0].found | map(.quality)' "$recorded")"
    jq -e '[.samples[].rank] as $ranks | (.samples | sort_by(-.score) | map(.rank)) == ($ranks | sort)' out
    rank -q --plain --by classifierGap "${judge[@]}" prompts.jsonl >gaps
    close "$(scores <gaps)" "$(jq -c '.[0].found | map(.gap)' "$recorded")"
    jq -c '.[4].examples[]' "$recorded" >examples.jsonl
    rank -q --plain --by classifier --classifier "$FIXTURES/roberta/tiny" --examples examples.jsonl \
        --verbalizers ' files, code, text' prompts.jsonl >masked
    close "$(scores <masked)" "$(jq -c '.[4].found | map(.quality)' "$recorded")"
    jq -c '.[5].examples[]' "$recorded" >examples.jsonl
    rank -q --plain --by classifier --classifier "$FIXTURES/roberta/types" --examples examples.jsonl \
        --template '<mask> {prompt} {text}' --verbalizers 'The,This' prompts.jsonl >before
    close "$(scores <before)" "$(jq -c '.[5].found | map(.quality)' "$recorded")"
}

@test "in expressions, beside other metrics; labels by name, number and verbalizer" {
    each() { rank -q --plain --by "$1" "${judge[@]}" prompts.jsonl | jq -c '.samples[].score'; }
    paste <(each classifier) <(each classifierAccuracy) <(rank -q --plain --by length prompts.jsonl | jq '.samples[].score') |
        awk '{ printf "%.9f\n", $1 / 2 + $2 - 3 * $3 }' >expected
    each 'classifier/2 + classifierAccuracy - 3*length' | awk '{ printf "%.9f\n", $1 }' | diff expected -
    rank -q --plain --by classifier "${judge[@]}" prompts.jsonl >out
    jq -c '.label |= if type == "string" then " \(.)" else . end' examples.jsonl | zstd -q >renamed
    rank -q --plain --by classifier "${judge[@]}" --examples renamed prompts.jsonl | cmp - out
    rank -q --plain --by classifier "${judge[@]}" --examples <(zstdcat renamed) <prompts.jsonl | cmp - out
    jq -c '.label |= if . == "images" then "A" elif type == "string" then 3 - 1 - (. == "archives" | if . then 1 else 0 end) else . end' examples.jsonl >named
    rank -q --plain --by classifier "${judge[@]}" --verbalizers 'A= images,B= archives,C= documents' \
        --examples named prompts.jsonl | cmp - out
}

@test "score: accuracy, gap and quality of records' samples or completions" {
    score -q --metrics classifier,classifierAccuracy,classifierGap "${judge[@]}" prompts.jsonl >all
    close "$(jq -c '.metrics | map(.mean)' all)" \
        "$(jq -c '.[0].found | [(map(.quality), map(.accuracy), map(.gap)) | add / length]' "$recorded")"
    jq -c '.samples[] | {prompt: "", completion: .text}' prompts.jsonl >texts
    score -q --per-record --plain --metrics classifierAccuracy "${judge[@]}" texts >each
    same "$(jq -c '.[0].found | map(.accuracy)' "$recorded")" \
        "$(jq -cs 'map(.metrics.classifierAccuracy | if . == floor then floor else . end)' each)"
    # With the other metrics when nothing is named, which then may lack what they need.
    score -q "${judge[@]}" texts | jq -e '.metrics.classifier.mean < 0 and .metrics.meteor.mean == null'
}

@test "the best of a search on training examples, measured on others" {
    rank -q --plain --by classifier "${judge[@]}" prompts.jsonl | jq -c '.samples |= (unique_by(.text) | sort_by(.rank)[:3])' >best
    head -4 examples.jsonl >test.jsonl
    score -q --metrics classifierAccuracy "${judge[@]}" --examples test.jsonl best >accuracy
    rank -q --plain --by classifierAccuracy "${judge[@]}" --examples test.jsonl best |
        jq -e --slurpfile score accuracy '([.samples[].score] | add / 3) - $score[0].metrics.classifierAccuracy.mean | fabs < 1e-9'
}

@test "the same bytes whatever threads, batches, company and order" {
    jq -c 'range(12) as $i | {id: $i, prompt: "", samples: (.samples[$i % 3:] + [{text: "number \($i)"}])}' prompts.jsonl >many
    rank -q --by classifier "${judge[@]}" --examples-fraction 0.6 -s 3 many -o one.zst
    OMP_NUM_THREADS=2 rank -q --by classifier "${judge[@]}" --examples-fraction 0.6 -s 3 many -o two.zst
    cmp one.zst two.zst
    for tokens in 1 100; do
        rank -q --by classifier "${judge[@]}" --examples-fraction 0.6 -s 3 --batch-tokens $tokens many | cmp - one.zst
    done
    # The share of the examples goes by seed and id, so another order changes nothing else.
    tac many | rank -q --plain --by classifier "${judge[@]}" --examples-fraction 0.6 -s 3 | tac | cmp - <(zstdcat one.zst)
    rank -q --by classifier "${judge[@]}" --examples-fraction 0.6 -s 4 many -o other.zst
    run -1 cmp -s other.zst one.zst
    jq -c '.id = 1' many | rank -q --plain --by classifier "${judge[@]}" --examples-fraction 0.6 |
        jq -c '.samples[] | select(.text == "package of") | .score' | sort -u >scores
    [ "$(wc -l <scores)" -eq 1 ]
}

@test "texts that are too long lose their end, with one note; --strict refuses them" {
    run -0 --separate-stderr rank --by classifier "${judge[@]}" prompts.jsonl
    grep -Fxq "rank: 2 of 8 examples were cut to fit $FIXTURES/gpt2" <<<"$stderr"
    run -0 --separate-stderr score --metrics classifier "${judge[@]}" prompts.jsonl
    grep -Fxq "score: 2 of 8 examples were cut to fit $FIXTURES/gpt2" <<<"$stderr"
    refused 1 'examples.jsonl:6: text: with template and prompt more tokens than the 64 of the model*' \
        rank -q --strict --by classifier "${judge[@]}" prompts.jsonl
    # A prompt of its own that leaves no room is bad, and can be skipped.
    jq -c '{id: 1, samples: [{text: ("word " * 100)}]}, .' prompts.jsonl >long
    refused 1 'long:1: "word word *" with examples.jsonl:1: template and prompt alone have more tokens*' \
        rank -q --by classifier "${judge[@]}" long
    run -0 rank -q --plain --by classifier --max-errors 1 "${judge[@]}" long
}

refused() { refused_as "$@"; }

@test "usage errors" {
    by=(rank --by classifier prompts.jsonl)
    refused 2 'classifier needs --classifier MODEL' "${by[@]}"
    refused 2 '--metrics: classifierGap needs --classifier MODEL' score --metrics classifierGap prompts.jsonl
    refused 2 '--classifier: nothing asks for it*' rank --by length "${judge[@]}" prompts.jsonl
    refused 2 '--classifier: nothing asks for it*' rank --by ranks "${judge[@]}" prompts.jsonl
    refused 2 '--classifier: nothing asks for it*' score --metrics length "${judge[@]}" prompts.jsonl
    refused 2 '--template, --verbalizers and --examples are for --classifier MODEL' \
        rank --by length --template '{text} {prompt}' prompts.jsonl
    refused 2 '--classifier needs --verbalizers LIST' "${by[@]}" --classifier "$FIXTURES/gpt2"
    refused 2 '--classifier needs --examples FILE' "${by[@]}" "${judge[@]:0:4}"
    refused 2 '--template: expected {prompt} in "{text} It was"' "${by[@]}" "${judge[@]}" --template '{text} It was'
    refused 2 '--template: unknown {promt}*' "${by[@]}" "${judge[@]}" --template '{text} {promt}'
    refused 2 '--verbalizers: "great": expected at least two classes*' "${by[@]}" "${judge[@]}" --verbalizers great
    refused 2 '--examples: expected a file; standard input is for the records' "${by[@]}" "${judge[@]}" --examples -
    refused 2 '*--examples-fraction*' "${by[@]}" "${judge[@]}" --examples-fraction 0
}

@test "what model and tokenizer refuse" {
    by=(rank -q --by classifier prompts.jsonl)
    refused 1 '--verbalizers: " fonts": expected one token, got 2: "▁fo", "nts"' \
        "${by[@]}" "${judge[@]}" --verbalizers ' images, fonts'
    refused 1 '--template: <mask> is for a masked language model; a causal one, as GPT2LMHeadModel is*' \
        "${by[@]}" "${judge[@]}" --template '{text} {prompt} <mask>'
    refused 1 '--template: expected <mask>, the place that a masked language model, as RobertaForMaskedLM is*' "${by[@]}" \
        --classifier "$FIXTURES/roberta/tiny" --verbalizers ' files, code' --examples examples.jsonl \
        --template '{text} {prompt}'
    refused 1 '*/t5/v10: t5 is an encoder-decoder; expected a masked or a causal language model' "${by[@]}" \
        --classifier "$FIXTURES/t5/v10" --verbalizers ' images, archives' --examples examples.jsonl
    refused 1 '*nothing*' "${by[@]}" "${judge[@]}" --classifier nothing
}

@test "bad examples: file and line, what was expected" {
    by=(rank -q --by classifier prompts.jsonl "${judge[@]}" --examples bad.jsonl)
    good='{"text":"a","label":0}'
    bad() { printf '%s\n%s\n' "$good" "$2" >bad.jsonl && refused 1 "bad.jsonl:2: $1" "${by[@]}"; }
    bad 'label: expected one of images, archives, documents, or a number from 0 to 2, got "fonts"' '{"text":"a","label":"fonts"}'
    bad 'label: *, got 3' '{"text":"a","label":3}'
    bad 'label: *, got nothing' '{"text":"a"}'
    bad 'text: expected a string, got a number' '{"text":1,"label":0}'
    bad 'text: expected a string, got nothing' '{"label":0}'
    bad 'column *' '{"text":"a",'
    bad 'expected a JSON object, got an array' '[]'
    : >bad.jsonl
    refused 1 'bad.jsonl: no examples*' "${by[@]}"
    rm bad.jsonl
    refused 1 'cannot open bad.jsonl: No such file*' "${by[@]}"
    zstd -q <examples.jsonl | head -c 100 >bad.jsonl
    refused 1 'bad.jsonl: byte 100: the file ends inside a zstd frame*' "${by[@]}"
    # A text that spells the mask leaves no single place to look at.
    printf '%s\n' "$good" '{"text":"x <mask> y","label":0}' >bad.jsonl
    refused 1 'bad.jsonl:2: expected one <mask> in text, prompt and template, got 2' rank -q --by classifier prompts.jsonl \
        --classifier "$FIXTURES/roberta/tiny" --verbalizers ' files, code' --examples bad.jsonl
}

@test "a search for prompts, from an empty one: sample, rank, learn-guidance, fine-tune" {
    jq -nc 'range(12) | {id: ., prompt: ""}' |
        sample -q -m "$FIXTURES/gpt2" -k 16 --top-k 256 --max-new-tokens 5 --min-new-tokens 5 -o drawn.zst
    # Five tokens each, drawn as if after the start token.
    zstdcat drawn.zst | jq -se 'length == 12 and all(.[].samples[]; (.tokens | length) == 5 and .finish == "length")'
    rank -q --by classifier "${judge[@]}" --examples-fraction 0.8 -s 1 drawn.zst -o ranked.zst
    zstdcat ranked.zst | jq -se 'all(.[]; (.samples | map(.rank) | min) == 1) and ([.[].samples[].score] | unique | length) > 50'
    learn-guidance -q -i "$FIXTURES/gpt2" -o guidance --aggregate sum --head-size 8 --steps 5 ranked.zst
    score -q --metrics pairwise -g guidance ranked.zst | jq -e '.metrics.pairwise.mean > 0'
    # As in the paper, a step on one record: 64 groups of 5 of its 16 prompts.
    zstdcat ranked.zst | head -1 | learn-guidance -q -i guidance -o again --valid-fraction 0 \
        --group-size 5 --batch-size 64 --steps 1
    jq -nc 'range(4) | {id: ., prompt: ""}' >prompts
    fine-tune -q -m "$FIXTURES/gpt2" -g again --objective reinforce --entropy 0.125 --top-k 256 \
        --max-new-tokens 5 --steps 2 -o policy prompts
    sample -q -m policy -k 3 --max-new-tokens 5 --min-new-tokens 5 prompts |
        score -q --metrics classifierAccuracy "${judge[@]}" | jq -e '.records == 4'
}

@test "a classifier that gives all texts one class, whatever they are, is told" {
    # Of equal texts it cannot do otherwise.
    jq -c '.text = "a text"' examples.jsonl >equal.jsonl
    run -0 --separate-stderr rank --by classifier "${judge[@]}" --examples equal.jsonl prompts.jsonl
    echo "$stderr"
    [[ $stderr =~ 'rank: under '([0-9]+)' of '([0-9]+)' prompts the classifier gave all texts one class (see --template and --verbalizers)' ]]
    [ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[2]}" ]
    run -0 --separate-stderr score --metrics classifier "${judge[@]}" --examples equal.jsonl prompts.jsonl
    [[ $stderr == *'score: under '*' prompts the classifier gave all texts one class'* ]]
    # Of examples of one label nothing can be said.
    head -1 examples.jsonl >same.jsonl
    run -0 --separate-stderr rank --by classifier "${judge[@]}" --examples same.jsonl prompts.jsonl
    [[ $stderr != *'one class'* ]]
}
