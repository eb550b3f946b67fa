#!/usr/bin/env bats
# Where programs write: no output destroys an input, a folder that is not ours stays as it is, a
# place that cannot take the result is found before the first step, and training that cannot go on
# leaves a checkpoint.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper
load faults
load records

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    package_records 40 >train.jsonl
    jq -c '{id, prompt, completion, samples: [{text: .completion, score: 2}, {text: .prompt, score: 1}]}' \
        train.jsonl >ranked.jsonl
    cp -rL "$FIXTURES/gpt2" policy
    chmod -R u+w policy
    learn-guidance -q -i policy -o guidance --head-size 8 --steps 1 --eval-every 0 ranked.jsonl
    fine-tune -q -m policy --lora 2 -o adapter --steps 1 -b 2 --accumulate 1 train.jsonl
}

prepare() {
    cp -r "$BATS_FILE_TMPDIR"/* .
    tune=(fine-tune -q -m policy -b 2 --accumulate 1)
    learn=(learn-guidance -q -i policy --head-size 8 -b 2)
}

teardown() {
    for place in small mounted file; do umount $place 2>/dev/null || true; done
}

contents() { # of all files here and below, and links
    find . ! -type d ! -name 'separate-stderr-*' -printf '%p %y %l\n' | sort
    find . -type f ! -name 'separate-stderr-*' -exec md5sum {} + | sort -k 2
}

# untouched STATUS TEXT PROGRAM ARGUMENT...: refused so, and no byte of any file is another.
untouched() {
    local before
    before=$(contents)
    refused "$@" && same "$before" "$(contents)"
}

@test "an output that is, holds or lies in an input" {
    mkdir -p exp data
    cp -r policy exp/sub
    cp train.jsonl ranked.jsonl data
    ln train.jsonl hard.jsonl
    ln -s train.jsonl soft.jsonl
    ln -s policy link
    local input='would replace an input,'
    for out in policy ./policy/ link "$PWD/policy" policy/../link; do
        untouched 1 "-o $out: $input -m policy" "${tune[@]}" -o "$out" train.jsonl
        untouched 1 "-o $out: $input -m policy" "${tune[@]}" --lora 4 -o "$out" train.jsonl
        untouched 1 "-o $out: $input -i policy" "${learn[@]}" -o "$out" ranked.jsonl
    done
    untouched 1 "$input -g guidance" "${tune[@]}" -g guidance --objective weighted-mle -o guidance train.jsonl
    untouched 1 "$input -i guidance" learn-guidance -q -i guidance -o guidance ranked.jsonl
    untouched 1 "$input the base of -m adapter/../policy" fine-tune -q -m adapter -o policy train.jsonl
    untouched 1 "$input the base of -m" fine-tune -q -m adapter --merge -o policy
    untouched 1 "$input -m adapter" fine-tune -q -m adapter --merge -o adapter
    untouched 1 '-o exp: the folder holds an input, -m exp/sub' "${tune[@]}" -m exp/sub -o exp train.jsonl
    untouched 1 '-o exp/sub/new: lies in an input, -m exp/sub' "${tune[@]}" -m exp/sub -o exp/sub/new train.jsonl
    untouched 1 '-o data: the folder holds an input, data/train.jsonl' "${tune[@]}" -o data data/train.jsonl
    untouched 1 '-o data: the folder holds an input, <stdin>' "${tune[@]}" -o data <data/train.jsonl
    untouched 1 '-o data: the folder holds an input, --valid data/train.jsonl' \
        "${tune[@]}" -o data --valid data/train.jsonl --eval-every 1 train.jsonl
    untouched 1 '-o data: the folder holds an input, --valid data/ranked.jsonl' \
        "${learn[@]}" -o data --valid data/ranked.jsonl ranked.jsonl
    for log in train.jsonl hard.jsonl soft.jsonl; do
        untouched 1 "--log $log: $input train.jsonl" "${tune[@]}" -o out --log "$log" train.jsonl
    done
    untouched 1 '--log policy/model.safetensors: lies in an input,' "${tune[@]}" -o out --log policy/model.safetensors train.jsonl
    untouched 1 '--log guidance/log: lies in an input, -i guidance' learn-guidance -q -i guidance -o out --log guidance/log ranked.jsonl
    untouched 1 '--log out/log: lies in a folder that will be replaced, -o out' "${tune[@]}" -o out --log out/log train.jsonl
    untouched 1 '--log out.checkpoint/log: lies in a folder' "${tune[@]}" -o out --log out.checkpoint/log train.jsonl
    untouched 1 "--init" fine-tune -q --init policy/config.json --tokenizer policy/spiece.model -o policy train.jsonl
}

@test "streams: an output that is an input, by any name" {
    ln ranked.jsonl hard.jsonl
    ln -s ranked.jsonl soft.jsonl
    for program in 'sample -q -m policy --max-new-tokens 2' 'rank -q --by length' 'score -q --metrics length'; do
        for out in ranked.jsonl hard.jsonl soft.jsonl; do
            # shellcheck disable=SC2086 # several words
            untouched 1 "-o $out: would replace an input, ranked.jsonl" $program -o "$out" ranked.jsonl
            # shellcheck disable=SC2086
            untouched 1 "-o $out: would replace an input, <stdin>" $program -o "$out" <ranked.jsonl
        done
        # shellcheck disable=SC2086
        run -1 --separate-stderr bash -c '"$@" >>ranked.jsonl' - $program ranked.jsonl
        [[ $stderr == *'<stdout>: would replace an input, ranked.jsonl'* ]]
        cmp ranked.jsonl "$BATS_FILE_TMPDIR/ranked.jsonl"
    done
    untouched 1 '-o policy/model.safetensors: lies in an input,' sample -q -m policy -o policy/model.safetensors ranked.jsonl
    untouched 1 '--html ranked.jsonl: would replace' score -q --html ranked.jsonl -g guidance ranked.jsonl
    untouched 1 '-o guidance/x: lies in an input, -g guidance' score -q -g guidance -o guidance/x ranked.jsonl
    jq -nc '{text: "a", label: "good"}' >examples.jsonl
    untouched 1 '-o examples.jsonl: would replace an input, --examples' rank -q --by classifier \
        --classifier policy --verbalizers ' bad, good' --examples examples.jsonl -o examples.jsonl ranked.jsonl
    # What is none of these is written as ever, a link through to its target.
    ln -s target out
    rank -q --by length --plain -o out ranked.jsonl
    [ -L out ] && [ "$(wc -l <target)" -eq 40 ]
    sample -q -m policy --max-new-tokens 2 <ranked.jsonl | rank -q --by length -o /dev/null
}

@test "a folder with anything in it that is not ours stays, and the entry is named" {
    mkdir proj
    jq -n '{name: "web app"}' >proj/config.json
    untouched 1 'proj: it holds no weights' "${tune[@]}" -o proj train.jsonl
    cp -r policy/* proj
    for name in .git src notes.txt model.safetensors.bak .hidden; do
        case $name in
        .git | src) mkdir -p proj/$name && echo mine >proj/$name/file ;;
        *) echo mine >proj/$name ;;
        esac
        untouched 1 "proj: it holds $name, which these programs do not write there, so it will not be replaced" \
            "${tune[@]}" -o proj train.jsonl
        untouched 1 "proj: it holds $name" fine-tune -q -m adapter --merge -o proj
        untouched 1 "proj: it holds $name" "${learn[@]}" -o proj ranked.jsonl
        rm -r "proj/${name:?}"
    done
    ln -s ../train.jsonl proj/tokenizer_config.json
    untouched 1 'proj: it holds tokenizer_config.json, a link' "${tune[@]}" -o proj train.jsonl
    rm proj/tokenizer_config.json
    # Another run's checkpoint is no result, and a result no checkpoint.
    mkdir other && touch other/state.json other/weights.safetensors
    untouched 1 'other: it holds state.json' "${tune[@]}" -o other train.jsonl
    cp -r policy out.checkpoint
    untouched 1 'out.checkpoint: it holds config.json' "${tune[@]}" -o out train.jsonl
    rm -r out.checkpoint
    "${tune[@]}" -o proj --steps 1 train.jsonl # now all is ours
    run ! cmp -s proj/model.safetensors policy/model.safetensors
}

@test "a place that cannot take the result is found before the first step" {
    echo mine >out.checkpoint
    untouched 1 'out.checkpoint: is a file' "${tune[@]}" -o out train.jsonl
    rm out.checkpoint
    ln -s no/such/place dangling
    untouched 1 'dangling: No such file' "${tune[@]}" -o dangling train.jsonl
    for out in '' new/; do
        untouched 1 "'$out': not a name for a file" sample -q -m policy -o "$out" train.jsonl
    done
    untouched 1 "''" "${tune[@]}" -o '' train.jsonl
    untouched 1 '/proc: something is mounted there' "${tune[@]}" -o /proc train.jsonl
    untouched 1 'no/log: No such file' "${tune[@]}" -o out --log no/log train.jsonl
    untouched 1 'policy: Is a directory' "${tune[@]}" -m adapter -o out --log policy/.. train.jsonl ||
        untouched 1 'Is a directory' "${tune[@]}" -o out --log guidance train.jsonl
    untouched 1 '/dev/full: No space left on device' "${tune[@]}" -o out --log /dev/full train.jsonl
    untouched 1 'out' "${tune[@]}" -o "$(printf 'a%.0s' {1..250})/out" train.jsonl
    # A link to a place that is to be is followed.
    mkdir there && ln -s there/new here
    "${tune[@]}" -o here --steps 1 train.jsonl
    [ -L here ] && [ -e there/new/model.safetensors ]
    # A mount point, and a file that something is mounted on.
    mkdir mounted && touch file
    if mount -t tmpfs none mounted 2>/dev/null; then
        run -1 --separate-stderr "${tune[@]}" -o mounted train.jsonl
        umount mounted
        [[ $stderr == *'mounted: something is mounted there'* ]]
        mount --bind train.jsonl file
        run -1 --separate-stderr rank -q --by length -o file ranked.jsonl
        umount file
        [[ $stderr == *'cannot replace file: it is mounted there'* ]]
    fi
}

@test "too little room for the result is found before the first step" {
    mkdir small
    mount -t tmpfs -o size=64k none small 2>/dev/null || skip 'cannot mount'
    run -1 --separate-stderr "${tune[@]}" -o small/out train.jsonl
    umount small
    [[ $stderr == *'cannot write '*' bytes to small/out: No space left on device' ]]
}

@test "the disk fills while training: a checkpoint, and how to go on; then the same bytes" {
    mkdir small
    mount -t tmpfs -o size=1m none small 2>/dev/null || skip 'cannot mount'
    umount small
    local whole=("${tune[@]}" --steps 120 -s 3)
    "${whole[@]}" -o whole --log whole.log train.jsonl
    # The log's disk.
    mount -t tmpfs -o size=8k none small
    run --separate-stderr "${whole[@]}" -o out --log small/log train.jsonl
    [ "$status" -eq 75 ]
    [[ $stderr == 'fine-tune: small/log: No space left on device after step '*' of 120: the same command with --resume goes on from out.checkpoint' ]]
    jq -e .step small/log >/dev/null # no half line
    mount -o remount,size=1m small
    "${whole[@]}" -o out --log small/log --resume train.jsonl
    cmp out/model.safetensors whole/model.safetensors
    same "$(jq -c 'del(.tokens_per_second)' whole.log)" "$(jq -c 'del(.tokens_per_second)' small/log)"
    umount small
}

@test "the disk takes no checkpoint either: it goes to the temporary folder" {
    mkdir small elsewhere
    mount -t tmpfs -o size=2m none small 2>/dev/null || skip 'cannot mount'
    "${tune[@]}" --steps 400 -s 3 -o whole train.jsonl
    command=("${tune[@]}" --steps 400 -s 3 --log log -o small/out train.jsonl)
    TMPDIR=$PWD/elsewhere "${command[@]}" 2>err &
    until [[ $(grep -cs loss log) -ge 3 ]]; do sleep 0.01; done
    head -c 4M /dev/zero >small/fill || true
    kill -TERM $!
    local status=0
    wait $! || status=$?
    cat err
    [ "$status" -eq 1 ]
    [[ $(<err) == *'interrupted after step '*'no checkpoint can be written there ('*'No space left on device): it is in '*/elsewhere/out.checkpoint.*': make room, move it to small/out.checkpoint,'* ]]
    rm small/fill
    mv elsewhere/out.checkpoint.* small/out.checkpoint
    "${command[@]}" --resume
    cmp small/out/model.safetensors whole/model.safetensors
    umount small
}

