#!/usr/bin/env bats
# A fault at every call that writes, syncs, renames, removes or opens for writing (faults.c): a full
# disk, an I/O error, an interrupted call, SIGKILL, SIGTERM. Whatever fails and wherever: one message
# that names the file; inputs as they were; the old output or the new one whole at its place; and the
# same command again, with --resume where there is one, ends with the bytes of an undisturbed run and
# leaves nothing else. FAULTS=all tries every call, else each kind of fault takes a share of them.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load records
load inject

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    mkdir in
    package_records 6 >in/train.jsonl
    jq -c '{id, prompt, completion, samples: [{text: .completion, score: 2}, {text: .prompt, score: 1}]}' \
        in/train.jsonl >in/ranked.jsonl
    # One layer: its checkpoint has few tensors, each written by a call.
    jq '.n_layer = 1' "$FIXTURES/gpt2/config.json" >config.json
    fine-tune -q --init config.json --tokenizer "$FIXTURES/gpt2/spiece.model" -o in/policy --steps 1 \
        -b 2 --accumulate 1 in/train.jsonl
    learn-guidance -q -i in/policy -o in/guidance --head-size 8 --steps 1 --eval-every 0 in/ranked.jsonl 2>/dev/null
    fine-tune -q -m in/policy --lora 2 -o in/adapter --steps 1 -b 2 --accumulate 1 in/train.jsonl
    # Results of earlier runs, in the place of the new ones.
    mkdir old
    echo old >old/file
    cp -r in/policy old/folder
}

prepare() {
    cp -r "$BATS_FILE_TMPDIR/in" in
    # Sanitizers want to be the first library; here another one is, on purpose.
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
}

