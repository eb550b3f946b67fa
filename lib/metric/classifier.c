#include "metric/classifier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/cloze.h"
#include "metric/examples.h"
#include "metric/panel.h"
#include "metric/template.h"

const char *const tw_classifier_names[TW_CLASSIFIER_NUMBERS + 1] = {
    "classifier", "classifierAccuracy", "classifierGap", NULL};

struct tw_classifier {
    tw_classifier_run run;
    double fraction;
    tw_model *model;
    tw_template *template;
    tw_verbalizers verbalizers;
    int32_t *tokens; /* [verbalizers.count] */
    tw_examples examples;
    tw_cloze_text *texts; /* [examples.count] */
    bool *cut;            /* [examples.count] */
    uint32_t *picked;     /* [examples.count], scratch */
    tw_cloze *cloze;
    tw_classifier_answers answers;
};

/* METHOD: those of sentiment tasks. */
#define CAUSAL "{text} {prompt}"
#define MASKED "{text} {prompt} <mask> ."

int tw_classifier_check(const tw_classifier_options *options, const char *wanted)
{
    if (!options->model && (options->template || options->verbalizers || options->examples))
        return tw_fail("--template, --verbalizers and --examples are for --classifier MODEL");
    if (!options->model)
        return wanted ? tw_fail("%s needs --classifier MODEL", wanted) : 0;
    if (!wanted)
        return tw_fail("--classifier: nothing asks for it; there are classifier, "
                       "classifierAccuracy and classifierGap");
    if (!options->verbalizers)
        return tw_fail("--classifier needs --verbalizers LIST");
    if (!options->examples)
        return tw_fail("--classifier needs --examples FILE");
    if (strcmp(options->examples, "-") == 0)
        return tw_fail("--examples: expected a file; standard input is for the records");
    tw_template *template = tw_template_parse(options->template ? options->template : CAUSAL);
    if (!template)
        return tw_fail_in("--template");
    tw_template_free(template);
    tw_verbalizers verbalizers;
    if (tw_verbalizers_parse(options->verbalizers, &verbalizers) != 0)
        return tw_fail_in("--verbalizers");
    tw_verbalizers_clear(&verbalizers);
    return 0;
}

static int open_cloze(tw_classifier *classifier)
{
    const size_t classes = classifier->verbalizers.count;
    classifier->tokens = tw_alloc(classes, sizeof *classifier->tokens);
    if (tw_verbalizers_tokens(&classifier->verbalizers, classifier->model->tokenizer,
                              classifier->tokens) != 0)
        return tw_fail_in("--verbalizers");
    const tw_cloze_options options = {.model = classifier->model,
                                      .template = classifier->template,
                                      .tokens = classifier->tokens,
                                      .token_count = classes,
                                      .batch_rows = classifier->run.batch_rows,
                                      .strict = classifier->run.strict};
    classifier->cloze = tw_cloze_new(&options);
    return classifier->cloze ? 0 : tw_fail_in("--template");
}

static int prepare_examples(tw_classifier *classifier)
{
    const tw_examples *examples = &classifier->examples;
    classifier->texts = tw_alloc(examples->count, sizeof *classifier->texts);
    classifier->cut = tw_alloc(examples->count, sizeof *classifier->cut);
    classifier->picked = tw_alloc(examples->count, sizeof *classifier->picked);
    for (size_t i = 0; i < examples->count; i++) {
        const tw_example *example = &examples->all[i];
        const int cut = tw_cloze_prepare(classifier->cloze, example->text, strlen(example->text),
                                         &classifier->texts[i]);
        if (cut < 0)
            return tw_fail_in("%s:%llu", examples->file, (unsigned long long)example->line);
        classifier->cut[i] = cut;
    }
    return 0;
}

