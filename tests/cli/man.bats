#!/usr/bin/env bats
# Man pages: one a program, their OPTIONS from the table that the parser uses.
load helper
bats_require_minimum_version 1.5.0

@test "every program has a page, and every page a program" {
    for source in "$REPO"/src/*.c; do
        [[ -e ${source%.c}.1 ]] || { echo "no ${source%.c}.1" && return 1; }
    done
    for page in "$REPO"/src/*.1; do
        [[ -e ${page%.1}.c ]]
    done
}

@test "pages hold every option of --help" {
    for page in "$BUILD"/man/*.1; do
        program=$(basename "$page" .1)
        # Long options as they stand at the start of a line of --help
        "$BIN/$program" --help | grep -oE '^ +(-.,? *)?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' |
            sort -u >options
        [[ -s options ]]
        LC_ALL=C groff -man -Tascii -P -cbou "$page" >text
        while read -r option; do
            grep -qF -- "$option" text || { echo "$page: no $option" && return 1; }
        done <options
    done
}

@test "pages have the sections that people look for" {
    for page in "$BUILD"/man/*.1; do
        for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' EXAMPLES; do
            grep -qE "^\.SH \"?$section\"?$" "$page" ||
                { echo "$page: no $section" && return 1; }
        done
        grep -q "^\.TH .*Tokenwise [0-9]" "$page"
        run ! grep -n '@[A-Z]*@' "$page"
    done
}

@test "groff has nothing to say about them" {
    for page in "$BUILD"/man/*.1; do
        same '' "$(groff -man -ww -Tutf8 -z "$page" 2>&1)"
    done
}
