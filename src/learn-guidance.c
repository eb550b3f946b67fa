/* learn-guidance: from the order of generations to a reward for each of their tokens. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/common.h"
#include "core/error.h"
#include "core/folder.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/places.h"
#include "core/progress.h"
#include "core/rng.h"
#include "tensor/kernels/kernels.h"
#include "train/alignment.h"
#include "train/loop.h"
#include "train/plan.h"

enum { EQUAL_SKIP, EQUAL_KEEP, EQUAL_REFUSE };

static tw_common common = TW_COMMON_DEFAULTS;
static tw_train_options train = {.learning_rate = 5e-5,
                                 .clip = 5,
                                 .batch_size = 16,
                                 .accumulate = 1,
                                 .epochs = 5,
                                 .schedule = TW_SCHEDULE_PLATEAU,
                                 .eval_every = 50,
                                 .patience = 7};
static const char *model_path, *valid_path;
/* -1 and 0: not given, so a guidance folder's own setting or METHOD.md's default holds. */
static int aggregate = -1, bound = -1;
static double temperature;
static int64_t head_size;
static int64_t group_size;
static double valid_fraction = 0.1;
static int equal_scores = EQUAL_SKIP;
static bool untrained;
static tw_text_options text;

static const tw_option options[] = {
    {"model", 'i', TW_TEXT, &model_path, "FOLDER",
     "language model to put a fresh head on, or guidance to learn on from", 0, 0, NULL,
     TW_OPTION_REQUIRED | TW_OPTION_RUNTIME},
    {"output", 'o', TW_TEXT, &common.output, "GUIDANCE", "folder of the result", 0, 0, NULL,
     TW_OPTION_REQUIRED | TW_OPTION_RUNTIME},
    TW_OPTIONS_GROUP("Guidance"),
    {"aggregate", 0, TW_CHOICE, &aggregate, NULL,
     "how a generation's token rewards make its score; average, or a guidance folder's own, unless "
     "given",
     0, 0, TW_AGGREGATE_NAMES, 0},
    {"temperature", 0, TW_REAL, &temperature, "B",
     "of softmax and softmin; 0 stands for 2, or for a guidance folder's own", 0, 1e6, NULL, 0},
    {"bound", 0, TW_CHOICE, &bound, NULL,
     "what keeps rewards within bounds; softplus unless given; a guidance folder's own stays", 0, 0,
     TW_BOUND_NAMES, 0},
    {"head-size", 0, TW_INT, &head_size, "N",
     "width of a fresh head's hidden layer; 0 stands for 2048", 0, 1 << 20, NULL, 0},
    {"untrained", 0, TW_FLAG, &untrained, NULL,
     "write the model under a fresh head as it is, without FILE: every token's reward is nearly "
     "the same, a control for what weights do without learned rewards",
     0, 0, NULL, 0},
    TW_TRAIN_OPTIONS(train),
    TW_OPTION_SEED(common),
    TW_OPTIONS_GROUP("Data"),
    {"group-size", 'k', TW_INT, &group_size, "K",
     "generations of a visit to a group, drawn at random from its own; 0 for all", 0, 65536, NULL,
     0},
    {"equal-scores", 0, TW_CHOICE, &equal_scores, NULL,
     "what to do with a group whose scores are all equal, or that has a generation which, cut to "
     "fit, is equal to another of another score: it prefers nothing, so skip it; or keep it, ties "
     "in "
     "an order drawn at random; or refuse it as an error",
     0, 0, "skip|keep|refuse", 0},
    {"valid", 0, TW_TEXT, &valid_path, "FILE",
     "held-out groups; the weights with the lowest loss on them are kept", 0, 0, NULL,
     TW_OPTION_RUNTIME},
    {"valid-fraction", 0, TW_REAL, &valid_fraction, "R",
     "without --valid, the share of groups to hold out, drawn by their ids", 0, 1, NULL,
     TW_OPTION_BELOW_MAX},
    TW_OPTIONS_AFFIXES(text),
    TW_OPTION_PROMPT_FIELD(text),
    TW_OPTIONS_PROMPT_LIMIT(text),
    TW_OPTION_MAX_COMPLETION_TOKENS(text),
    TW_OPTION_RETOKENIZE(text),
    TW_OPTION_STRICT(text),
    TW_OPTION_MAX_ERRORS(common),
    TW_OPTIONS_GROUP("Running"),
    TW_OPTION_LOG(common),
    TW_OPTION_QUIET(common),
    TW_OPTION_THREADS(common),
    TW_OPTIONS_END,
};

