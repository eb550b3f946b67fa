# Made-up records to learn from, and what any model does with them. Loaded by .bats files:
# `load records`.

# library_records COUNT: prompts that differ, one completion.
library_records() {
    seq "$1" | jq -c '{prompt: "a library for fonts \(.)", completion: "fonts"}'
}

# package_records COUNT: completions that follow from the prompts.
package_records() {
    local word=(fonts logs images audio python server) i
    for ((i = 0; i < $1; i++)); do
        printf '{"id":%d,"prompt":"package %d with %s","completion":"%s for %s"}\n' "$i" "$i" \
            "${word[i % 6]} and ${word[i / 6 % 6]}" "${word[i % 6]}" "${word[i / 6 % 6]}"
    done
}

# learn_round MODEL [OPTION...]: of train.jsonl, whose 4 records the model samples, with options,
# into `ranked`, a guidance model of it and a policy that weighs by that: `guidance`, `policy`.
learn_round() {
    local model=$1
    shift
    sample -q --plain -m "$model" -k 3 --max-new-tokens 6 "$@" train.jsonl >samples
    jq -e -s 'length == 4 and all(.samples | length == 3)' samples >/dev/null
    rank -q --plain --by length samples >ranked
    learn-guidance -q -i "$model" -o guidance "$@" --steps 2 ranked
    fine-tune -q -m "$model" -g guidance --objective weighted-mle --steps 2 -o policy train.jsonl
}

# check_policy MODEL: it gives what is ranked a likelihood, and writes the same bytes however the
# work is cut.
check_policy() {
    score -q --json -m "$1" -g guidance ranked |
        jq -e '.records == 4 and .metrics.nll.mean > 0' >/dev/null
    sample -q --plain -m "$1" -k 3 --max-new-tokens 6 train.jsonl >one
    sample -q --plain -m "$1" -k 3 --max-new-tokens 6 --batch-tokens 1 -j 2 train.jsonl >two
    cmp one two
}

# nll MODEL: its mean over train.jsonl, with more digits than matter.
nll() {
    score -q --json -m "$1" --metrics nll train.jsonl | jq .metrics.nll.mean
}
