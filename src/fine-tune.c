/* fine-tune: train a language model, with token-level guidance or without. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/common.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/places.h"
#include "core/progress.h"
#include "core/rng.h"
#include "metric/judge.h"
#include "metric/written.h"
#include "model/masked-lm.h"
#include "tensor/kernels/kernels.h"
#include "train/loop.h"
#include "train/objective.h"
#include "train/policy.h"

/* Of generations, in a step or a validation, under way at a time. */
enum { BATCH_TOKENS = 8192 };

enum { OBJECTIVE_MLE, OBJECTIVE_WEIGHTED_MLE, OBJECTIVE_REINFORCE };

static tw_common common = TW_COMMON_DEFAULTS;
static tw_train_options train = {.learning_rate = 5e-5,
                                 .clip = 5,
                                 .batch_size = 8,
                                 .accumulate = 4,
                                 .epochs = 1,
                                 .schedule = TW_SCHEDULE_CONSTANT};
static tw_sampling sampling = {.temperature = 1, .top_k = 50, .top_p = 1, .repetition_penalty = 1};
static const char *policy_path, *init_path, *tokenizer_path, *guidance_path, *valid_path,
    *valid_by = "nll";
static tw_expression *valid_expression; /* of --valid-by; NULL: nll */
static tw_text_options text;
static tw_policy_options policy;
static int objective = OBJECTIVE_MLE, token_weight = TW_WEIGHT_REWARD;
static double reward_scale = 1, prompt_weight, pg_weight, entropy_weight = -1;
static int64_t max_new_tokens, samples = 1;

static const tw_option options[] = {
    {"model", 'm', TW_TEXT, &policy_path, "POLICY", "model folder to start from", 0, 0, NULL,
     TW_OPTION_RUNTIME},
    {"init", 0, TW_TEXT, &init_path, "CONFIG",
     "start from scratch instead: a config.json, with --tokenizer", 0, 0, NULL, TW_OPTION_RUNTIME},
    {"tokenizer", 0, TW_TEXT, &tokenizer_path, "FILE", "tokenizer of a model from scratch", 0, 0,
     NULL, TW_OPTION_RUNTIME},
    {"guidance", 'g', TW_TEXT, &guidance_path, "GUIDANCE",
     "guidance folder, for weighted-mle and reinforce", 0, 0, NULL, TW_OPTION_RUNTIME},
    {"output", 'o', TW_TEXT, &common.output, "FOLDER", "folder of the result", 0, 0, NULL,
     TW_OPTION_REQUIRED | TW_OPTION_RUNTIME},
    TW_OPTIONS_GROUP("Objective"),
    {"objective", 0, TW_CHOICE, &objective, NULL,
     "mle: likelihood of the completions; weighted-mle: their tokens weighted by the guidance; "
     "reinforce: samples drawn in each step, weighted by the guidance, with maximum entropy",
     0, 0, "mle|weighted-mle|reinforce", 0},
    {"token-weight", 0, TW_CHOICE, &token_weight, NULL,
     "what a token's reward becomes; uniform weighs all tokens of a record alike, without guidance",
     0, 0, "reward|exp|reward-to-go|uniform", 0},
    {"reward-scale", 0, TW_REAL, &reward_scale, "R", "factor in --token-weight exp: exp(R r)", 0,
     100, NULL, TW_OPTION_ABOVE_MIN},
    {"prompt-loss", 0, TW_REAL, &prompt_weight, "R",
     "mle: weight of the prompts' own tokens in the loss", 0, 1e3, NULL, 0},
    {"policy-gradient", 0, TW_REAL, &pg_weight, "R",
     "weighted-mle: coefficient of an added REINFORCE term", 0, 1e3, NULL, 0},
    {"entropy", 0, TW_REAL, &entropy_weight, "R",
     "coefficient of the mean entropy; -1 stands for 0.125 with reinforce, 0 otherwise", -1, 1e3,
     NULL, 0},
    TW_OPTIONS_GROUP("Samples drawn in a step"),
    {"samples", 'k', TW_INT, &samples, "K", "generations of each prompt", 1, 65536, NULL, 0},
    TW_SAMPLING_OPTIONS(sampling),
    TW_OPTION_MAX_NEW_TOKENS(max_new_tokens),
    TW_POLICY_OPTIONS(policy),
    TW_TRAIN_OPTIONS(train),
    TW_OPTION_SEED(common),
    TW_OPTIONS_GROUP("Data"),
    {"valid", 0, TW_TEXT, &valid_path, "FILE",
     "held-out records; the weights that are best on them are kept", 0, 0, NULL, TW_OPTION_RUNTIME},
    {"valid-by", 0, TW_TEXT, &valid_by, "EXPR",
     "what is best: the lowest nll, or the highest mean of an expression over text metrics of "
     "greedy generations, such as rouge1+2*rouge2+rougeLsum",
     0, 0, NULL, 0},
    TW_OPTIONS_AFFIXES(text),
    TW_OPTION_PROMPT_FIELD(text),
    TW_OPTION_COMPLETION_FIELD(text),
    TW_OPTIONS_PROMPT_LIMIT(text),
    TW_OPTION_MAX_COMPLETION_TOKENS(text),
    TW_OPTION_STRICT(text),
    TW_OPTION_MAX_ERRORS(common),
    TW_OPTIONS_GROUP("Running"),
    TW_OPTION_LOG(common),
    TW_OPTION_QUIET(common),
    TW_OPTION_THREADS(common),
    TW_OPTIONS_END,
};

