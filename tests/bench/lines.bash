# The table's lines; sourced by tests/bench/table. Of a line NAME there is
#   about_NAME  its title, its unit, and whether "less" or "more" of it is better
#   our_NAME    prints its figure once; what it runs goes through `held`, which notes its memory
#   peer_NAME   the same of a peer, or nothing where there is none
#   work_NAME   one unit's FLOPs or bytes: its share of the machine's sgemm or read bandwidth
# $data has what tests/bench/prepare made, $work is scratch, $repeat counts the repetitions.

# shellcheck shell=bash disable=SC2154 # the table sets those
STEPS=3 # of training, the first not counted
threads=$(nproc)

held() { # COMMAND...: runs it; its peak memory joins the line's
    command time -a -f %M -o "$work/kilobytes" "$@"
}
python() { held "$PYTHON" tests/bench/peer.py "$@"; }
now() { echo "$EPOCHREALTIME"; }
calculate() { # EXPRESSION: awk's
    awk "BEGIN { printf \"%.6g\n\", $1 }"
}
seconds() { # COMMAND...: how long it takes
    local start=$EPOCHREALTIME
    "$@" >"$work/out" 2>"$work/err" || { cat "$work/err" >&2 && return 1; }
    calculate "$EPOCHREALTIME - $start"
}

# Seconds a step between a training program's first step and its last, by when its log has them.
step_seconds() { # PROGRAM [ARGUMENT...]
    rm -rf "$work/folder" "$work/times"
    held "$BIN/$1" -q --steps "$STEPS" -o "$work/folder" "${@:2}" \
        --log >(while read -r _; do now; done >"$work/times") || return 1
    # The reader may be a moment behind.
    while (($(wc -l <"$work/times") < STEPS)); do sleep 0.1; done
    awk 'NR == 1 { first = $1 } END { printf "%.6g\n", ($1 - first) / (NR - 1) }' "$work/times"
}

# --- Training ---

about_tune-long() { echo 'fine-tune mle, batch 8, prompts > 300 characters|s/step|less'; }
about_tune-any() { echo 'fine-tune mle, batch 8, any prompts|s/step|less'; }
about_learn() { echo 'learn-guidance, 6 groups of 4|s/step|less'; }
about_flops() { echo "training step's FLOP/s, of sgemm's in the same run|%|more"; }

our_tune() { # FILE
    head -n $((8 * STEPS)) "$data/$1.jsonl" >"$work/records"
    step_seconds fine-tune -m "$data/model" --batch-size 8 --accumulate 1 --max-prompt-tokens 256 "$work/records"
}
our_tune-long() { our_tune long; }
our_tune-any() { our_tune any; }
peer_tune-long() { python tune-long "$data" "$STEPS"; }
peer_tune-any() { python tune-any "$data" "$STEPS"; }

our_learn() {
    head -n $((6 * STEPS)) "$data/groups.jsonl" >"$work/records"
    step_seconds learn-guidance -i "$data/model" --batch-size 6 --valid-fraction 0 --eval-every 0 \
        --schedule constant --max-prompt-tokens 256 "$work/records"
}
peer_learn() { python learn "$data" "$STEPS"; }

# FLOPs of a step of FILE's first records: 6 a weight and row, 12 a channel, visible key and layer,
# outputs on the completions' rows; a prompt's rows once for all of its completions.
training_flops() { # FILE RECORDS-A-STEP OUTPUTS(1|0)
    head -n $((STEPS * $2)) "$data/$1.ids" | jq -s --argjson steps "$STEPS" --argjson outputs "$3" '
        map((.prompt | length) as $p | (.completions | map(length)) as $c
            | ($p + ($c | add)) as $rows
            | ($p * $p / 2 + ($c | map(. * $p + . * . / 2) | add)) as $keys
            | 6 * 106168320 * $rows + 12 * 576 * 30 * $keys + $outputs * 6 * 28311552 * ($c | add))
        | add / $steps'
}
work_tune-long() { echo "flops $(training_flops long 8 1)"; }
work_tune-any() { echo "flops $(training_flops any 8 1)"; }
work_learn() { echo "flops $(training_flops groups 6 0)"; }

our_flops() {
    held "$BUILD/tests/bench/bench_train" "$data/model/config.json" "$data/spiece.model" 1 >"$work/out"
    grep -oE '[0-9]+ % of sgemm' "$work/out" | tail -n 1 | cut -d ' ' -f 1
}

# --- Drawing ---

