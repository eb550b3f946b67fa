#!/usr/bin/env bats
# A decoded token and a step of training take the instructions that were recorded
# (tests/bench/instructions.txt): a regression of speed shows on any machine.
load helper

TOLERANCE=5 # percent, either way: what became quicker is to be recorded too

@test "instructions of a decoded token and of a training step" {
    [[ -z ${SANITIZED:-} ]] || skip 'sanitized programs take others'
    command -v valgrind >/dev/null || skip 'there is no valgrind'
    grep -qsw avx2 /proc/cpuinfo || skip 'this processor has no AVX2'
    "$REPO/tests/bench/instructions" >counts
    join <(sort "$REPO/tests/bench/instructions.txt") <(sort counts) >both
    [[ $(wc -l <both) -eq $(wc -l <"$REPO/tests/bench/instructions.txt") && -s both ]]
    awk -v tolerance="$TOLERANCE" '{
        part = 100 * ($3 / $2 - 1)
        printf "%s: %d recorded, %d now, %+.1f %%\n", $1, $2, $3, part
        if (part > tolerance || part < -tolerance) status = 1
    } END { exit status }' both || { echo "make instructions records them anew" && return 1; }
}