static const tw_usage usage = {
    .name = "learn-guidance",
    .purpose = "Learn token-level rewards whose aggregates reproduce the order of generations",
    .synopsis = "-i MODEL|GUIDANCE -o GUIDANCE [--aggregate average|sum|softmax|softmin] "
                "[options] [FILE...]",
    .example = "sample -m policy -k 4 prompts.jsonl.zst | rank --by meteor | "
               "learn-guidance -i policy -o guidance",
    .options = options,
};

typedef struct run {
    tw_guidance *guidance;
    tw_data data, valid;
    size_t train_count; /* of data; the groups behind them are held out */
    tw_order order;
    tw_aligner learning, measuring;
    tw_visit *visits; /* [batch_size] */
    tw_pairs pairs;   /* of the update's passes so far */
} run;

static int pass(void *context, uint64_t pass, tw_pass *out)
{
    run *run = context;
    size_t count = (size_t)train.batch_size, all = count * (size_t)train.accumulate;
    for (size_t i = 0; i < count; i++) {
        tw_visit *visit = &run->visits[i];
        visit->index = tw_order_at(&run->order, pass * count + i, &visit->number);
        visit->group = &run->data.groups[visit->index];
    }
    tw_alignment sums = {0};
    tw_align(&run->learning, run->visits, count, all, &sums);
    out->loss = sums.loss / (double)all;
    out->tokens = sums.rows;
    if (pass % (uint64_t)train.accumulate == 0)
        run->pairs = (tw_pairs){0};
    run->pairs.right += sums.pairs.right;
    run->pairs.count += sums.pairs.count;
    if (out->log && run->pairs.count > 0)
        json_object_set_new(out->log, "accuracy",
                            json_real(run->pairs.right / (double)run->pairs.count));
    return 0;
}

static size_t held_out(const run *run, const tw_group **groups)
{
    *groups = valid_path ? run->valid.groups : run->data.groups + run->train_count;
    return valid_path ? run->valid.count : run->data.count - run->train_count;
}

static int validate(void *context, uint64_t step, tw_validation *out)
{
    run *run = context;
    const tw_group *groups = NULL;
    size_t count = held_out(run, &groups);
    tw_alignment sums = {0};
    (void)step;
    for (size_t i = 0; i < count;) {
        size_t n = 0;
        for (; n < (size_t)train.batch_size && i < count; n++, i++)
            run->visits[n] = (tw_visit){&groups[i], (uint32_t)i, TW_VISIT_VALIDATION};
        tw_align(&run->measuring, run->visits, n, n, &sums);
    }
    out->value = sums.loss / (double)sums.groups;
    if (sums.pairs.count > 0)
        json_object_set_new(out->measures, "accuracy",
                            json_real(sums.pairs.right / (double)sums.pairs.count));
    return 0;
}

static int save(void *context, const char *folder)
{
    const run *run = context;
    return tw_guidance_save(run->guidance, folder);
}

static void say(const char *line)
{
    tw_warn("%s", line);
}

/* A guidance folder goes on with its head; how rewards are aggregated may change. */
static int continue_guidance(run *run)
{
    if (!(run->guidance = tw_guidance_describe(model_path)))
        return -1;
    tw_guidance_settings *settings = &run->guidance->settings;
    if (bound >= 0 && bound != (int)settings->bound)
        return tw_fail("%s: learned with another --bound", model_path);
    if (head_size > 0 && (size_t)head_size != settings->head_size)
        return tw_fail("%s: its head has size %zu, not %" PRId64, model_path, settings->head_size,
                       head_size);
    if (aggregate >= 0)
        settings->aggregate.kind = (tw_aggregate_kind)aggregate;
    if (temperature > 0)
        settings->aggregate.temperature = temperature;
    return 0;
}