static int open_parts(tw_classifier *classifier, const tw_classifier_options *options)
{
    if (!(classifier->model = tw_model_describe(options->model, NULL, NULL)))
        return -1;
    const tw_architecture *architecture = classifier->model->architecture;
    if (tw_has_encoder(&classifier->model->config))
        return tw_fail("%s: %s is an encoder-decoder; expected a masked or a causal language model",
                       options->model, architecture->model_type);
    const char *template = architecture->masked ? MASKED : CAUSAL;
    if (options->template)
        template = options->template;
    if (!(classifier->template = tw_template_parse(template)) ||
        tw_verbalizers_parse(options->verbalizers, &classifier->verbalizers) != 0 ||
        open_cloze(classifier) != 0)
        return -1;
    if (tw_examples_read(&classifier->examples, options->examples, &classifier->verbalizers) != 0)
        return -1;
    return prepare_examples(classifier);
}

tw_classifier *tw_classifier_describe(const tw_classifier_options *options,
                                      const tw_classifier_run *run)
{
    tw_classifier *classifier = tw_alloc(1, sizeof *classifier);
    classifier->run = *run;
    classifier->fraction = options->fraction;
    if (open_parts(classifier, options) == 0)
        return classifier;
    tw_classifier_free(classifier);
    return NULL;
}

int tw_classifier_plan(const tw_classifier *classifier, tw_plan *plan)
{
    tw_plan_begin(plan, "classifier");
    tw_plan_stream(plan, classifier->model, classifier->run.batch_rows, 0, false);
    return tw_plan_weights(plan, classifier->model, TW_USE_FROZEN);
}

int tw_classifier_load(tw_classifier *classifier)
{
    return tw_model_load(classifier->model, TW_USE_FROZEN, NULL);
}

tw_classifier *tw_classifier_open(const tw_classifier_options *options,
                                  const tw_classifier_run *run)
{
    tw_classifier *classifier = tw_classifier_describe(options, run);
    if (!classifier || tw_classifier_load(classifier) == 0)
        return classifier;
    tw_classifier_free(classifier);
    return NULL;
}

void tw_classifier_free(tw_classifier *classifier)
{
    if (!classifier)
        return;
    tw_cloze_free(classifier->cloze);
    for (size_t i = 0; classifier->texts && i < classifier->examples.count; i++)
        free(classifier->texts[i].head.ids);
    free(classifier->texts);
    free(classifier->cut);
    free(classifier->picked);
    free(classifier->tokens);
    tw_examples_clear(&classifier->examples);
    tw_verbalizers_clear(&classifier->verbalizers);
    tw_template_free(classifier->template);
    tw_model_free(classifier->model);
    free(classifier);
}

/* The distinct prompts of a record: of generations of a few tokens, many are the same. */
typedef struct prompts {
    const char **all; /* [count], borrowed */
    size_t count;
    size_t *of; /* [texts] the prompt that each text is */
    size_t texts;
} prompts;

static size_t find_prompt(prompts *prompts, const char *text)
{
    for (size_t p = 0; p < prompts->count; p++)
        if (strcmp(prompts->all[p], text) == 0)
            return p;
    prompts->all[prompts->count] = text;
    return prompts->count++;
}

static int read_prompts(const tw_record *record, prompts *prompts)
{
    const size_t texts = tw_panel_texts(record);
    if (texts == 0)
        return tw_fail("samples: expected at least one sample, got an empty array");
    prompts->all = tw_alloc(texts, sizeof *prompts->all);
    prompts->of = tw_alloc(texts, sizeof *prompts->of);
    for (size_t i = 0; i < texts; i = ++prompts->texts) {
        const char *text = record->completion;
        if (record->samples)
            text = json_string_value(json_object_get(json_array_get(record->samples, i), "text"));
        if (!text && record->samples)
            return tw_fail("samples[%zu].text: expected a string, got nothing", i);
        if (!text)
            return tw_fail("expected samples or a completion, got neither");
        prompts->of[i] = find_prompt(prompts, text);
    }
    return 0;
}

/* logits[picked][prompts][classes] of the picked examples. */
static int ask(tw_classifier *classifier, const prompts *prompts, size_t picked, float *logits)
{
    for (size_t e = 0; e < picked; e++) {
        const uint32_t example = classifier->picked[e];
        for (size_t p = 0; p < prompts->count; p++) {
            const int cut = tw_cloze_add(classifier->cloze, &classifier->texts[example],
                                         prompts->all[p], logits);
            if (cut < 0) {
                tw_cloze_flush(classifier->cloze);
                return tw_fail_in("\"%.60s\" with %s:%llu", prompts->all[p],
                                  classifier->examples.file,
                                  (unsigned long long)classifier->examples.all[example].line);
            }
            classifier->cut[example] |= cut;
            logits += classifier->verbalizers.count;
        }
    }
    tw_cloze_flush(classifier->cloze);
    return 0;
}

