#!/usr/bin/env bats
# Messages, tables and coloured text show what files, models and options hold; nothing of it steers
# the terminal or passes for a line of its own.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

evil=$'\e[2J\nfake: line\r\u009b31m\xff'
shown='\x1b[2J\nfake: line\r\u009b31m\xff'

# shows TEXT PROGRAM ARGUMENT...: the program fails with one line that holds TEXT, and no control in it.
shows() {
    local text=$1 lines
    shift
    run --separate-stderr "$@"
    echo "status $status, stderr: $(cat -v <<<"$stderr")"
    [ "$status" -ne 0 ]
    mapfile -t lines <<<"$stderr"
    [ "${#lines[@]}" -eq 1 ]
    [[ $stderr == *"$text"* ]]
    ! LC_ALL=C grep -q '[[:cntrl:]]' <<<"$stderr"
    ! grep -qP '[\x{80}-\x{9f}]' <<<"$stderr"
}

@test "names of files, folders, options and their values" {
    local program
    cp -r -L "$FIXTURES/gpt2" "m${evil//\//}"
    for program in sample rank learn-guidance fine-tune score; do
        shows "unknown option --$shown" "$program" "--$evil"
        shows 'unknown option -\x1b' "$program" "-$evil"
        shows "$shown" "$program" --seed "$evil"
    done
    shows "cannot open $shown" rank --by meteor "$evil"
    shows "$shown: No such" sample -m "$evil" -q
    shows "$shown" rank --by "$evil"
    shows "$shown" score --metrics "$evil"
    printf '{"prompt":1}\n' >"data$evil"
    shows "data$shown:1: prompt" sample -q -m "m$evil" "data$evil"
    shows "$shown" sample -q -m "m$evil" -o "no/$evil" /dev/null
}

@test "what records and files of models hold" {
    local json=${evil/$'\xff'/} text=${shown/\\xff/}
    json=$(jq -n --arg text "$json" '$text')
    printf '{"id":%s,"prompt":"p","samples":[{"text":"a"}],"completion":"a"}\n' "$json" >a.jsonl
    cat a.jsonl a.jsonl >twice
    shows 'fake: line' score -q --compare --metrics length twice a.jsonl
    cp -r -L "$FIXTURES/gpt2" model
    jq --argjson text "$json" '.model_type = $text' "$FIXTURES/gpt2/config.json" >model/config.json
    shows "$text" sample -q -m model a.jsonl
}

@test "progress and the closing line on a terminal, and texts of samples" {
    printf '{"prompt":"a\\u001b[2J","samples":[{"text":"b\\u001b[2J\\u202e","tokens":[1],"rewards":[1]}]}\n' >a.jsonl
    script -qec "score --color --tokenizer '$FIXTURES/gpt2' a.jsonl" seen </dev/null >/dev/null
    run ! grep -q $'\e\\[2J' seen
    run ! grep -q $'\u202e' seen
    grep -q 'a?\[2J' seen
}