static const tw_usage usage = {
    .name = "fine-tune",
    .purpose = "Train a language model, with token-level guidance or without",
    .synopsis = "-m POLICY -o FOLDER [-g GUIDANCE] [--objective mle|weighted-mle|reinforce] "
                "[options] [FILE...]",
    .example = "fine-tune -m policy -g guidance --objective weighted-mle -o policy-1 "
               "train.jsonl.zst",
    .options = options,
};

/* An update under way. */
typedef struct update {
    const tw_example **examples;        /* [batch_size * accumulate] */
    double mle_size;                    /* of them, tw_mle_size */
    tw_drawn drawn;                     /* empty where nothing is */
    tw_objective_report given, samples; /* of references and of what was drawn */
} update;

typedef struct run {
    tw_learner learner;
    tw_guidance *guidance;
    tw_data data, valid;
    tw_written *written; /* NULL: validation is by nll */
    tw_order order;
    update update;
    size_t new_tokens; /* of a sample drawn in a step */
} run;

static size_t update_size(void)
{
    return (size_t)train.batch_size * (size_t)train.accumulate;
}

static bool draws(void)
{
    return objective == OBJECTIVE_REINFORCE ||
           (objective == OBJECTIVE_WEIGHTED_MLE && (pg_weight > 0 || entropy_weight > 0));
}

/* Its examples, and what its passes have in common. */
static int begin_update(run *run, uint64_t number)
{
    update *update = &run->update;
    const size_t count = update_size();
    uint64_t epoch;
    for (size_t i = 0; i < count; i++)
        update->examples[i] =
            &run->data.examples[tw_order_at(&run->order, number * count + i, &epoch)];
    update->mle_size = tw_mle_size(&run->learner, update->examples, count);
    update->given = update->samples = (tw_objective_report){0};
    tw_drawn_free(&update->drawn);
    return draws() ? tw_draw_samples(&run->learner, update->examples, count, (uint64_t)common.seed,
                                     number, &update->drawn)
                   : 0;
}

/* The loss's share of the examples from `first` on. */
static double learn(run *run, size_t first)
{
    update *update = &run->update;
    const size_t count = (size_t)train.batch_size;
    const tw_example *const *examples = update->examples + first;
    const tw_reinforce_options reinforce = {
        .pg_weight = objective == OBJECTIVE_REINFORCE ? 1 : pg_weight,
        .entropy_weight = entropy_weight,
    };
    double loss = 0;
    if (objective == OBJECTIVE_MLE)
        loss += tw_mle(&run->learner, examples, count, update->mle_size, &update->given);
    else if (objective == OBJECTIVE_WEIGHTED_MLE)
        loss += tw_weighted_mle(&run->learner, examples, count, update_size(), &update->given);
    if (draws())
        loss +=
            tw_reinforce(&run->learner, &update->drawn, first, count, &reinforce, &update->samples);
    return loss;
}

