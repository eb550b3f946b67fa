#!/usr/bin/env bats
# Threads beside other work, and under limits of OpenMP and of the system: programs go on, or say why not.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults

prepare() {
    printf '{"prompt":"package %d"}\n' {1..40} >prompts.jsonl
    busy=()
}

teardown() {
    ((${#busy[@]} == 0)) || kill "${busy[@]}" 2>/dev/null
}

draw() {
    timeout 60 sample -q --plain --no-provenance -m "$FIXTURES/gpt2" -k 4 --max-new-tokens 16 "$@" prompts.jsonl
}

# The setting of OpenMP that the command runs with.
setting() { # NAME COMMAND...
    OMP_DISPLAY_ENV=verbose "${@:2}" 2>&1 >/dev/null | sed -n "s/^ *$1 = '\(.*\)'/\1/p"
}

@test "threads spin briefly at barriers, unless the user wants something else" {
    local program
    for program in sample rank learn-guidance fine-tune score; do
        same 2000 "$(setting GOMP_SPINCOUNT "$program" --version)"
    done
    same 2000 "$(setting GOMP_SPINCOUNT env -i PATH="$PATH" OMP_DISPLAY_ENV=verbose "$BIN/sample" --version)"
    same ACTIVE "$(OMP_WAIT_POLICY=active setting OMP_WAIT_POLICY sample --version)"
    same 77 "$(GOMP_SPINCOUNT=77 setting GOMP_SPINCOUNT sample --version)"
}

# processor_ms COMMAND...: milliseconds of processor time that the command takes.
processor_ms() {
    local TIMEFORMAT='%U %S'
    { time "$@" >/dev/null 2>&1; } 2>&1 | awk '{ print int(($1 + $2) * 1000) }'
}

# Processor time, for the wall's depends on what else the machine has to do. Threads that spin take
# more than ten times that of one here, wherever they share a core.
@test "busy processes on all cores do not make threads take more processor time" {
    local i alone beside cores
    cores=$(env -u OMP_NUM_THREADS nproc)
    ((cores > 1)) || skip "one core"
    alone=$(processor_ms draw -j 1)
    for ((i = 0; i < cores; i++)); do
        while :; do :; done 3>&- &
        busy+=($!)
    done
    beside=$(processor_ms draw -j 2)
    echo "$alone ms alone, $beside ms beside busy processes"
    ((alone > 0 && beside * 10 < alone * 35))
}

@test "a limit on threads is kept, and said once" {
    local setting
    draw -j 1 >wanted
    for setting in OMP_THREAD_LIMIT=1 'OMP_THREAD_LIMIT=1 OMP_NUM_THREADS=2'; do
        # shellcheck disable=SC2086,SC2163 # one or two settings
        export $setting
        draw -j 2 >out 2>err
        cmp wanted out
        same 'sample: OMP_THREAD_LIMIT allows 1 of the 2 threads asked for' "$(<err)"
        draw >out 2>err
        cmp wanted out
        [ ! -s err ]
    done
}

@test "OMP_DYNAMIC does not take threads away that work was shared out to" {
    draw -j 1 >wanted
    OMP_DYNAMIC=true draw -j 2 >out 2>err
    cmp wanted out
    same 'sample: OMP_DYNAMIC is ignored: the number of threads has to be fixed' "$(<err)"
}

# under OPTION KB COMMAND...: runs the command under that ulimit; it ends well, or says that the
# memory is too little. (A loader that finds no room has status 127, and a message of its own.)
under() {
    local status=0
    (ulimit "$1" "$2" && OMP_NUM_THREADS=2 "${@:3}" >out 2>err) || status=$?
    echo "$*: status $status, stderr: $(<err)"
    [[ $status -eq 0 || $status -eq 127 || $status -eq 1 && $(<err) == *': '*memory* ]]
}

@test "under a limit on memory programs work or say that it is too small" {
    local option kb
    [[ -z ${SANITIZED:-} ]] || skip "sanitizers map terabytes"
    for option in -v -d; do
        for kb in 10000 50000 100000 300000; do
            under $option $kb timeout 60 score --help
        done
        for kb in 300000 350000 400000 500000 600000 700000 800000 1000000; do
            under $option $kb draw -j 2
        done
        under $option 4000000 draw -j 2
        [ -s out ]
    done
}