static int start_guidance(run *run)
{
    tw_guidance_settings settings = tw_guidance_defaults;
    if (aggregate >= 0)
        settings.aggregate.kind = (tw_aggregate_kind)aggregate;
    if (temperature > 0)
        settings.aggregate.temperature = temperature;
    if (bound >= 0)
        settings.bound = (tw_bound_kind)bound;
    if (head_size > 0)
        settings.head_size = (size_t)head_size;
    run->guidance = tw_guidance_draft(model_path, &settings, (uint64_t)common.seed);
    return run->guidance ? 0 : -1;
}

/* From here on the options say what holds, in the digest of the run too. */
static int open_guidance(run *run)
{
    int status = tw_guidance_is(model_path) ? continue_guidance(run) : start_guidance(run);
    if (status < 0)
        return -1;
    const tw_guidance_settings *settings = &run->guidance->settings;
    aggregate = (int)settings->aggregate.kind;
    temperature = settings->aggregate.temperature;
    bound = (int)settings->bound;
    head_size = (int64_t)settings->head_size;
    return 0;
}

static int load_groups(tw_data *data, const tw_model *model, char **files, int count)
{
    tw_data_options load = {
        .encoding = tw_encoding_of(model, &text),
        .refuse_equal = equal_scores == EQUAL_REFUSE,
        .records = {.prompt_field = text.prompt_field, .max_errors = common.max_errors},
    };
    if (tw_data_load_groups(data, files, count, &load) < 0)
        return -1;
    size_t all = data->count, equal = equal_scores == EQUAL_SKIP ? tw_data_drop_equal(data) : 0;
    const tw_data_counts *counts = &data->counts;
    if (data->count == 0 && counts->merged > 0)
        return tw_fail("all %zu groups have equal scores or, cut to fit, equal generations "
                       "(%" PRIu64 "): there is no preference to learn from",
                       all, counts->merged);
    if (data->count == 0 && all > 0)
        return tw_fail("all %zu groups have equal scores: there is no preference to learn from",
                       all);
    if (equal > counts->merged && !common.quiet)
        tw_warn("%zu of %zu groups have equal scores and were skipped",
                equal - (size_t)counts->merged, all);
    if (equal > 0 && counts->merged > 0 && !common.quiet)
        tw_warn("%" PRIu64 " of %zu groups have generations that are equal once cut to fit, and "
                "were skipped",
                counts->merged, all);
    if (counts->prompts_cut + counts->completions_cut > 0 && !common.quiet)
        tw_warn("%" PRIu64 " prompts were cut %s and %" PRIu64 " generations to fit",
                counts->prompts_cut, tw_truncate_place((tw_truncate)text.truncate),
                counts->completions_cut);
    return 0;
}

static int load_data(run *run, char **files, int count)
{
    const tw_model *model = run->guidance->model;
    if (load_groups(&run->data, model, files, count) < 0)
        return -1;
    char *valid[] = {(char *)valid_path};
    if (valid_path && load_groups(&run->valid, model, valid, 1) < 0)
        return -1;
    if (valid_path && run->valid.count == 0)
        return tw_fail("%s: no groups to validate on", valid_path);
    run->train_count = run->data.count;
    if (!valid_path)
        run->train_count = tw_data_hold_out(&run->data, (uint64_t)common.seed, valid_fraction);
    if (run->train_count == 0)
        return tw_fail("no groups to learn from (%zu are held out)", run->data.count);
    const tw_group *groups = NULL;
    size_t held = held_out(run, &groups);
    if (held == 0 && train.eval_every > 0) {
        tw_warn("no groups are held out: the last weights will be kept, unmeasured");
        train.eval_every = 0;
    }
    if (!common.quiet)
        tw_warn("%zu groups to learn from, %zu held out", run->train_count, held);
    return 0;
}

/* Says what memory will be taken, then takes it for the weights. */
static int load_guidance(run *run)
{
    static const tw_plan_advice advice = {.batch =
                                              "a smaller --batch-size with a larger --accumulate"};
    tw_alignment_run needs = {.guidance = run->guidance,
                              .groups = run->data.groups,
                              .count = run->train_count,
                              .group_size = (size_t)group_size,
                              .train = &train,
                              .seed = (uint64_t)common.seed};
    tw_plan plan = {0};
    if (train.eval_every > 0)
        needs.held_count = held_out(run, &needs.held);
    if (tw_plan_alignment(&plan, &needs) < 0 ||
        tw_plan_check(&plan, tw_memory_available(), &advice) < 0)
        return -1;
    if (!common.quiet)
        tw_warn("%s", plan.text);
    return tw_guidance_load(run->guidance, TW_USE_TRAINABLE);
}

