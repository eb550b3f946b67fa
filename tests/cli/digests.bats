#!/usr/bin/env bats
# What the programs compute has the digests that were recorded (tests/fixtures/digests.txt), with
# every kernel set that the processor has and however the work is cut.
load helper

prepare() {
    recorded=$FIXTURES/digests.txt
    DIGESTS=$REPO/tests/digests/run
}

# expect CASE...: the digests of these cases, and no others, as recorded; shows those that differ.
expect() {
    "$DIGESTS" "$@" >digests
    [[ -s digests ]]
    diff -u <(awk 'NR == FNR { wanted[$1]; next } $1 in wanted' digests "$recorded") digests
}

# with_kernels LEVEL [CPU FLAG...]: all of it by that kernel set, where the processor has it.
with_kernels() {
    local level=$1 flag
    shift
    for flag; do
        grep -qsw "$flag" /proc/cpuinfo || skip "this processor has no $flag"
    done
    TW_KERNELS=$level expect
}

@test "the kernels that the processor is given" {
    expect
    # Every recorded digest belongs to a case that is run, here or below with JOBS.
    diff <(grep -v '^many/' "$recorded" | cut -d ' ' -f 1) <(cut -d ' ' -f 1 digests)
}

# What the build has nothing to do with is tested once.
not_sanitized() { [[ -z ${SANITIZED:-} ]] || skip 'tested without sanitizers'; }

@test "TW_KERNELS=scalar" { not_sanitized; with_kernels scalar; }
@test "TW_KERNELS=v3" { not_sanitized; with_kernels v3 avx2 fma; }
@test "TW_KERNELS=v4" { not_sanitized; with_kernels v4 avx512f avx512bw avx512dq avx512vl; }

@test "2 threads" { not_sanitized; THREADS=2 expect; }
@test "3 threads" { not_sanitized; THREADS=3 expect; }
@test "--batch-tokens 64" { not_sanitized; BATCH_TOKENS=64 expect sample score rank; }
@test "--batch-tokens 8192" { not_sanitized; BATCH_TOKENS=8192 expect sample score rank; }
@test "records in the opposite order" { not_sanitized; REVERSED=1 expect sample score rank; }

@test "one process" { not_sanitized; expect many; }
@test "three shards at a time" { not_sanitized; JOBS=3 expect many; }