/* gaps[picked] of one prompt. */
static int gaps_of(const tw_classifier *classifier, const float *logits, size_t prompts,
                   size_t prompt, size_t picked, double *gaps)
{
    const size_t classes = classifier->verbalizers.count;
    for (size_t e = 0; e < picked; e++) {
        const tw_example *example = &classifier->examples.all[classifier->picked[e]];
        gaps[e] = tw_class_gap(logits + (e * prompts + prompt) * classes, classes, example->label);
        if (!isfinite(gaps[e]))
            return tw_fail("the classifier's numbers overflow with %s:%llu",
                           classifier->examples.file, (unsigned long long)example->line);
    }
    return 0;
}

static size_t answer_of(const float *logits, size_t classes)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        if (logits[c] > logits[best])
            best = c;
    return best;
}

/* Notes whether one prompt made all the picked texts of one class, though their labels differ. */
static void note_answers(tw_classifier *classifier, const float *logits, size_t prompts,
                         size_t prompt, size_t picked)
{
    const size_t classes = classifier->verbalizers.count,
                 first = answer_of(logits + prompt * classes, classes);
    const tw_example *examples = classifier->examples.all;
    bool labels_differ = false, answers_differ = false;
    for (size_t e = 1; e < picked; e++) {
        const float *of_example = logits + (e * prompts + prompt) * classes;
        labels_differ |=
            examples[classifier->picked[e]].label != examples[classifier->picked[0]].label;
        answers_differ |= answer_of(of_example, classes) != first;
    }
    classifier->answers.prompts += labels_differ;
    classifier->answers.constant += labels_differ && !answers_differ;
}

static int judge(tw_classifier *classifier, const prompts *prompts, size_t picked,
                 tw_verdict *verdicts)
{
    const size_t classes = classifier->verbalizers.count;
    float *logits = tw_alloc(picked * prompts->count, classes * sizeof *logits);
    double *gaps = tw_alloc(picked, sizeof *gaps);
    int status = ask(classifier, prompts, picked, logits);
    for (size_t p = 0; status == 0 && p < prompts->count; p++) {
        status = gaps_of(classifier, logits, prompts->count, p, picked, gaps);
        verdicts[p] = tw_verdict_of(gaps, picked);
        note_answers(classifier, logits, prompts->count, p, picked);
    }
    free(logits);
    free(gaps);
    return status;
}

int tw_classifier_judge(tw_classifier *classifier, const tw_record *record, double *values,
                        size_t stride)
{
    prompts prompts = {0};
    tw_verdict *verdicts = NULL;
    int status = read_prompts(record, &prompts);
    if (status != 0)
        goto out;
    const size_t picked = tw_examples_pick(classifier->examples.count, classifier->fraction,
                                           classifier->run.seed, record->key, classifier->picked);
    verdicts = tw_alloc(prompts.count, sizeof *verdicts);
    status = judge(classifier, &prompts, picked, verdicts);
    for (size_t i = 0; status == 0 && i < prompts.texts; i++) {
        const tw_verdict *verdict = &verdicts[prompts.of[i]];
        values[i * stride + TW_CLASSIFIER_QUALITY] = verdict->quality;
        values[i * stride + TW_CLASSIFIER_ACCURACY] = verdict->accuracy;
        values[i * stride + TW_CLASSIFIER_GAP] = verdict->gap;
    }
out:
    free(verdicts);
    free(prompts.all);
    free(prompts.of);
    return status == 0 ? 0 : tw_record_fail(record, "%s", tw_error());
}

size_t tw_classifier_cut(const tw_classifier *classifier, size_t *examples)
{
    size_t count = 0;
    *examples = classifier->examples.count;
    for (size_t i = 0; i < *examples; i++)
        count += classifier->cut[i];
    return count;
}

tw_classifier_answers tw_classifier_answered(const tw_classifier *classifier)
{
    return classifier->answers;
}