static void prepare(run *run)
{
    uint64_t seed = (uint64_t)common.seed;
    tw_aligner_init(&run->learning, run->guidance, seed, (size_t)group_size, true);
    tw_tape_recompute(run->learning.tape, train.recompute);
    tw_aligner_init(&run->measuring, run->guidance, seed, 0, false);
    tw_order_init(&run->order, seed, run->train_count);
    run->visits = tw_alloc((size_t)train.batch_size, sizeof *run->visits);
}

/* Of everything that shapes the result. */
static int digest_run(const run *run, uint64_t *digest)
{
    char model[TW_XXH3_TEXT];
    if (tw_model_digest(model_path, model) < 0)
        return -1;
    char *canonical = tw_canonical_options(&usage);
    char *all =
        tw_format("%s %s %" PRIx64 " %" PRIx64 " %" PRIx64, canonical, model, run->data.digest,
                  run->valid.digest, tw_tokenizer_digest(run->guidance->model->tokenizer));
    *digest = tw_hash(all, strlen(all));
    free(all);
    free(canonical);
    return 0;
}

/* No output destroys an input, nor another output. */
static int check_places(char *const *files, int count)
{
    tw_places places = {0};
    char *checkpoint = tw_checkpoint_path(common.output);
    tw_model_places(&places, "-i", model_path);
    tw_places_input(&places, "--valid", valid_path);
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
        .params = &run->guidance->model->params,
        .result_bytes = run->guidance->model->params.size * sizeof(float),
        .adam = tw_adam_defaults,
        .steps = tw_train_steps(&train, run->train_count),
        .context = run,
        .pass = pass,
        .validate = validate,
        .save = save,
        .say = say,
    };
    training.adam.decoupled = false;
    if (digest_run(run, &training.digest) < 0)
        return -1;
    tw_catch_signals();
    return tw_train(&training);
}

static void close_run(run *run)
{
    tw_order_free(&run->order);
    tw_aligner_free(&run->learning);
    tw_aligner_free(&run->measuring);
    free(run->visits);
    tw_data_free(&run->data);
    tw_data_free(&run->valid);
    tw_guidance_free(run->guidance);
}

/* Writes the guidance as it starts, in place of training. */
static int write_untrained(run *run)
{
    if (tw_guidance_is(model_path))
        return tw_fail("%s: this guidance is learned already; --untrained wants a language model",
                       model_path);
    if (tw_guidance_load(run->guidance, TW_USE_TRAINABLE) < 0)
        return -1;
    tw_folder *folder = tw_folder_open(common.output, TW_FOLDER_MODEL);
    if (!folder)
        return -1;
    if (tw_guidance_save(run->guidance, tw_folder_path(folder)) < 0) {
        tw_folder_discard(folder);
        return -1;
    }
    return tw_folder_commit(folder) < 0 ? -1 : TW_TRAINED;
}

static int learn(run *run, char **files, int count)
{
    if (load_data(run, files, count) < 0 || load_guidance(run) < 0)
        return -1;
    prepare(run);
    return run_training(run);
}

/* What the option table cannot say. */
static int check_usage(void)
{
    if (tw_kernels_check() < 0)
        return -1;
    if (group_size == 1)
        return tw_fail(
            "option --group-size: 1 generation cannot be ranked; expected 0 or at least 2");
    return 0;
}

int main(int argc, char **argv)
{
    const int first = tw_options_or_exit(&usage, argc, argv, check_usage);
    if (untrained && first < argc) {
        tw_warn("--untrained reads no FILE (try '%s --help')", tw_invoked());
        return TW_EXIT_USAGE;
    }
    tw_common_apply(&common);
    tw_gemm_use((tw_gemm_backend)train.gemm);
    run run = {0};
    int end = check_places(argv + first, argc - first);
    if (end == 0)
        end = open_guidance(&run);
    if (end == 0)
        end = untrained ? write_untrained(&run) : learn(&run, argv + first, argc - first);
    if (end != TW_TRAINED)
        tw_warn("%s", tw_error());
    close_run(&run);
    return tw_training_status(end);
}
