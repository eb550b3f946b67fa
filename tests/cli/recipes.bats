#!/usr/bin/env bats
# The recipes of examples/ that want a model and a corpus of the user's: on a tiny random T5 and
# a few records, all programs and files of a real run.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper

# Small in every size. METEOR of random text is 0, which prefers nothing: chrF is not.
recipe() { # NAME [ARGUMENT...]
    make -s -C "$REPO/examples/$1" WORK="$BATS_TEST_TMPDIR/results" BIN="$BIN" MODEL="$FIXTURES/t5/v11" \
        DATA="$FIXTURES/news" ROUNDS=2 PROMPTS_PER_ROUND=4 VALID_PROMPTS=3 TEST_PROMPTS=3 TEST_RECORDS=4 \
        STEPS=2 SOURCE_TOKENS=48 SUMMARY_TOKENS=12 BATCH=2 EVAL_EVERY=1 TUNE_EVAL_EVERY=1 METRIC='meteor+chrf' "${@:2}"
}

run_recipe() {
    recipe "$1" >log 2>&1 || { cat log; return 1; }
    # Two rounds and the controls, each with scores and a row, then the last round's differences.
    same 14 "$(grep -c . results/table.txt)"
    for part in round-0 round-1 round-2 mle-1 mle-2 uniform-1 uniform-2 constant-1 constant-2; do
        jq -e '.records == 4 and .metrics.rougeLsum.mean >= 0 and .metrics.length.mean > 0' "results/$part/scores.json"
    done
    jq -e '.metrics.meteor.p > 0' results/round-2/against-{mle,uniform,constant}.json
    # Summaries of at most 12 tokens.
    # What is kept is chosen by ROUGE of what is written for held-out sources.
    grep -q 'fine-tune: step 0: validation .*, nll ' log
    jq -e -s 'map(select(.validation)) | length == 3 and all(.nll > 0 and .validation != .nll)' \
        results/round-2/policy.log.jsonl
    jq -e '.model_type == "t5"' results/round-2/policy/config.json results/round-2/guidance/config.json
    zstdcat results/round-2/samples.jsonl.zst |
        jq -e -s 'length == 4 and all(.samples | length == 3) and all(.samples[].tokens | length <= 12)'
    # Finished: a second run makes nothing.
    cp results/round-2/policy/model.safetensors before
    recipe "$1" >log 2>&1
    run ! grep '^==' log
    cmp before results/round-2/policy/model.safetensors
}

@test "CNN/DailyMail" { run_recipe cnn-dailymail; }
@test "XSum" { run_recipe xsum; }

@test "what is not given is asked for" {
    run -2 make -s -C "$REPO/examples/xsum"
    [[ $output == *'Usage: make MODEL=FOLDER DATA=FOLDER'* ]]
    mkdir empty
    run -2 make -s -C "$REPO/examples/xsum" MODEL=x DATA="$PWD/empty"
    [[ $output == *'no train.jsonl or train.jsonl.zst'* ]]
}