@test "the terminal goes, the batch system warns: as SIGTERM" {
    local options=("${tune[@]}" --steps 400 -s 3 --log log -o out)
    "${tune[@]}" --steps 400 -s 3 -o whole train.jsonl
    for signal in HUP USR1 INT TERM; do
        rm -rf out
        # A shell without job control ignores SIGINT for what it starts.
        interrupted $signal 2 log env --default-signal=INT "${options[@]}" train.jsonl
        [ "$status" -eq 75 ]
        [[ $(tail -1 err) == 'fine-tune: interrupted after step '*' of 400: the same command with --resume goes on from out.checkpoint' ]]
        [ ! -e out ] && [ -e out.checkpoint/state.json ]
        "${options[@]}" --resume train.jsonl
        cmp out/model.safetensors whole/model.safetensors
        [ ! -e out.checkpoint ]
    done
    # Ignored by who started it, it stays ignored.
    rm -r out
    (trap '' HUP && exec "${options[@]}" train.jsonl) &
    sleep 0.2
    kill -HUP $! 2>/dev/null || true
    wait $!
    cmp out/model.safetensors whole/model.safetensors
    # Whoever reads its messages may go.
    rm -r out
    { fine-tune -m policy -b 2 --accumulate 1 --steps 400 -s 3 -o out train.jsonl 2>&1 && : >finished; } | true
    [ -e finished ]
    cmp out/model.safetensors whole/model.safetensors
}

