#!/usr/bin/env bats
# The programs together, and each against every kind of bad stream and place.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

# A record that every program can read, as the 600 lines of good.jsonl.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    seq 600 | jq -c '{id: ., prompt: "package \(.) with fonts", completion: "fonts for \(. % 7)",
        samples: [{text: "fonts \(. % 5)", score: 1}, {text: "logs for \(. % 7)", score: 2}]}' >good.jsonl
    zstd -q good.jsonl
    head -c 100000000 /dev/zero | tr '\0' a | sed 's/^/{"prompt":"/; s/$/"}\n/' | zstd -q -1 >long.zst
}

prepare() {
    model=$FIXTURES/gpt2
    good=$BATS_FILE_TMPDIR/good.jsonl
    programs=(sample rank score learn-guidance fine-tune)
}

# command_of PROGRAM: a quick run of it, as the array `command`; output and input still to be
# given. A stream to stdout unless -o is.
command_of() {
    case $1 in
    sample) command=(sample -q -m "$model" --max-new-tokens 2) ;;
    rank) command=(rank -q --by length) ;;
    score) command=(score -q --metrics rouge1) ;;
    learn-guidance) command=(learn-guidance -q -i "$model" --head-size 8 --steps 1) ;;
    fine-tune) command=(fine-tune -q -m "$model" --steps 1) ;;
    esac
}

# all_refuse TEXT FILE: every program, from the file and from a pipe, with an output named.
# The file's name, or <stdin>, comes before the text.
all_refuse() {
    local program
    for program in "${programs[@]}"; do
        command_of "$program"
        refused 1 "$2:$1" "${command[@]}" -o out "$2"
        refused 1 "<stdin>:$1" "${command[@]}" -o out <"$2"
    done
}

@test "the pipe of the README, and any stage in the middle done by jq" {
    prompts=prompts.jsonl.zst
    jq -c '{id, prompt, completion}' "$good" | zstd -q >$prompts
    draw() { sample -q -m "$model" -k 4 -s 7 --max-new-tokens 6; }
    by_meteor() { rank -q --by meteor; }
    zstdcat $prompts | head -50 | draw | by_meteor | zstdcat | jq -c '.samples[0]' >got
    [ "$(wc -l <got)" -eq 50 ]
    jq -e 'keys == ["finish", "logprob", "rank", "score", "text", "tokens"]
        and .rank >= 1 and .rank <= 4 and .score >= 0' got >/dev/null
    # In front, between, behind.
    zstdcat $prompts | jq -c 'select(.id <= 50)' | draw | by_meteor | zstdcat |
        jq -c '.samples[0]' | diff got -
    zstdcat $prompts | head -50 | draw | zstdcat | jq -c . | by_meteor | zstdcat |
        jq -c '.samples[0]' | diff got -
    # A judge of one's own in the place of rank, and one before it.
    zstdcat $prompts | head -50 | draw | by_meteor | zstdcat |
        jq -c '.samples |= map(.score = (.text | length))' | rank -q --by score --plain |
        jq -e '.samples | min_by(.rank).score == (map(.score) | max)' >/dev/null
    # What sample made somewhere else: only prompts and samples in the middle.
    zstdcat $prompts | head -50 | jq -c '.samples = [{text: .completion}, {text: ""}]' |
        by_meteor | zstdcat | jq -e '[.samples[].rank] == [1, 2]' >/dev/null
    # All the way to a policy, through jq.
    zstdcat $prompts | head -50 | draw | by_meteor | zstdcat | jq -c 'del(.samples[0])' |
        learn-guidance -q -i "$model" -o guidance --head-size 8 --steps 2
    zstdcat $prompts | jq -c . | fine-tune -q -m "$model" -g guidance --objective weighted-mle \
        --steps 2 -o policy
    zstdcat $prompts | head -50 | sample -q -m policy --greedy --max-new-tokens 4 |
        score -q --json | jq -e '.records == 50' >/dev/null
}

@test "sample's first of k is that of k = 1, through files, pipes and concatenated streams" {
    head -20 "$good" | sample -q -m "$model" -k 1 -s 3 --max-new-tokens 4 -o one.zst
    head -20 "$good" | sample -q -m "$model" -k 2 -s 3 --max-new-tokens 4 | zstdcat |
        jq -c '.samples[0]' | diff - <(zstdcat one.zst | jq -c '.samples[0]')
    # Streams one after the other are a stream.
    cat one.zst one.zst | rank -q --by length --plain | jq -e -s 'length == 40' >/dev/null
    head -5 "$good" | zstd -q | cat - one.zst | sample -q -m "$model" --plain --max-new-tokens 4 |
        jq -e -s 'length == 25' >/dev/null
}

