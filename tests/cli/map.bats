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
    [[ ! -e ran ]]
}

# plain N: N records without id
plain() { seq 1 "$1" | jq -c '{prompt: ("p" * (. % 7 + 1)), completion: "p", samples: [{text: "p"}, {text: "q\(.)"}]}'; }

@test "small sets: shards of any size, the same bytes" {
    plain 40 >few
    rank -q --by rouge1 -o whole few
    JOBS=2 "$PIPELINES/map" "$BIN/rank" -q --by rouge1 <few | cmp - whole
    [[ $(tail -n +2 map.joblog | wc -l) -ge 2 ]] # both jobs had work
    plain 1100 | zstd -q >many.zst
    rank -q --by rouge1 -o whole many.zst
    for shard in 1000 300 7; do
        SHARD=$shard JOBS=2 "$PIPELINES/map" "$BIN/rank" -q --by rouge1 <many.zst | cmp - whole
    done
    SHARD=300 JOBS=2 "$PIPELINES/map" "$BIN/rank" -q --plain --by rouge1 <many.zst |
        cmp - <(zstdcat whole)
    plain 1100 | SHARD=300 "$PIPELINES/map" jq -c . | jq -c 'del(.id)' | cmp - <(plain 1100)
}

@test "what is harmless, and what nests deeply, is read as one process reads it" {
    plain 1000 >in
    { sed -n '1,530p' in; printf '\n \t\n\xef\xbb\xbf'; sed -n '531p' in; } >odd
    {
        printf '{"prompt":"p","samples":[{"text":""}],"x":'
        printf '[%.0s' {1..400}
        printf ']%.0s' {1..400}
        printf '}\n{"samples":[{"text":"" }],"big":18446744073709551615,"x":1.10 }  \n'
    } >>odd
    { sed -n '532,$p' in | sed 's/$/\r/'; printf '{"samples":[{"text":"a"}]}'; } >>odd
    rank -q --by length -o whole odd
    [[ $(zstdcat whole | wc -l) -eq 1003 ]]
    for shard in 512 100; do
        SHARD=$shard JOBS=2 "$PIPELINES/map" "$BIN/rank" -q --by length <odd | cmp - whole
        zstd -q -c odd | SHARD=$shard JOBS=2 "$PIPELINES/map" "$BIN/rank" -q --by length | cmp - whole
    done
}

@test "--max-errors holds for all shards together" {
    plain 1200 | sed -e '3s/.*/[]/' -e '4s/.*//' -e '600s/.*/{"samples":7}/' -e '1100s/.*/nonsense/' >in
    rank -q --by length --max-errors 3 -o whole in
    for shard in 512 100; do
        SHARD=$shard JOBS=2 "$PIPELINES/map" "$BIN/rank" -q --by length --max-errors 3 <in | cmp - whole
        SHARD=$shard JOBS=2 run "$PIPELINES/map" -o out "$BIN/rank" -q --by length --max-errors=2 <in
        [[ $status -eq 1 && ! -e out ]]
        [[ $output == *'map: 3 bad records, more than --max-errors 2; nothing was written' ]]
    done
    run "$PIPELINES/map" sh -c 'rank --by length --max-errors 3' <in
    [[ $status -eq 2 && $output == *'give --max-errors to PROGRAM itself' ]]
}

@test "HOSTS: this machine is :" {
    plain 40 >few
    rank -q --by rouge1 -o whole few
    printf '# here\n:\n' >here
    HOSTS=here JOBS=2 "$PIPELINES/map" "$BIN/rank" -q --by rouge1 <few 2>err | cmp - whole
    [[ ! -s err ]]
    echo '2/:' >here
    HOSTS=here SHARD=7 "$PIPELINES/map" "$BIN/rank" -q --by rouge1 <few | cmp - whole
    start_sshd "$BATS_TEST_TMPDIR/sshd"
    { head -n 1 sshd/hosts; echo :; } >both
    HOSTS=both SHARD=10 "$PIPELINES/map" "$BIN/rank" -q --by rouge1 <few | cmp - whole
    [[ $(tail -n +2 map.joblog | cut -f 2 | sort -u | wc -l) -eq 2 ]]
}

@test "-o: links are followed, pipes and devices written, what cannot be written is told first" {
    plain 40 >few
    rank -q --by length -o whole few
    echo old >target && ln -s target link
    "$PIPELINES/map" -o link "$BIN/rank" -q --by length <few
    [[ -L link && -e link.joblog ]] && cmp whole target
    "$PIPELINES/map" -o /dev/null "$BIN/rank" -q --by length <few && [[ -c /dev/null && ! -e /dev/null.joblog ]]
    "$PIPELINES/map" -o text.jsonl "$BIN/rank" -q --by length <few && zstdcat whole | cmp - text.jsonl
    "$PIPELINES/map" -o /dev/stdout "$BIN/rank" -q --by length <few | cmp - whole
    mkfifo fifo
    cat fifo >through &
    "$PIPELINES/map" -o fifo "$BIN/rank" -q --by length <few
    wait "$!"
    [[ -p fifo ]] && cmp through whole
    mkdir folder
    for place in folder no/such/folder; do
        run "$PIPELINES/map" -o "$place" touch ran <few
        [[ $status -eq 1 && $output == "map: cannot "*" $place: "* && ! -e ran ]]
    done
    [[ $(find folder -mindepth 1 | wc -l) -eq 0 ]]
}

@test "SIGTERM, SIGHUP and SIGINT end it and its jobs at once, and nothing is left" {
    export TMPDIR=$PWD/tmp
    mkdir tmp
    cat >slow <<END
#!/bin/bash
echo "\$\$" >>'$PWD/pids'
exec sleep 100
END
    chmod +x slow
    plain 40 >few
    for signal in TERM HUP INT; do
        rm -f pids
        JOBS=2 env --default-signal=INT "$PIPELINES/map" -o out ./slow <few 2>err &
        pid=$!
        until [[ -e pids && $(wc -l <pids) -eq 2 ]]; do sleep 0.05; done
        kill -"$signal" "$pid"
        status=0 before=$SECONDS
        wait "$pid" || status=$?
        same $((128 + $(kill -l "$signal"))) "$status"
        ((SECONDS - before < 8))
        while read -r job; do
            ! kill -0 "$job" 2>/dev/null || [[ $(ps -o stat= -p "$job") == Z* ]]
        done <pids
        [[ ! -e out && -z $(find tmp -name 'map.*') && -z $(find . -name '.out*') ]]
    done
}

@test "usage errors" {
    run "$PIPELINES/map"
    [[ $status -eq 2 && $output == *'wants a PROGRAM'* ]]
    JOBS=many run "$PIPELINES/map" cat <records
    [[ $status -eq 2 ]]
    HOSTS=nowhere run "$PIPELINES/map" cat <records
    [[ $status -eq 1 && $output == *'cannot read HOSTS=nowhere'* ]]
    run "$PIPELINES/map" no-such-program <records
    [[ $status -eq 2 && $output == *'no such program'* ]]
    run "$PIPELINES/map" --help
    [[ $status -eq 0 && $output == usage:* ]]
}
