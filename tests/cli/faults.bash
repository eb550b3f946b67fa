# What goes wrong, and what programs say to it. Loaded by .bats files: `load faults`.
# shellcheck disable=SC2034,SC2154 # bats sets stderr and stderr_lines

# Names of all files here and below, but those that bats makes for `run`.
tree() {
    find . ! -name 'separate-stderr-*' | sort
}

# ends_with_a_line STATUS PROGRAM ARGUMENT...: PROGRAM ends with STATUS and one line on stderr,
# writes nothing to stdout and leaves the folder's tree as it was.
ends_with_a_line() {
    local wanted=$1 before
    shift
    before=$(tree)
    run --separate-stderr "$@"
    echo "$*: status $status, stderr: $stderr"
    [ "$status" -eq "$wanted" ] || return 1
    [ -z "$output" ] || return 1
    [ "${#stderr_lines[@]}" -eq 1 ] || return 1
    same "$before" "$(tree)"
}

# refused STATUS TEXT PROGRAM ARGUMENT...: so it ends, with a line "PROGRAM: ...TEXT...".
refused() {
    local wanted=$1 text=$2
    shift 2
    ends_with_a_line "$wanted" "$@" && [[ $stderr == "$1: "*"$text"* ]]
}

# refused_as STATUS PATTERN PROGRAM ARGUMENT...: so it ends, and the line is "PROGRAM: PATTERN".
refused_as() {
    local wanted=$1 pattern=$2
    shift 2
    # shellcheck disable=SC2053 # a pattern
    ends_with_a_line "$wanted" "$@" && [[ $stderr == "$1: "$pattern ]]
}

# interrupted SIGNAL UPDATES LOG PROGRAM ARGUMENT...: runs PROGRAM, which writes LOG, with stderr
# to `err`, and sends it SIGNAL once LOG has that many updates. Its exit status goes to `status`.
# A busy machine may let it finish before the signal comes: then once more, from nothing.
interrupted() {
    local signal=$1 updates=$2 log=$3 output try process seen
    shift 3
    for try in 1 2 3 4 5; do
        rm -f "$log"
        "$@" 2>err 3>&- &
        process=$!
        seen=0
        while ((seen < updates)) && kill -0 $process 2>/dev/null; do
            sleep 0.01
            seen=$(grep -cs loss "$log") || seen=${seen:-0}
        done
        kill "-$signal" $process 2>/dev/null || true
        status=0
        wait $process || status=$?
        echo "try $try: $signal after $(grep -cs loss "$log") updates, exit status $status"
        ((status == 0)) || return 0
        for ((output = 1; output < $#; output++)); do
            [[ ${!output} != -o ]] || { ((output += 1)) && rm -rf "${!output}"; }
        done
    done
    return 1
}

# flip FILE OFFSET: inverts all bits of a byte.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059 # an octal escape
    printf "\\$(printf %o $((255 - byte)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# copy_model FOLDER: the tiny model, to be spoilt.
copy_model() {
    rm -rf "$1"
    cp -rL "$FIXTURES/gpt2" "$1"
    chmod -R u+w "$1"
}

header_size() { # FOLDER: bytes of JSON behind the first eight
    od -An -tu8 --endian=little -N 8 "$1/model.safetensors" | tr -d ' '
}

# set_header FOLDER FILTER: the header of model.safetensors goes through jq, the data stays.
set_header() {
    local file=$1/model.safetensors size header length bytes='' i
    size=$(header_size "$1")
    header=$(tail -c +9 "$file" | head -c "$size" | jq -c "$2")
    length=${#header}
    for ((i = 0; i < 8; i++)); do
        bytes+=$(printf '\\%03o' $(((length >> (8 * i)) & 255)))
    done
    # shellcheck disable=SC2059 # octal escapes
    { printf "$bytes" && printf '%s' "$header" && tail -c +$((9 + size)) "$file"; } >"$file.new"
    mv "$file.new" "$file"
}

# tensor_at FOLDER NAME: the offset of its first byte in model.safetensors.
tensor_at() {
    local size
    size=$(header_size "$1")
    tail -c +9 "$1/model.safetensors" | head -c "$size" |
        jq --arg name "$2" --argjson size "$size" '8 + $size + .[$name].data_offsets[0]'
}

# overflow FOLDER: weights that are numbers, but so large that nothing after them is.
overflow() {
    local at i
    at=$(tensor_at "$1" transformer.ln_f.weight)
    for i in {1..40}; do printf '\377\377\177\177'; done |
        dd of="$1/model.safetensors" bs=1 seek="$at" conv=notrunc status=none
}

# exchange_rows FOLDER WIDTH A B: two rows of the embedding change places.
exchange_rows() {
    local file=$1/model.safetensors bytes=$((4 * $2)) at
    at=$(tensor_at "$1" transformer.wte.weight)
    row() { tail -c +$((at + $1 * bytes + 1)) "$file" | head -c "$bytes"; }
    put() { dd of="$file" bs=1 seek=$((at + $1 * bytes)) conv=notrunc status=none; }
    row "$3" >"$file.a"
    row "$4" >"$file.b"
    put "$3" <"$file.b"
    put "$4" <"$file.a"
    rm "$file.a" "$file.b"
}
