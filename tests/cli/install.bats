#!/usr/bin/env bats
# make install, uninstall, help.
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
    tokenwise uninstall DESTDIR="$PWD/a root" PREFIX=/opt/tw PROGRAM_PREFIX=tw-
    [[ $(find 'a root' -type f | wc -l) -eq 0 ]]
}

@test "help lists the targets" {
    run tokenwise help
    [[ $status -eq 0 ]]
    for target in all deps demo check lint asan install uninstall clean help bench fuzz; do
        [[ $output == *"$target "* ]]
    done
}