about_generate() { echo 'sample K = 8, 16 prompts, 32 tokens, top-k 50|tokens/s|more'; }
about_decode-128() { echo 'decoding alone, one prompt of 256, 128 under way|tokens/s|more'; }
about_decode-1() { echo 'decoding alone, K = 1, 32 bits|tokens/s|more'; }
about_decode-1-bf16() { echo 'decoding alone, K = 1, weights of 16 bits|tokens/s|more'; }
about_prompt() { echo 'a prompt alone, 512 tokens|tokens/s|more'; }
about_first() { echo 'first byte of output, from start|s|less'; }

draw() { # MODEL FILE TOKENS [OPTION...]: seconds; no generation ends before TOKENS
    seconds held "$BIN/sample" -q --plain -m "$1" --min-new-tokens "$3" --max-new-tokens "$3" "${@:4}" "$2"
}

our_generate() {
    local time
    time=$(draw "$data/model" "$data/prompts.jsonl" 32 -k 8 --top-k 50 --max-prompt-tokens 256) || return 1
    calculate "16 * 8 * 32 / $time"
}
peer_generate() { python generate "$data" 1; }
work_generate() { echo "flops $(jq -s 'map(.prompt | length) | add / 4096 * 212336640 + 268959744' "$data/prompts.ids")"; }

# Tokens a second between two numbers of new tokens, so that start and prompt cancel.
decoding() { # MODEL FILE K FEW MANY [OPTION...]
    local few many
    few=$(draw "$1" "$2" "$4" -k "$3" "${@:6}") || return 1
    many=$(draw "$1" "$2" "$5" -k "$3" "${@:6}") || return 1
    calculate "$3 * ($5 - $4) / ($many - $few)"
}
our_decode-128() { decoding "$data/model" "$data/endless.jsonl" 128 2 34 --max-prompt-tokens 256; }
our_decode-1() { decoding "$data/model" "$data/short.jsonl" 1 2 66; }
our_decode-1-bf16() { decoding "$data/model-bf16" "$data/short.jsonl" 1 2 66; }

llama_bench() { # TYPE [OPTION...]
    held llama-bench -m "$data/$1.gguf" -t "$threads" -r 1 -o jsonl "${@:2}" 2>/dev/null | jq .avg_ts
}
peer_decode-128() {
    held llama-batched-bench -m "$data/f32.gguf" -t "$threads" -c 8192 -kvu -pps -npp 256 -ntg 32 -npl 128 \
        --output-format jsonl 2>/dev/null | jq -R 'fromjson? | .speed_tg // empty' | tail -n 1
}
peer_decode-1() { llama_bench f32 -p 0 -n 64; }
peer_decode-1-bf16() { llama_bench bf16 -p 0 -n 64; }
peer_prompt() { llama_bench f32 -p 512 -n 0; }
work_decode-128() { echo 'flops 268959744'; }
work_decode-1() { echo 'bytes 537919488'; }
work_decode-1-bf16() { echo 'bytes 268959744'; }
work_prompt() { echo 'flops 212336640'; }

our_prompt() {
    local short long
    short=$(draw "$data/model" "$data/short.jsonl" 1) || return 1
    long=$(draw "$data/model" "$data/endless.jsonl" 1 --max-prompt-tokens 512) || return 1
    calculate "511 / ($long - $short)"
}

our_first() {
    local start=$EPOCHREALTIME
    held "$BIN/sample" -q --plain -m "$data/model" --max-new-tokens 1 "$data/short.jsonl" | head -c 1 >"$work/byte"
    calculate "$EPOCHREALTIME - $start"
}

# --- All together ---

about_round() { echo 'a round: sample, rank, learn, tune, measure (16 prompts)|s|less'; }
our_round() { seconds whole_round; }
whole_round() {
    local limits=(--max-prompt-tokens 256) few=(--min-new-tokens 24 --max-new-tokens 24)
    local train=(--batch-size 8 --steps 2 --eval-every 0 --schedule constant)
    rm -rf "$work"/{guidance,policy}
    held "$BIN/sample" -q -m "$data/model" -k 4 "${few[@]}" "${limits[@]}" -o "$work/samples" "$data/prompts.jsonl"
    held "$BIN/rank" -q --by rouge1 -o "$work/ranked" "$work/samples"
    held "$BIN/learn-guidance" -q -i "$data/model" -o "$work/guidance" "${train[@]}" --equal-scores keep \
        --valid-fraction 0 "${limits[@]}" "$work/ranked"
    held "$BIN/fine-tune" -q -m "$data/model" -g "$work/guidance" --objective weighted-mle -o "$work/policy" \
        "${train[@]}" --accumulate 1 "${limits[@]}" "$data/prompts.jsonl"
    held "$BIN/sample" -q -m "$work/policy" --greedy "${few[@]}" "${limits[@]}" -o "$work/greedy" "$data/prompts.jsonl"
    held "$BIN/score" -q --json --metrics rouge1 "$work/greedy"
}
peer_round() { python round "$data" 1; }