# a_checkpoint: out.checkpoint of a run of 400 steps.
a_checkpoint() {
    options=("${tune[@]}" --steps 400 -s 3 --valid train.jsonl --eval-every 5 --log log -o out)
    interrupted TERM 8 log "${options[@]}" train.jsonl
    [ "$status" -eq 75 ]
}

@test "a checkpoint that was damaged or edited is refused by name" {
    a_checkpoint
    cp -r out.checkpoint kept
    for file in weights adam best; do
        for at in 9 -5; do
            rm -r out.checkpoint && cp -r kept out.checkpoint
            ((at > 0)) || at=$(($(stat -c %s kept/$file.safetensors) + at))
            flip out.checkpoint/$file.safetensors "$at"
            untouched 1 "out.checkpoint/$file.safetensors: damaged: its checksum is not that in state.json" \
                "${options[@]}" --resume train.jsonl
        done
        rm -r out.checkpoint && cp -r kept out.checkpoint
        rm out.checkpoint/$file.safetensors
        untouched 1 "out.checkpoint/$file.safetensors: No such file" "${options[@]}" --resume train.jsonl
    done
    for edit in '.step += 1' '.log_bytes -= 1' '.best.value = 0' 'del(.plateau)' '.checksums.weights = ""' \
        '.checksum = "0"' 'del(.checksum)'; do
        rm -r out.checkpoint && cp -r kept out.checkpoint
        jq "$edit" kept/state.json >out.checkpoint/state.json
        untouched 1 'out.checkpoint/state.json: damaged, or changed by hand' "${options[@]}" --resume train.jsonl
    done
    # The digits are those of xxh128sum.
    if command -v xxh128sum >/dev/null; then
        same "$(jq -r '.checksums["adam.safetensors"]' kept/state.json)" \
            "$(xxh128sum <kept/adam.safetensors | cut -d ' ' -f 1)"
    fi
}