static double mean(double sum, uint64_t count)
{
    return count > 0 ? sum / (double)count : 0;
}

/* Of references where there are some; the entropy is that of what was drawn, where that is. */
static void log_update(json_t *log, const update *update)
{
    const tw_objective_report *drawn = &update->samples;
    const tw_objective_report *main = objective == OBJECTIVE_REINFORCE ? drawn : &update->given;
    const tw_objective_report *varied = draws() ? drawn : main;
    if (!log)
        return;
    json_object_set_new(log, "nll", json_real(mean(main->nll, main->tokens)));
    json_object_set_new(log, "entropy", json_real(mean(varied->entropy, varied->tokens)));
    json_object_set_new(log, "length", json_real(mean((double)main->tokens, main->completions)));
    if (guidance_path)
        json_object_set_new(log, "reward", json_real(mean(main->reward, main->tokens)));
}

static int pass(void *context, uint64_t pass, tw_pass *out)
{
    run *run = context;
    const update *update = &run->update;
    const uint64_t passes = (uint64_t)train.accumulate, place = pass % passes;
    if (place == 0 && begin_update(run, pass / passes) < 0)
        return -1;
    const uint64_t before = update->given.rows + update->samples.rows;
    out->loss = learn(run, place * (size_t)train.batch_size);
    out->tokens = update->given.rows + update->samples.rows - before;
    log_update(out->log, update);
    return 0;
}

static int validate(void *context, uint64_t step, tw_validation *out)
{
    run *run = context;
    double nll = 0;
    uint64_t tokens = 0;
    (void)step;
    for (size_t i = 0; i < run->valid.count;) {
        size_t n = 0;
        for (; n < (size_t)train.batch_size && i < run->valid.count; n++)
            run->update.examples[n] = &run->valid.examples[i++];
        tw_nll(&run->learner, run->update.examples, n, &nll, &tokens);
    }
    out->value = nll / (double)tokens;
    json_object_set_new(out->measures, "nll", json_real(out->value));
    return run->written
               ? tw_written_mean(run->written, run->learner.policy, run->valid.examples,
                                 run->valid.count, run->new_tokens, BATCH_TOKENS, &out->value)
               : 0;
}

static int save(void *context, const char *folder)
{
    const run *run = context;
    return tw_policy_save(run->learner.policy, &policy, folder);
}

static void say(const char *line)
{
    tw_warn("%s", line);
}

static int check_usage(void)
{
    if (tw_kernels_check() < 0)
        return -1;
    bool scratch = init_path != NULL;
    if (scratch == (policy_path != NULL))
        return tw_fail("give either -m POLICY or --init CONFIG with --tokenizer FILE");
    if (scratch != (tokenizer_path != NULL))
        return tw_fail("--init and --tokenizer go together");
    if (scratch && (policy.lora || policy.merge))
        return tw_fail("an adapter is one to a model: --lora and --merge go with -m");
    bool uniform = objective == OBJECTIVE_WEIGHTED_MLE && token_weight == TW_WEIGHT_UNIFORM;
    if (token_weight == TW_WEIGHT_UNIFORM && (guidance_path || !uniform || draws()))
        return tw_fail("--token-weight uniform is of --objective weighted-mle alone: without -g, "
                       "--policy-gradient and --entropy");
    if (objective != OBJECTIVE_MLE && !uniform && !guidance_path)
        return tw_fail("this objective needs -g GUIDANCE (from learn-guidance)");
    if (objective == OBJECTIVE_MLE && guidance_path)
        return tw_fail("--objective mle does not use guidance; did you mean weighted-mle?");
    if (!valid_path != !train.eval_every)
        return tw_fail("--valid FILE and --eval-every N go together");
    if (strcmp(valid_by, "nll") != 0) {
        if (!valid_path)
            return tw_fail("--valid-by goes with --valid FILE");
        if (!(valid_expression = tw_expression_parse(valid_by, tw_metric_names, TW_METRICS)))
            return tw_fail_in("--valid-by");
    }
    if (entropy_weight < 0)
        entropy_weight = objective == OBJECTIVE_REINFORCE ? 0.125 : 0;
    return tw_policy_check(&policy);
}

