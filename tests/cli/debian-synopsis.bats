#!/usr/bin/env bats
# pipelines/debian-synopsis on a small index written by hand.
load helper

prepare() {
    cp -r "$FIXTURES/apt-lists" lists
}

records() { # every record of the three splits, by package
    zstdcat out/train.jsonl.zst out/valid.jsonl.zst out/test.jsonl.zst | jq -cs 'sort_by(.id)[]'
}

prompt_of() { # PACKAGE
    records | jq -r --arg id "$1" 'select(.id == $id) | .prompt'
}

@test "records: fields, joined by digest, duplicates and transitional packages left out" {
    "$PIPELINES/debian-synopsis" --lists lists out
    same 'frob
frob-doc
libfrob-dev
odd
plain' "$(records | jq -r .id)"
    same '{"id":"libfrob-dev","completion":"frobnication library (development files)","package":"libfrob-dev","source":"frob","section":"libdevel"}' \
        "$(records | jq -c 'select(.id == "libfrob-dev") | del(.prompt)')"
    # Without Source: the package is its own source.
    same plain "$(records | jq -r 'select(.id == "plain").source')"
}

@test "descriptions: paragraphs, lists, addresses, quoting" {
    "$PIPELINES/debian-synopsis" --lists lists out
    same 'Frob frobnicates bits, for those who want them frobnicated.
It has:
- many options that take more than one line
- few bugs
See URL. (or URL).' "$(prompt_of frob)"
    same 'A "quoted" \backslash\ and \n, a tab' "$(prompt_of odd)"
    same 'Ünïcode stays — as it is.' "$(prompt_of plain)"
}

@test "--words keeps the head and a short last paragraph" {
    "$PIPELINES/debian-synopsis" --words 12 --lists lists out
    same 'Frob frobnicates bits, for those who want
This package holds the manual.' "$(prompt_of frob-doc)"
    # A long last paragraph gets no such right.
    same 'Frob frobnicates bits, for those who want them frobnicated.
This package contains' "$(prompt_of libfrob-dev)"
}

@test "splits go by source package, the same every time" {
    # Many sources of two packages each.
    for i in {1..400}; do
        for kind in lib doc; do
            md5=$(printf '%s' "$kind$i" | md5sum | cut -d ' ' -f 1)
            printf 'Package: %s%s\nSource: s%s (1.0)\nSection: misc\nDescription-md5: %s\n\n' \
                "$kind" "$i" "$i" "$md5" >>more_Packages
            printf 'Package: x\nDescription-md5: %s\nDescription-en: the %s number %s\n It is %s, the %s.\n\n' \
                "$md5" "$kind" "$i" "$i" "$kind" >>more_Translation-en
        done
    done
    mkdir many
    mv more_* many
    "$PIPELINES/debian-synopsis" --lists many out
    for split in train valid test; do
        zstdcat "out/$split.jsonl.zst" | jq -r .source | sort -u >"$split"
    done
    [[ $(cat train valid test | sort | uniq -d | wc -l) -eq 0 ]]
    [[ $(cat train valid test | wc -l) -eq 400 ]]
    # 18:1:1 within chance (five standard deviations of a binomial)
    for split in valid test; do
        n=$(wc -l <"$split")
        ((n >= 1 && n <= 42))
    done
    mv out before
    "$PIPELINES/debian-synopsis" --lists many out
    for split in train valid test; do cmp "before/$split.jsonl.zst" "out/$split.jsonl.zst"; done
    # The order is no order of the index.
    [[ $(zstdcat out/train.jsonl.zst | jq -r .id | head -n 20) != $(zstdcat out/train.jsonl.zst | jq -r .id | sort | head -n 20) ]]
}

@test "compressed lists are read too" {
    command -v /usr/lib/apt/apt-helper
    "$PIPELINES/debian-synopsis" --lists lists out
    records >plain
    gzip lists/*_Packages
    "$PIPELINES/debian-synopsis" --lists lists out
    records | cmp plain -
}

@test "errors" {
    run "$PIPELINES/debian-synopsis"
    [[ $status -eq 2 && $output == *'wants a FOLDER'* ]]
    run "$PIPELINES/debian-synopsis" --words few out
    [[ $status -eq 2 && $output == *'wants a number'* ]]
    mkdir nothing
    run "$PIPELINES/debian-synopsis" --lists nothing out
    [[ $status -eq 1 && $output == *'nothing: no *_Packages*'* ]]
    [[ ! -e out/train.jsonl.zst && $(find out -name '.prepare*' | wc -l) -eq 0 ]]
}