@test "two runs at one place: the second is refused; what they left is taken over" {
    local options=("${tune[@]}" --steps 100000 --log log -o out)
    "${options[@]}" train.jsonl 2>err &
    until [[ -s log ]] || ! kill -0 $!; do sleep 0.02; done
    run -1 --separate-stderr "${options[@]}" --resume train.jsonl
    [[ $stderr == 'fine-tune: out: another process is writing it (it holds '*/.out.lock')' ]]
    run -1 --separate-stderr "${tune[@]}" -o other --log log train.jsonl
    [[ $stderr == 'fine-tune: log: another process is writing it' ]]
    kill -KILL $!
    wait $! || true
    [ -e .out.lock ]
    "${tune[@]}" -o out --steps 2 --log log train.jsonl
    same 2 "$(wc -l <log)"
    same '' "$(find . -name '.*' ! -name .)"
}

@test "a checkpoint whose removal was cut short does not stop the next run" {
    a_checkpoint
    rm out.checkpoint/state.json
    fine-tune "${tune[@]:1}" -o out --steps 3 train.jsonl
    [ -e out/model.safetensors ] && [ ! -e out.checkpoint ]
}

@test "temporaries of dead processes are removed by the next run at that place, and no others" {
    (exit 0) &
    local dead=$!
    wait $dead
    mkdir ".out.partial-$dead-0" ".out.checkpoint.partial-$dead-1" ".out.partial-$$-0" \
        ".out2.partial-$dead-0" ".out.partial-$dead"
    echo half >".out.partial-$dead-0/model.safetensors"
    echo half | tee ".samples.$dead.0.tmp" ".samples.$$.0.tmp" ".samples.$dead.0.tmp.bak" \
        ".samples2.$dead.0.tmp" ".samples.x.0.tmp" >/dev/null
    "${tune[@]}" -o out --steps 1 train.jsonl
    sample -q -m policy --max-new-tokens 2 -o samples train.jsonl
    same "$(printf '%s\n' ".out.partial-$$-0" ".out.partial-$dead" ".out2.partial-$dead-0" \
        ".samples.$$.0.tmp" ".samples.$dead.0.tmp.bak" ".samples.x.0.tmp" ".samples2.$dead.0.tmp" | sort)" \
        "$(find . -name '.*' ! -name . -printf '%f\n' | sort)"
}