/* An adapter is merged as it is: there are no records to train on. */
static bool merges_only(int files)
{
    return policy.merge && !policy.lora && files == 0;
}

static int open_models(run *run)
{
    tw_learner *learner = &run->learner;
    learner->policy = init_path ? tw_model_draft(init_path, tokenizer_path)
                                : tw_policy_describe(policy_path, &policy, (uint64_t)common.seed);
    if (!learner->policy || tw_model_check_causal(learner->policy) != 0)
        return -1;
    if (valid_expression && !(run->written = tw_written_open(valid_expression)))
        return -1;
    if ((guidance_path || run->written) &&
        !(run->new_tokens = tw_max_new_tokens(learner->policy, max_new_tokens)))
        return -1;
    if (!guidance_path)
        return 0;
    if (!(run->guidance = tw_guidance_describe(guidance_path)) ||
        tw_guidance_check_policy(run->guidance, learner->policy) != 0)
        return -1;
    learner->guidance = run->guidance;
    return 0;
}

/* Whether there is anything that a loss could be the mean of. */
static bool has_tokens(const tw_data *data)
{
    for (size_t i = 0; i < data->count; i++)
        if (data->examples[i].completion.count > 0)
            return true;
    return false;
}

static int check_data(const run *run, bool needs_completion)
{
    if (run->data.count == 0)
        return tw_fail("no records to train on");
    if (valid_path && run->valid.count == 0)
        return tw_fail("%s: no records to validate on", valid_path);
    if (needs_completion && prompt_weight <= 0 && !has_tokens(&run->data))
        return tw_fail("no completion has a token to learn from");
    if (valid_path && !has_tokens(&run->valid))
        return tw_fail("%s: no completion has a token to validate on", valid_path);
    return 0;
}

static int load_data(run *run, char **files, int count)
{
    bool needs_completion = objective != OBJECTIVE_REINFORCE;
    tw_data_options data = {
        .encoding = tw_encoding_of(run->learner.policy, &text),
        .records = {.prompt_field = text.prompt_field,
                    .completion_field = text.completion_field,
                    .max_errors = common.max_errors},
    };
    if (!needs_completion && text.max_completion_tokens == 0)
        data.encoding.max_completion_tokens = run->new_tokens;
    if (tw_data_load_texts(&run->data, files, count, &data, needs_completion) < 0)
        return -1;
    char *valid[] = {(char *)valid_path};
    if (valid_path && tw_data_load_texts(&run->valid, valid, 1, &data, true) < 0)
        return -1;
    if (check_data(run, needs_completion) < 0)
        return -1;
    if (!common.quiet && run->data.counts.prompts_cut + run->data.counts.completions_cut)
        tw_warn("of %" PRIu64 " records %" PRIu64 " prompts were cut %s and %" PRIu64
                " completions to fit",
                run->data.counts.records, run->data.counts.prompts_cut,
                tw_truncate_place((tw_truncate)text.truncate), run->data.counts.completions_cut);
    return 0;
}

/* Of everything that shapes the result. */
static int digest_run(const run *run, uint64_t *digest)
{
    char start[TW_XXH3_TEXT] = "", guidance[TW_XXH3_TEXT] = "";
    char *canonical = tw_canonical_options(&usage);
    int status = init_path ? tw_xxh3_file(init_path, start) : tw_model_digest(policy_path, start);
    if (status == 0 && guidance_path)
        status = tw_model_digest(guidance_path, guidance);
    char *all = tw_format("%s %s %s %" PRIx64 " %" PRIx64 " %" PRIx64, canonical, start, guidance,
                          run->data.digest, run->valid.digest,
                          tw_tokenizer_digest(run->learner.policy->tokenizer));
    *digest = tw_hash(all, strlen(all));
    free(all);
    free(canonical);
    return status;
}

