# Loaded by every .bats file: `load helper`. Tests run what is in $BIN, from a
# scratch folder of their own (bats' BATS_TEST_TMPDIR).
# shellcheck disable=SC2034 # used by the tests
REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BIN=${BIN:-$REPO/bin}
BUILD=${BUILD:-$REPO/build}
FIXTURES=$REPO/tests/fixtures
PIPELINES=$REPO/pipelines
export PATH="$BIN:$PATH" LC_ALL=C.UTF-8 OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

# A file whose tests need something in that folder puts it there in a function `prepare`.
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    [[ $(type -t prepare) != function ]] || prepare
}

# same WANTED GOT: the two texts are equal; shows the difference where not.
same() {
    diff -u <(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# near A B [TOLERANCE]: the numbers are equal within 1e-5, or that, of B.
near() {
    jq -en --argjson a "$1" --argjson b "$2" --argjson part "${3:-1e-5}" \
        '($a - $b) | fabs < $part * ($b | fabs)' >/dev/null || { echo "$1, expected $2" && return 1; }
}
