#!/usr/bin/env bats
# The recipes of examples/ that want a model and a corpus of the user's: on a tiny random T5 and
# a few records, all programs and files of a real run.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell
bats_require_minimum_version 1.5.0
load helper
load faults

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

# search EXAMPLES [ARGUMENT...]: a search for prompts with the tiny model, into `results`.
search() {
    make -s -C "$REPO/examples/prompts" WORK="$BATS_TEST_TMPDIR/results" BIN="$BIN" MODEL="$FIXTURES/gpt2" \
        EXAMPLES="$BATS_TEST_TMPDIR/$1" ROUNDS=2 DRAWS=2 K=6 GUIDANCE_STEPS=1 STEPS=1 "${@:2}"
}

@test "prompts: a model and tab-separated examples of the user's" {
    # As GLUE has them: a header, labels as numbers, carriage returns.
    printf '%s\t%s\r\n' sentence label 'a "viewer" of photos' 0 'packs and unpacks' 1 'draws icons' 0 >train.tsv
    printf '%s\t%s\n' images 'shows photos' archives 'packs files' archives 'unpacks files' images 'a viewer' >test.tsv
    search train.tsv TEST="$PWD/test.tsv" VERBALIZERS='images= images,archives= archives' MANUAL='It is about' >log 2>&1 ||
        { cat log && return 1; }
    same '{"text":"a \"viewer\" of photos","label":0}' "$(head -n 1 results/examples.jsonl)"
    same '{"text":"packs files","label":"archives"}' "$(sed -n 2p results/test.jsonl)"
    same 'Accuracy on 4 test texts, mean of the best three prompts' "$(head -n 1 results/table.txt)"
    for row in empty blind searched manual; do grep -q "^$row " results/table.txt; done
    run search train.tsv TEST="$PWD/test.tsv" VERBALIZERS='images= images,archives= archives' MANUAL='It is about'
    [[ $status -eq 0 && $output != *==* ]]
    # Named labels are their own words; without TEST the examples are what is measured.
    rm -r results
    search test.tsv >log 2>&1 || { cat log && return 1; }
    same 'Accuracy on 4 texts (those of the search), mean of the best three prompts' "$(head -n 1 results/table.txt)"
    rm -r results
    run search train.tsv
    [[ $status -eq 2 && $output == *'labels are numbers: give their words, VERBALIZERS=LIST'* ]]
    printf 'a\tb\nno tab\n' >bad.tsv
    run search bad.tsv VERBALIZERS='images= images,archives= archives'
    [[ $status -eq 2 && $output == *"labelled-texts: $PWD/bad.tsv:2: expected 2 fields with tabs between, got 1"* ]]
    [ ! -e results/examples.jsonl ]
}

@test "prompts: an interrupt in training is gone on from" {
    printf '%s\t%s\n' images 'shows photos' archives 'packs files' images 'a viewer' >test.tsv
    search test.tsv >log 2>&1 || { cat log && return 1; }
    mv results whole
    # What fine-tune leaves when it is stopped.
    mkdir -p results && cp -r whole/{examples,test,prompts}.jsonl whole/round-1 results/ && rm -r results/round-1/policy
    interrupted TERM 1 log.jsonl fine-tune -q -m "$FIXTURES/gpt2" -g results/round-1/guidance \
        -o results/round-1/policy --objective reinforce --entropy 0.125 --top-k 256 --max-new-tokens 5 -k 16 \
        --batch-size 4 --accumulate 1 --steps 400 --learning-rate 5e-5 -s 11 --log log.jsonl results/prompts.jsonl
    [ -e results/round-1/policy.checkpoint ]
    search test.tsv STEPS=400 >log 2>&1 || { cat log && return 1; }
    [ -s results/round-1/policy/config.json ]
    [ ! -e results/round-1/policy.checkpoint ]
}

@test "what is not given is asked for" {
    run -2 make -s -C "$REPO/examples/prompts" MODEL=x
    [[ $output == *'Usage: make MODEL=FOLDER EXAMPLES=FILE'* ]]
    run -2 make -s -C "$REPO/examples/xsum"
    [[ $output == *'Usage: make MODEL=FOLDER DATA=FOLDER'* ]]
    mkdir empty
    run -2 make -s -C "$REPO/examples/xsum" MODEL=x DATA="$PWD/empty"
    [[ $output == *'no train.jsonl or train.jsonl.zst'* ]]
}