/* Says what memory will be taken, then takes it for the weights. */
static int load_models(run *run)
{
    const size_t drawn = draws() ? run->new_tokens : 0;
    const bool prompts = objective == OBJECTIVE_MLE && prompt_weight > 0;
    const tw_policy_run needs = {.data = &run->data,
                                 .valid = &run->valid,
                                 .use = {(size_t)samples, drawn, prompts},
                                 .train = &train,
                                 .seed = (uint64_t)common.seed,
                                 .batch_tokens = BATCH_TOKENS,
                                 .written = run->written ? run->new_tokens : 0,
                                 .guidance = run->guidance};
    tw_plan plan = {0};
    if (tw_policy_plan(run->learner.policy, &policy, &needs, tw_memory_available(), &plan) < 0)
        return -1;
    if (!common.quiet)
        tw_warn("%s", plan.text);
    return tw_policy_load(run->learner.policy, run->guidance, (uint64_t)common.seed);
}

static void prepare(run *run)
{
    tw_learner *learner = &run->learner;
    learner->tape = tw_tape_new(true);
    tw_tape_recompute(learner->tape, train.recompute);
    learner->frozen_tape = tw_tape_new(false);
    learner->token_weight = (tw_token_weight)token_weight;
    learner->reward_scale = reward_scale;
    learner->prompt_weight = prompt_weight;
    learner->samples = (size_t)samples;
    learner->decode = (tw_decode_options){
        .sampling = sampling, .max_new_tokens = run->new_tokens, .batch_tokens = BATCH_TOKENS};
    tw_order_init(&run->order, (uint64_t)common.seed, run->data.count);
    run->update.examples = tw_alloc(update_size(), sizeof *run->update.examples);
}

/* No output destroys an input, nor another output. */
static int check_places(char *const *files, int count)
{
    tw_places places = {0};
    char *checkpoint = tw_checkpoint_path(common.output);
    tw_model_places(&places, "-m", policy_path);
    tw_places_input(&places, "--init", init_path);
    tw_places_input(&places, "--tokenizer", tokenizer_path);
    tw_model_places(&places, "-g", guidance_path);
    tw_places_input(&places, "--valid", valid_path);
    if (!merges_only(count))
        tw_places_operands(&places, files, count);
    tw_places_output_folder(&places, "-o", common.output);
    tw_places_output_folder(&places, "the checkpoint", checkpoint);
    tw_places_output(&places, "--log", common.log);
    free(checkpoint);
    return tw_places_check(&places);
}

static int run_training(run *run)
{
    tw_training training = {
        .options = &train,
        .common = &common,
        .program = usage.name,
        .output = common.output,
        .params = tw_model_trained(run->learner.policy),
        .result_bytes = tw_policy_bytes(run->learner.policy, &policy),
        .adam = tw_adam_defaults,
        .maximise = run->written != NULL,
        .steps = tw_train_steps(&train, run->data.count),
        .context = run,
        .pass = pass,
        .validate = valid_path ? validate : NULL,
        .save = save,
        .say = say,
    };
    if (digest_run(run, &training.digest) < 0)
        return -1;
    tw_catch_signals();
    return tw_train(&training);
}

static void close_run(run *run)
{
    tw_order_free(&run->order);
    tw_drawn_free(&run->update.drawn);
    free(run->update.examples);
    tw_data_free(&run->data);
    tw_data_free(&run->valid);
    tw_learner_free(&run->learner);
    tw_written_free(run->written);
    tw_model_free(run->learner.policy);
    tw_guidance_free(run->guidance);
}

int main(int argc, char **argv)
{
    const int first = tw_options_or_exit(&usage, argc, argv, check_usage);
    tw_common_apply(&common);
    tw_gemm_use((tw_gemm_backend)train.gemm);
    run run = {0};
    int end = check_places(argv + first, argc - first);
    if (end == 0 && merges_only(argc - first)) {
        end = tw_policy_merge(policy_path, common.output);
        if (end != 0)
            tw_warn("%s", tw_error());
        return tw_training_status(end);
    }
    if (end == 0)
        end = open_models(&run);
    if (end == 0 && (end = load_data(&run, argv + first, argc - first)) == 0)
        end = load_models(&run);
    if (end == 0) {
        prepare(&run);
        end = run_training(&run);
    }
    if (end != TW_TRAINED)
        tw_warn("%s", tw_error());
    close_run(&run);
    return tw_training_status(end);
}
