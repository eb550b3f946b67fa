#!/usr/bin/env bats
# What README.md tells a newcomer to type, typed: with a tiny model and a few records.
bats_require_minimum_version 1.5.0
load helper
load records

# commands_of HEADING: the indented lines of that section, up to the next heading.
commands_of() {
    awk -v heading="$1" '/^#+ / { on = $0 == heading; next } on && /^    / { print substr($0, 5) }' "$REPO/README.md"
}

prepare() {
    ln -s "$PIPELINES" pipelines
    package_records 80 >all
    head -n 64 all >train.jsonl
    tail -n 16 all >test.jsonl
    # One that has begun to learn, so that METEOR tells its texts apart.
    jq '.n_positions = 400' "$FIXTURES/gpt2/config.json" >config.json
    fine-tune -q --init config.json --tokenizer "$FIXTURES/gpt2/spiece.model" -o model -l 0.01 -b 8 \
        --accumulate 1 --steps 60 train.jsonl
}

@test "your model, your data" {
    commands_of '## Your model, your data' >commands
    [ "$(wc -l <commands)" -le 15 ]
    bash -eu commands >out 2>err || { cat err && return 1; }
    [ -s guidance/guidance.json ]
    [ -s policy/model.safetensors ]
    jq -e '.metrics.meteor.p > 0 and .metrics.length.a > 0' <(tail -n 1 out)
    # The warnings are none but of what was held out or skipped.
    run ! grep -i error err
}

@test "from preferences to a policy" {
    jq -c '{prompt, chosen: .completion, rejected: "nothing"}' train.jsonl >preferences.jsonl
    commands_of '### From preferences to a policy' >commands
    bash -eu commands >out 2>err || { cat err && return 1; }
    [ -s policy/model.safetensors ]
    zstdcat ranked.jsonl.zst | jq -e -s 'all(.completion != "nothing")'
}

@test "the first pipe" {
    cp -r model policy
    cp train.jsonl prompts.jsonl
    commands_of '# Tokenwise' | sed '/^make/d' >commands
    bash -eu commands >out 2>err || { cat err && return 1; }
    [ -s policy-1/model.safetensors ]
    jq -e -s 'length == 64 and all(.rank >= 1)' out
}

@test "it is a page that can be read" {
    [ "$(wc -l <"$REPO/README.md")" -le 330 ]
    # Files and headings that it points at exist.
    grep -oE '\]\([^)#]+' "$REPO/README.md" | cut -c 3- | while read -r file; do [ -e "$REPO/$file" ]; done
}