@test "an output named *.jsonl is plain text, any other zstd, the same records" {
    local program
    for program in sample rank score; do
        command_of "$program"
        [[ $program != score ]] || command+=(--per-record)
        "${command[@]}" -o named.jsonl "$good"
        "${command[@]}" --plain "$good" | cmp - named.jsonl
        "${command[@]}" -o named.zst "$good"
        same 50 "$(head -c 1 named.zst | od -An -tx1 | tr -d ' ')" # the magic of the head frame
        zstdcat named.zst | cmp - named.jsonl
    done
    "$PIPELINES/import/import" trl -q -o named.jsonl "$FIXTURES/import/trl.jsonl"
    jq -e -s 'length == 5' named.jsonl
}

@test "a truncated stream: the byte, and nothing of an output" {
    size=$(stat -c %s "$good.zst")
    head -c $((size / 2)) "$good.zst" >cut.zst
    all_refuse " byte $((size / 2)): the file ends inside a zstd frame" cut.zst
    # In the second of two frames: much was read and made by then.
    cat "$good.zst" cut.zst >cut2.zst
    all_refuse " byte $((size + size / 2)): the file ends inside a zstd frame" cut2.zst
    # Text that ends inside a line, plain and in a whole frame.
    head -c 1000 "$good" >cut.jsonl
    line=$(($(wc -l <cut.jsonl) + 1))
    all_refuse "$line: column " cut.jsonl
    zstd -q <cut.jsonl >cut3.zst
    all_refuse "$line: column " cut3.zst
}

@test "a flipped byte in a frame" {
    size=$(stat -c %s "$good.zst")
    for at in $((size / 3)) $((size - 2)); do
        cp "$good.zst" flipped.zst
        flip flipped.zst "$at"
        all_refuse ' byte ' flipped.zst
    done
    # Something else compressed.
    gzip -c "$good" >good.gz
    all_refuse ' it is compressed by gzip' good.gz
}

# bad_line TEXT LINE PROGRAM...: the third line of a stream.
bad_line() {
    local text=$1 line=$2 program
    { head -2 "$good" && printf '%b\n' "$line" && head -3 "$good"; } >bad.jsonl
    shift 2
    for program; do
        command_of "$program"
        refused 1 "bad.jsonl:3: $text" "${command[@]}" -o out bad.jsonl
    done
}

@test "bad lines: the place, the field, what was expected" {
    bad_line 'column ' '{"prompt":"a"' "${programs[@]}"
    bad_line 'column ' 'prompt' "${programs[@]}"
    bad_line 'expected a JSON object, got an array' '["prompt"]' "${programs[@]}"
    bad_line 'expected a JSON object, got a string' '"prompt"' "${programs[@]}"
    bad_line 'column ' '{"prompt":"a","prompt":"b"}' "${programs[@]}"
    bad_line 'prompt: expected a string, got nothing' '{"completion":"a","samples":[{"text":"a","score":1},{"text":"b","score":2}]}' \
        sample learn-guidance fine-tune
    bad_line 'prompt: expected a string, got a number' '{"prompt":1,"completion":"a","samples":[{"text":"a","score":1},{"text":"b","score":2}]}' \
        "${programs[@]}"
    bad_line 'completion: expected a string, got null' '{"prompt":"a","completion":null}' "${programs[@]}"
    bad_line 'samples: expected an array, got an object' '{"prompt":"a","completion":"b","samples":{}}' \
        "${programs[@]}"
    bad_line 'samples: ' '{"prompt":"a"}' rank learn-guidance
    bad_line 'samples[0].text: expected a string' '{"prompt":"a","completion":"b","samples":[{"text":[]},{"text":"b"}]}' \
        "${programs[@]}"
    bad_line 'column ' '{"prompt":"\\xff","completion":"b"}' "${programs[@]}"
    bad_line 'column ' '{"prompt":"\\xed\\xa0\\x80","completion":"b"}' "${programs[@]}"
    bad_line '' '{"prompt":"a\\0b"}' "${programs[@]}"
}

@test "a line of 100 MB" {
    for program in "${programs[@]}"; do
        command_of "$program"
        refused 1 'long.zst:1: ' "${command[@]}" -o out "$BATS_FILE_TMPDIR/long.zst"
    done
    command_of sample
    refused 1 '<stdin>:1: ' "${command[@]}" -o out < <(zstdcat "$BATS_FILE_TMPDIR/long.zst" 2>/dev/null)
}

