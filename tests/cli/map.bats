#!/usr/bin/env bats
# pipelines/map: shards, order, ids, faults, machines. `frames` stands in for other
# people's programs: it adds a field and writes zstd frames of 512 lines, a skippable
# frame in front.
load helper
load sshd

prepare() {
    cat >frames <<'END'
#!/bin/bash
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/in"
printf '%b' 'P*M\x18\x04\x00\x00\x00head'
[[ -s $work/in ]] || exit 0
zstdcat -f "$work/in" | jq -c --arg note "${1-}" '. + {letters: (.prompt | length), note: $note}' |
    split -l 512 --filter='zstd -q -c' -
END
    chmod +x frames
    seq 1 1300 | jq -c '{id: ("r" + tostring), prompt: ("p" * .), x: 1.10}' >records
    zstd -q records
}

teardown() {
    stop_sshd "$BATS_TEST_TMPDIR/sshd"
}

@test "sharded output is byte-identical to the unsharded" {
    ./frames <records.zst >whole
    for jobs in 1 3; do
        JOBS=$jobs "$PIPELINES/map" ./frames <records.zst >"jobs-$jobs"
        cmp whole "jobs-$jobs"
    done
    [[ $(tail -n +2 map.joblog | wc -l) -eq 3 ]]
    # Two frames a shard, and a last shard that is short.
    JOBS=2 SHARD=1024 "$PIPELINES/map" -o file ./frames <records.zst
    cmp whole file
    [[ $(tail -n +2 file.joblog | wc -l) -eq 2 ]]
}

@test "sample and rank: one process, JOBS=1, JOBS=3, the same bytes, ids or none" {
    zstdcat records.zst | jq -c 'if (.prompt | length) % 3 == 0 then . else del(.id) end
        | . + {completion: .prompt}' | zstd -q >in.zst
    local model=$FIXTURES/gpt2
    "$BIN/sample" -q -m "$model" -k 2 -s 7 --max-new-tokens 6 -o samples in.zst
    "$BIN/rank" -q --by rouge1 -o ranked samples
    for jobs in 1 3; do
        JOBS=$jobs "$PIPELINES/map" "$BIN/sample" -q -m "$model" -k 2 -s 7 --max-new-tokens 6 \
            <in.zst >"samples-$jobs"
        cmp samples "samples-$jobs"
        JOBS=$jobs "$PIPELINES/map" -o "ranked-$jobs" "$BIN/rank" -q --by rouge1 <"samples-$jobs"
        cmp ranked "ranked-$jobs"
    done
}

@test "sample on two machines over ssh: the same bytes" {
    start_sshd "$BATS_TEST_TMPDIR/sshd"
    local command=("$BIN/sample" -q -m "$FIXTURES/gpt2" -k 2 -s 7 --max-new-tokens 6 --prefix "it's {} \$HOME ")
    "${command[@]}" <records.zst >whole
    HOSTS=$BATS_TEST_TMPDIR/sshd/hosts SHARD=512 "$PIPELINES/map" "${command[@]}" \
        <records.zst >over-ssh
    cmp whole over-ssh
    [[ $(tail -n +2 map.joblog | wc -l) -eq 3 ]]
    [[ $(tail -n +2 map.joblog | cut -f 2 | sort -u | wc -l) -eq 2 ]]
}

@test "a shard that fails on one machine is tried on the other" {
    start_sshd "$BATS_TEST_TMPDIR/sshd"
    # The first try of the last shard fails, wherever it runs.
    cat >flaky <<END
#!/bin/bash
cat >\$\$.in
if zstdcat -f \$\$.in | grep -q '"r1025"' && mkdir '$PWD/failed-once' 2>/dev/null; then exit 1; fi
exec ./frames <\$\$.in
END
    chmod +x flaky
    HOSTS=$BATS_TEST_TMPDIR/sshd/hosts SHARD=512 "$PIPELINES/map" ./flaky <records.zst >out
    [[ -d failed-once ]]
    ./frames <records.zst | cmp - out
}

@test "ids are line numbers of the unsharded input, only where there is none" {
    seq 1 1300 | jq -c 'if . % 3 == 0 then {prompt: "}", id: "own"} else {a: {id: 0}, r: 1.50} end' >in
    sed -i -e '7s/.*/{ }/' -e '8s/.*/{"a":1}  /' -e '10s/1\.50*/1.50/' in
    JOBS=2 "$PIPELINES/map" cat <in >out
    jq -c 'input_line_number as $n | if .id == "own" then empty
        elif .id == $n then empty else error("line \($n)") end' out
    [[ $(jq -s 'map(select(.id == "own")) | length' out) -eq 433 ]]
    same '{"id":7}' "$(sed -n 7p out)"
    same '{"a":1,"id":8}' "$(sed -n 8p out)"
    # All else stays as it was, to the digit.
    same '{"a":{"id":0},"r":1.50,"id":10}' "$(sed -n 10p out)"
}

@test "plain text goes to the program as plain text, arguments untouched" {
    local filter="{id, n: (.prompt | length), t: \"{} {.} {#} ' \\\\ \$HOME\"}"
    JOBS=2 "$PIPELINES/map" jq -c "$filter" <records >out
    jq -c "$filter" <records | cmp - out
}

@test "an empty input gives what the program makes of it" {
    ./frames </dev/null | cmp - <(JOBS=3 "$PIPELINES/map" ./frames </dev/null)
}

@test "a failing shard fails all, with a message and no output" {
    cat >picky <<'END'
#!/bin/bash
if zstdcat | grep -q '"r1200"'; then
    echo 'picky: <stdin>:176: no' >&2
    exit 1
fi
echo fine
END
    chmod +x picky
    JOBS=2 SHARD=512 run "$PIPELINES/map" -o out ./picky <records.zst
    [[ $status -eq 1 ]]
    [[ $output == *'from-line-1025'*'picky: <stdin>:176: no'* ]]
    [[ $output == *'nothing was written, the log is out.joblog'* ]]
    [[ ! -e out ]]
    [[ $(find . -name '.out*' | wc -l) -eq 0 ]]
    JOBS=2 SHARD=512 "$PIPELINES/map" ./picky <records.zst >stdout 2>/dev/null || true
    [[ ! -s stdout ]]
}

@test "damaged input is refused before anything runs" {
    head -c 5000 records.zst >cut.zst
    run "$PIPELINES/map" touch ran <cut.zst
    [[ $status -eq 1 && $output == *'the input is damaged'* ]]
    head -c 5000 records >short
    run "$PIPELINES/map" touch ran <short
    [[ $status -eq 1 && $output == *'ends inside a line'* ]]
    [[ ! -e ran ]]
}

@test "usage errors" {
    run "$PIPELINES/map"
    [[ $status -eq 2 && $output == *'wants a PROGRAM'* ]]
    SHARD=1000 run "$PIPELINES/map" cat <records
    [[ $status -eq 2 && $output == *'not a multiple of 512'* ]]
    JOBS=many run "$PIPELINES/map" cat <records
    [[ $status -eq 2 ]]
    HOSTS=nowhere run "$PIPELINES/map" cat <records
    [[ $status -eq 1 && $output == *'cannot read HOSTS=nowhere'* ]]
    run "$PIPELINES/map" no-such-program <records
    [[ $status -eq 2 && $output == *'no such program'* ]]
    run "$PIPELINES/map" --help
    [[ $status -eq 0 && $output == usage:* ]]
}