# The log's lines, but for the speed.
log_lines() {
    local line
    [[ -e log ]] || return 0
    while IFS= read -r line || [[ $line ]]; do
        [[ $line =~ (.*)\"tokens_per_second\":[^,}]*(.*) ]] && line=${BASH_REMATCH[1]}${BASH_REMATCH[2]}
        echo "$line"
    done <log
}

# place_old: puts what an earlier run left at `out`; nothing for old=none. With `begun`, the
# checkpoint and the log of an interrupted run, too.
place_old() {
    rm -rf out log out.* .out* .log*
    [[ $old == none ]] || cp -r "$BATS_FILE_TMPDIR/old/$old" out
    [[ -z ${begun:-} ]] || cp -r "$begun"/* .
}

# is WANTED: `out` is that, the name of a file or folder; `none`: there is none.
is() {
    if [[ $1 == none ]]; then [[ ! -e out ]]; else diff -rq out "$1" >/dev/null 2>&1; fi
}

same_inputs() {
    diff -rq in "$BATS_FILE_TMPDIR/in" >/dev/null || complain 'an input is another'
}

complain() {
    echo "$kind at call $nth of ${command[*]}, in place of $old: $1"
    echo "status $status, stderr:"
    cat err
    find . ! -path './in/*' | sort
    return 1
}

# A line `PROGRAM: ...` that names an output.
one_message() {
    [[ $(wc -l <err) -eq 1 && $(<err) == "${command[0]}: "* && $(<err) =~ out|log|stdout ]]
}

# What must hold after the fault, wherever it was.
check_end() {
    same_inputs || return 1
    is "$placed" || is "$kept/whole" || complain 'the output is neither old nor new' || return 1
    case $kind:$status in
    KILL:137 | TERM:143) ;;
    EINTR:0 | ENOSPC:0 | EIO:0 | TERM:0) is "$kept/whole" || complain 'success, but not the new output' ;;
    ENOSPC:1 | EIO:1) one_message || complain 'not one message' ;;
    ENOSPC:75 | EIO:75 | TERM:75)
        one_message || complain 'not one message' || return 1
        [[ $(<err) == *'--resume goes on from'*out.checkpoint && -e out.checkpoint/state.json ]] ||
            complain 'no checkpoint'
        ;;
    *) complain 'another status' ;;
    esac
}

# The same command once more.
check_rerun() {
    local again=("${command[@]}")
    [[ ! -e out.checkpoint/state.json || $begun ]] || again+=(--resume)
    status=0
    "${again[@]}" 2>err || status=$?
    ((status == 0)) || complain 'then it failed again' || return 1
    is "$kept/whole" || complain 'then another output' || return 1
    [[ $(log_lines) == "$whole_log" ]] || complain 'then another log' || return 1
    same_inputs || return 1
    [[ $(echo * .[!.]*) == "$left" ]] || complain 'then something else is left'
}

# every_call OLD STRIDE COMMAND...: faults at every call of COMMAND, which writes `out` and perhaps
# `log`, or at one of STRIDE calls for each kind.
every_call() {
    local old=$1 stride=$2 kinds=(ENOSPC EIO EINTR KILL TERM) kind nth i tried=0 count
    shift 2
    command=("$@")
    kept=$BATS_FILE_TMPDIR/$BATS_TEST_NUMBER
    placed=none
    [[ $old == none ]] || placed=$BATS_FILE_TMPDIR/old/$old
    [[ ${FAULTS:-} != all ]] || stride=1
    place_old
    with_fault '' 0 "${command[@]}"
    ((status == 0)) || complain 'it fails without a fault' || return 1
    rm -rf "$kept"
    mkdir "$kept"
    cp -r out "$kept/whole"
    whole_log=$(log_lines)
    left=$(echo * .[!.]*)
    count=$calls
    for i in "${!kinds[@]}"; do
        kind=${kinds[i]}
        for ((nth = 1 + i * stride / 5; nth <= count; nth += stride)); do
            place_old
            with_fault "$kind" "$nth" "${command[@]}"
            ((tried += 1))
            check_end || return 1
            [[ $kind == EINTR ]] || check_rerun || return 1
        done
    done
    echo "# ${command[0]}: $tried faults at $count calls, in place of $old" >&3
}

@test "sample" {
    every_call file 1 sample -q -m in/policy --max-new-tokens 2 -o out in/train.jsonl
    every_call none 2 sample -q -m in/policy --max-new-tokens 2 -o out in/train.jsonl
}

@test "rank" {
    every_call file 1 rank -q --by length -o out in/ranked.jsonl
    every_call none 2 rank -q --by length --plain -o out in/ranked.jsonl
}

@test "score" {
    every_call file 1 score -q --metrics length -o out in/ranked.jsonl
    every_call file 2 score -q --metrics length --per-record -o out in/ranked.jsonl
    every_call none 2 score -q --html out -g in/guidance in/ranked.jsonl
}

@test "learn-guidance" {
    local learn=(learn-guidance -q -i in/policy --head-size 4 -b 2 --steps 2 --save-every 1 --eval-every 1
        --valid in/ranked.jsonl --log log -o out in/ranked.jsonl)
    every_call folder 20 "${learn[@]}"
    every_call none 40 "${learn[@]}"
}

@test "fine-tune" {
    local tune=(fine-tune -q -b 2 --accumulate 1 --steps 3 --save-every 1 --log log -o out in/train.jsonl)
    every_call folder 7 "${tune[@]}" -m in/policy --lora 2
    every_call none 30 "${tune[@]}" -m in/policy
}

@test "fine-tune, going on from a checkpoint" {
    local tune=(fine-tune -q -b 2 --accumulate 1 --steps 3 --save-every 1 --log log -o out in/train.jsonl
        -m in/policy --lora 2) old=none
    # SIGTERM while the second checkpoint is written.
    with_fault TERM 40 "${tune[@]}"
    [ "$status" -eq 75 ]
    mkdir "$BATS_FILE_TMPDIR/begun"
    mv out.checkpoint log "$BATS_FILE_TMPDIR/begun"
    begun=$BATS_FILE_TMPDIR/begun
    every_call folder 9 "${tune[@]}" --resume
}

@test "an adapter merged" {
    every_call folder 9 fine-tune -q -m in/adapter --merge -o out
}