@test "an empty stream: an empty output of the filters, nothing to learn for the others" {
    for program in sample rank; do
        command_of $program
        run -0 --separate-stderr "${command[@]}" --plain </dev/null
        same '' "$output$stderr"
        "${command[@]}" </dev/null >out.zst
        same '' "$(zstdcat out.zst)"
        # What we write for it is what we read as such.
        "${command[@]}" -o again.zst <out.zst
        same '' "$(zstdcat again.zst)"
    done
    run -0 --separate-stderr score -q --json </dev/null
    same 0 "$(jq .records <<<"$output")"
    for program in learn-guidance fine-tune; do
        command_of $program
        refused 1 'no ' "${command[@]}" -o out </dev/null
    done
}

@test "a model folder given as a stream, a stream as a model folder" {
    for program in "${programs[@]}"; do
        command_of "$program"
        refused 1 'gpt2: it is a folder; expected a stream of JSON lines' "${command[@]}" -o out "$model"
        refused 1 'no-such: No such file' "${command[@]}" -o out no-such
    done
    refused 1 'good.jsonl: not a folder; expected a model folder' sample -q -m "$good" -o out "$good"
    refused 1 'good.jsonl: not a folder; expected a model folder' fine-tune -q -m "$good" -o out "$good"
    refused 1 'good.jsonl: not a folder; expected a model folder' learn-guidance -q -i "$good" -o out "$good"
}

@test "groups of one and of equal scores" {
    command_of learn-guidance
    head -3 "$good" | jq -c 'if .id == 3 then .samples |= .[:1] else . end' >one.jsonl
    refused 1 'one.jsonl:3: samples: expected at least 2 to rank, got 1' "${command[@]}" -o out one.jsonl
    jq -c '.samples[].score = 1' "$good" >equal.jsonl
    refused 1 'all 600 groups have equal scores' "${command[@]}" -o out equal.jsonl
    # Some are skipped, and counted.
    run -0 learn-guidance -i "$model" --head-size 8 --steps 1 -o out <(head -3 equal.jsonl && tail -20 "$good")
    [[ $output == *'3 '*'equal scores'* ]]
}

@test "an output that cannot be written" {
    for program in "${programs[@]}"; do
        command_of "$program"
        refused 1 'no-such/out' "${command[@]}" -o no-such/out "$good"
        touch file
        refused 1 'file/out: ' "${command[@]}" -o file/out "$good"
    done
    for program in sample rank score; do
        command_of $program
        mkdir -p folder
        refused 1 'folder: it is a folder' "${command[@]}" -o folder "$good"
        refused 1 'cannot write /dev/full: No space left on device' "${command[@]}" -o /dev/full "$good"
        run -1 --separate-stderr bash -c '"$@" >/dev/full' - "${command[@]}" "$good"
        same "$program: cannot write <stdout>: No space left on device" "$stderr"
        run -1 --separate-stderr bash -c '"$@" >&-' - "${command[@]}" "$good"
        [[ $stderr == "$program: cannot write <stdout>: "* ]]
    done
}

# Files of at most 4 KB: writing fails in the middle, as on a full disk.
@test "an output that does not fit" {
    for program in sample rank learn-guidance fine-tune; do
        command_of $program
        refused_by_limit "${command[@]}" -o out "$good"
    done
    command_of score # writes little, but with each record
    refused_by_limit "${command[@]}" --per-record --plain -o out "$good"
    # What was there before is there afterwards.
    echo precious >out
    command_of rank
    refused_by_limit "${command[@]}" -o out "$good"
    same precious "$(cat out)"
    # A disk that is really full, where we may mount one.
    full=yes
    mkdir small
    if mount -t tmpfs -o size=16k none small 2>/dev/null; then
        for program in sample rank learn-guidance fine-tune; do
            command_of $program
            [[ $program != rank ]] || command+=(--plain) # or it would fit
            refused 1 'No space left on device' "${command[@]}" -o small/out "$good" || full=no
        done
        umount small
        [ $full = yes ]
    fi
}

refused_by_limit() { # COMMAND...
    local before
    before=$(tree)
    run -1 --separate-stderr bash -c 'ulimit -f 4; trap "" XFSZ; exec "$@"' - "$@"
    echo "$*: $stderr"
    [ "${#stderr_lines[@]}" -eq 1 ] || return 1
    [[ $stderr == "$1: "*': File too large' ]] || return 1
    same "$before" "$(tree)"
}
