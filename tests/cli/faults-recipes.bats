#!/usr/bin/env bats
# Faults as in faults.bats, in the processes that pipelines/map and an experiment of rounds.mk run:
# where one of them fails, the whole fails and says so, nothing is half written, and the same command
# again ends with the bytes of an undisturbed run. Which call is hit varies with the order of the
# processes. FAULTS=all tries many more.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper
load records
load inject

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    mkdir in
    package_records 40 |
        jq -c '{id, prompt, completion, samples: [{text: .completion, score: 2}, {text: .prompt, score: 1}]}' >in/ranked.jsonl
    jq '.n_layer = 1' "$FIXTURES/gpt2/config.json" >config.json
    fine-tune -q --init config.json --tokenizer "$FIXTURES/gpt2/spiece.model" -o in/policy --steps 1 \
        -b 2 --accumulate 1 in/ranked.jsonl
}

prepare() {
    cp -r "$BATS_FILE_TMPDIR/in" in
    mkdir tmp
    export TMPDIR=$PWD/tmp ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
    unset MAKEFLAGS MAKELEVEL MFLAGS HOSTS
}

complain() {
    echo "$kind at call $nth of $count: $1; status $status, stderr:"
    cat err
    return 1
}

# check_end RESULT WHOLE: success means that RESULT is WHOLE, and failure is told.
check_end() {
    diff -rq in "$BATS_FILE_TMPDIR/in" >/dev/null || complain 'an input is another' || return 1
    if ((status == 0)); then
        diff -rq "$1" "$2" || complain 'success, but not the result'
    else
        [[ -s err || $kind == KILL || $kind == TERM ]] || complain 'no message'
    fi
}

# --- map -----------------------------------------------------------------------

map() {
    JOBS=2 SHARD=512 "$PIPELINES/map" -o out rank -q --by length --plain <in/ranked.jsonl
}

# try_map KINDS TRIES: KINDS of faults, each at TRIES calls, spread evenly.
try_map() {
    local kind nth i
    with_fault '' 0 map
    ((status == 0)) || complain 'it fails without a fault' || return 1
    mv out whole
    count=$calls
    for kind in $1; do
        for ((i = 0; i < $2; i++)); do
            nth=$((1 + (count - 1) * i / $2))
            rm -rf out .out* tmp/*
            with_fault "$kind" "$nth" map
            [[ ! -e out ]] || diff -q out whole || complain 'half an output' || return 1
            check_end out whole || return 1
            rm -rf tmp/*
            map 2>err && diff -q out whole || complain 'then not the result' || return 1
        done
    done
}

@test "map: a fault in the program of a shard" {
    export FAULT_PROGRAMS=' rank '
    try_map 'ENOSPC EIO EINTR KILL TERM' "$([[ ${FAULTS:-} == all ]] && echo 6 || echo 2)"
}

@test "map: a fault in any of its processes" {
    unset FAULT_PROGRAMS
    try_map 'ENOSPC EIO KILL TERM' "$([[ ${FAULTS:-} == all ]] && echo 100 || echo 3)"
}

# --- rounds --------------------------------------------------------------------

# What a removal that failed left (.NAME.lock, .NAME.partial-*) is no result; the next run at that place
# removes it.
results() { find out -type f ! -name '*.log.jsonl' ! -name '*.joblog' ! -path '*/.*' | sort | xargs md5sum; }

@test "an experiment: a fault in a program, make again, the same results" {
    cat >Makefile <<END
BIN := $BIN
WORK := out
START := in/policy
TRAIN := in/ranked.jsonl
PROMPTS := in/ranked.jsonl
VALID := in/ranked.jsonl
TEST := in/ranked.jsonl
ROUNDS := 1
K := 2
STEPS := 2
CONTROLS := mle
PROMPTS_PER_ROUND := 6
VALID_PROMPTS := 4
TEST_PROMPTS := 4
TEST_RECORDS := 4
SAMPLE_OPTIONS := --max-new-tokens 2
GREEDY_OPTIONS := --max-new-tokens 2
GUIDANCE_OPTIONS := --head-size 4 --steps 2 --equal-scores keep
TUNE_OPTIONS := -b 2 --accumulate 1
include $PIPELINES/rounds.mk
END
    local tries kind nth i
    tries=$([[ ${FAULTS:-} == all ]] && echo 40 || echo 2)
    export FAULT_PROGRAMS=' sample rank score learn-guidance fine-tune '
    with_fault '' 0 make rounds >/dev/null
    ((status == 0)) || complain 'it fails without a fault' || return 1
    results >whole
    count=$calls
    for kind in ENOSPC EIO KILL TERM; do
        for ((i = 0; i < tries; i++)); do
            nth=$((1 + RANDOM % count))
            rm -rf out
            with_fault "$kind" "$nth" make rounds >/dev/null
            results >got || true
            check_end got whole || return 1
            make rounds >/dev/null 2>err || complain 'then it failed again' || return 1
            results | diff whole - || complain 'then another result' || return 1
        done
    done
    echo "# rounds: $((4 * tries)) faults at $count calls" >&3
}
