#!/usr/bin/env bats
# make install, uninstall, help.
bats_require_minimum_version 1.5.0
load helper

tokenwise() { # make of the repository, for what is built in BIN and BUILD
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$REPO" BIN="$BIN" BUILD="$BUILD" "$@"
}

@test "install puts programs and pages under DESTDIR and PREFIX, uninstall takes them away" {
    tokenwise install DESTDIR="$PWD/a root" PREFIX=/opt/tw PROGRAM_PREFIX=tw-
    for source in "$REPO"/src/*.c; do
        name=$(basename "$source" .c)
        [[ -x "a root/opt/tw/bin/tw-$name" && -s "a root/opt/tw/share/man/man1/tw-$name.1" ]]
        run "a root/opt/tw/bin/tw-$name" --version
        [[ $status -eq 0 ]]
    done
    same "$(find "$REPO"/src -name '*.c' | wc -l)" "$(find 'a root' -name 'tw-*' -perm 755 | wc -l)"
    # Every script and filter of the repository came along, as executable as there.
    for source in $(cd "$REPO/pipelines" && find . -type f ! -name '*.md' ! -name '*.[ch]' -printf '%P\n'); do
        place="a root/opt/tw/libexec/tokenwise/$source"
        [[ $source != *.mk ]] || place="a root/opt/tw/share/tokenwise/$source"
        [[ -s $place ]]
        same "$(stat -c %A "$REPO/pipelines/$source" | tr -cd x | head -c 1)" "$(stat -c %A "$place" | tr -cd x | head -c 1)"
    done
    tokenwise uninstall DESTDIR="$PWD/a root" PREFIX=/opt/tw PROGRAM_PREFIX=tw-
    [[ $(find 'a root' -type f | wc -l) -eq 0 ]]
    [[ ! -e 'a root/opt/tw/libexec/tokenwise' && ! -e 'a root/opt/tw/share/tokenwise' ]]
}

@test "a program knows the name it was installed by, and its page too; records do not" {
    tokenwise install DESTDIR="$PWD/root" PREFIX=/opt/tw PROGRAM_PREFIX=tw-
    local bin=$PWD/root/opt/tw/bin
    run "$bin/tw-sample" --help
    [[ ${lines[0]} == 'Usage: tw-sample -m MODEL '* ]]
    run "$bin/tw-sample" --version
    [[ $output == 'tw-sample (Tokenwise) '* ]]
    run "$bin/tw-sample" --nope
    same "tw-sample: unknown option --nope (try 'tw-sample --help')" "$output"
    ln -s "$bin/tw-sample" other
    run ./other --nope
    [[ $output == 'sample: unknown option'* ]]
    "$bin/tw-score" -q --per-record --metrics length <<<'{"completion":"a"}' >as-installed
    score -q --per-record --metrics length <<<'{"completion":"a"}' | cmp - as-installed
    grep -q '^\.B tw-sample$' root/opt/tw/share/man/man1/tw-sample.1
    grep -q '^\.BR tw-rank (1),$' root/opt/tw/share/man/man1/tw-sample.1
    grep -q '| tw-score$' root/opt/tw/share/man/man1/tw-score.1
    grep -q '^\.B score$' root/opt/tw/share/man/man1/tw-rank.1 # a field
}

@test "what is installed works from there: an import, a map, rounds" {
    tokenwise install DESTDIR="$PWD/root" PREFIX=/opt/tw PROGRAM_PREFIX=tw-
    # Nothing of the repository's is found.
    export PATH=/usr/local/bin:/usr/bin:/bin
    unset BIN
    local bin=$PWD/root/opt/tw/bin libexec=$PWD/root/opt/tw/libexec/tokenwise share=$PWD/root/opt/tw/share/tokenwise
    "$libexec/import/import" -q trl "$FIXTURES/import/trl.jsonl" | "$bin/tw-rank" -q --plain --by ranks >ranked
    same 5 "$(wc -l <ranked)"
    seq 1 600 | jq -c '{prompt: "package \(.)", completion: "fonts for \(.)"}' >text.jsonl
    "$bin/tw-sample" -q -m "$FIXTURES/gpt2" -k 2 --max-new-tokens 4 <text.jsonl >whole
    JOBS=2 SHARD=512 "$libexec/map" "$bin/tw-sample" -q -m "$FIXTURES/gpt2" -k 2 --max-new-tokens 4 <text.jsonl >mapped
    # Which bytes map.bats holds; here, that all of them came.
    zstdcat whole | jq -c '[.id, (.samples | length)]' | cmp - <(zstdcat mapped | jq -c '[.id, (.samples | length)]')
    cat >Makefile <<END
START := $FIXTURES/gpt2
TRAIN := text.jsonl
PROMPTS := text.jsonl
VALID := text.jsonl
TEST := text.jsonl
ROUNDS := 1
K := 2
METRIC := chrf
STEPS := 1
PROMPTS_PER_ROUND := 12
VALID_PROMPTS := 4
TEST_PROMPTS := 4
TEST_RECORDS := 4
CONTROLS := mle
SAMPLE_OPTIONS := --max-new-tokens 4
GREEDY_OPTIONS := --max-new-tokens 4
GUIDANCE_OPTIONS := --steps 1 --eval-every 0
include $share/rounds.mk
END
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS JOBS=2 make WORK=out rounds >log 2>&1 || { cat log && return 1; }
    grep -q "/map -o .* -- .*/tw-sample" log
    run ! grep -q "$REPO/bin" log
    run "$libexec/rounds-table" out
    [[ ${lines[4]} == 'round 1 less'* && ${lines[5]} == 'mle 1 '* ]]
}

@test "help lists the targets" {
    run tokenwise help
    [[ $status -eq 0 ]]
    for target in all deps demo check lint asan install uninstall clean help bench fuzz; do
        [[ $output == *"$target "* ]]
    done
}
