#!/usr/bin/env bats
# A slow pipe: programs begin with the records that have arrived, and write the same bytes as
# from a file.
bats_require_minimum_version 1.5.0
load helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    for i in 1 2 3 4 5 6 7 8 9; do
        echo "{\"prompt\":\"a library for fonts $i\",\"completion\":\"fonts\"}"
    done >prompts.jsonl
    sample -q --plain -m "$FIXTURES/gpt2" -k 2 --max-new-tokens 6 prompts.jsonl >samples.jsonl
    mkfifo pipe
}

# shows N FILE: waits until FILE has N lines, plain or compressed; fails after a minute.
shows() {
    local lines i
    for ((i = 0; i < 600; i++)); do
        # a stream that goes on is cut short for now
        lines=$(zstd -dcqf "$2" 2>/dev/null | wc -l || true)
        [ "$lines" -lt "$1" ] || return 0
        sleep 0.1
    done
    echo "$2 has $lines lines of $1" >&2
    return 1
}

# drips INPUT OPTIONS... -- COMMAND...: writes the lines of INPUT to the command's input, and each
# group only when what came of the one before is there; then compares with the command on a file.
drips() {
    local input=$1
    shift
    "$@" <pipe >slow 3>&- &
    local pid=$!
    exec 4>pipe
    head -n 1 "$input" >&4
    shows 1 slow
    sed -n 2,4p "$input" >&4
    shows 4 slow
    tail -n +5 "$input" >&4
    exec 4>&-
    wait "$pid"
    "$@" <"$input" >quick
    cmp slow quick
    [ "$(zstd -dcqf slow | wc -l)" = 9 ]
}

@test "sample, plain" {
    drips prompts.jsonl sample -q --plain -m "$FIXTURES/gpt2" -k 2 --max-new-tokens 6
}

@test "sample, compressed: after the lines 1, 2, 4 of a frame nothing is held back" {
    drips prompts.jsonl sample -q -m "$FIXTURES/gpt2" -k 2 --max-new-tokens 6
}

@test "sample with beams, on two threads" {
    drips prompts.jsonl sample -q --plain -m "$FIXTURES/gpt2" --beams 2 -j 2 --max-new-tokens 6
}

@test "rank" {
    drips samples.jsonl rank -q --plain --by meteor
}

@test "rank by a model that takes texts together" {
    drips samples.jsonl rank -q --plain --by bertscore --bertscore-model "$FIXTURES/roberta/tiny"
}

@test "score --per-record" {
    drips samples.jsonl score -q --plain --per-record -m "$FIXTURES/gpt2"
}

@test "a compressed stream that comes in pieces" {
    head -n 2 prompts.jsonl | zstd -q >a.zst
    tail -n +3 prompts.jsonl | zstd -q >b.zst
    sample -q --plain -m "$FIXTURES/gpt2" --max-new-tokens 6 <pipe >slow 3>&- &
    local pid=$!
    exec 4>pipe
    cat a.zst >&4
    shows 2 slow
    cat b.zst >&4
    exec 4>&-
    wait "$pid"
    sample -q --plain -m "$FIXTURES/gpt2" --max-new-tokens 6 prompts.jsonl >quick
    cmp slow quick
}
