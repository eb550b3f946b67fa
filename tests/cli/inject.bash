# Faults at calls to the system (faults.c). Loaded by .bats files: `load inject`.
# shellcheck disable=SC2034 # bats files use what is set

# with_fault KIND N COMMAND...: sets status and calls, the number of calls that counted.
with_fault() {
    local kind=$1 nth=$2
    shift 2
    rm -f "$BATS_TEST_TMPDIR/counter" # a process of an earlier fault may still count in it
    head -c 8 /dev/zero >"$BATS_TEST_TMPDIR/counter"
    status=0
    { # which hides what bash says of a process that was killed
        FAULT_COUNTER=$BATS_TEST_TMPDIR/counter FAULT_NTH=$nth FAULT_KIND=$kind \
            LD_PRELOAD=$BUILD/tests/cli/faults.so "$@" 2>"$BATS_TEST_TMPDIR/err" || status=$?
    } 2>/dev/null
    calls=$(od -An -td8 "$BATS_TEST_TMPDIR/counter" | tr -d ' ')
}
