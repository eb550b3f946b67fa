#include "metric/judge.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/diversity.h"
#include "metric/lexicon.h"
#include "metric/meteor.h"
#include "metric/rouge.h"
#include "metric/words.h"

enum {
    ROUGES = TW_METRIC_BIT(TW_ROUGE1) | TW_METRIC_BIT(TW_ROUGE2) | TW_METRIC_BIT(TW_ROUGEL) |
             TW_METRIC_BIT(TW_ROUGELSUM),
    DIVERSITIES =
        TW_METRIC_BIT(TW_DISTINCT1) | TW_METRIC_BIT(TW_DISTINCT2) | TW_METRIC_BIT(TW_REPETITION)
};

const char *const tw_metric_names[TW_METRICS] = {"meteor",    "rouge1",    "rouge2",    "rougeL",
                                                 "rougeLsum", "bleu",      "chrf",      "length",
                                                 "distinct1", "distinct2", "repetition"};

struct tw_judge {
    unsigned metrics;
    bool stem;
    tw_lexicon *lexicon;
    tw_rouge *rouge;
    tw_meteor *meteor;
    tw_diversity diversity;
    tw_words rouge_reference, rouge_candidate;
    tw_words reference, candidate; /* METEOR's words */
    tw_ngrams ngrams;
    tw_words bleu_reference, chrf_reference, other; /* other: the candidate of either */
    double counts[TW_COUNTS];
};

static int find_metric(const char *name, size_t length)
{
    for (int m = 0; m < TW_METRICS; m++)
        if (strlen(tw_metric_names[m]) == length && memcmp(tw_metric_names[m], name, length) == 0)
            return m;
    return tw_fail("unknown metric \"%.*s\"; there are meteor, rouge1, rouge2, rougeL, rougeLsum, "
                   "bleu, chrf, length, distinct1, distinct2, repetition",
                   length < 64 ? (int)length : 64, name);
}

int tw_metric_list(const char *text, tw_metric list[TW_METRICS])
{
    unsigned seen = 0;
    int count = 0;
    for (;; text++) {
        const size_t length = strcspn(text, ",");
        const int metric = find_metric(text, length);
        if (metric < 0)
            return -1;
        if (seen & TW_METRIC_BIT(metric))
            return tw_fail("metric %s is named twice", tw_metric_names[metric]);
        seen |= TW_METRIC_BIT(metric);
        list[count++] = (tw_metric)metric;
        text += length;
        if (!*text)
            return count;
    }
}

unsigned tw_metrics_used(const tw_expression *expression)
{
    unsigned metrics = 0;
    for (int m = 0; expression && m < TW_METRICS; m++)
        metrics |= tw_expression_uses(expression, m) ? TW_METRIC_BIT(m) : 0;
    return metrics;
}

tw_judge *tw_judge_new(unsigned metrics, bool stem, const tw_wordnet *wordnet)
{
    tw_judge *judge = tw_alloc(1, sizeof *judge);
    judge->metrics = metrics;
    judge->stem = stem;
    judge->lexicon = tw_lexicon_new(wordnet);
    judge->rouge = tw_rouge_new();
    judge->meteor = tw_meteor_new();
    return judge;
}

void tw_judge_free(tw_judge *judge)
{
    if (!judge)
        return;
    tw_words_free(&judge->rouge_reference);
    tw_words_free(&judge->rouge_candidate);
    tw_words_free(&judge->reference);
    tw_words_free(&judge->candidate);
    tw_words_free(&judge->bleu_reference);
    tw_words_free(&judge->chrf_reference);
    tw_words_free(&judge->other);
    tw_ngrams_free(&judge->ngrams);
    tw_diversity_free(&judge->diversity);
    tw_meteor_free(judge->meteor);
    tw_rouge_free(judge->rouge);
    tw_lexicon_free(judge->lexicon);
    free(judge);
}

void tw_judge_reference(tw_judge *judge, const char *text, size_t length)
{
    tw_lexicon_trim(judge->lexicon);
    memset(judge->counts, 0, sizeof judge->counts);
    if (!text)
        return;
    if (judge->metrics & ROUGES)
        tw_words_rouge(&judge->rouge_reference, judge->lexicon, text, length, judge->stem);
    if (judge->metrics & TW_METRIC_BIT(TW_METEOR))
        tw_words_meteor(&judge->reference, judge->lexicon, text, length);
    if (judge->metrics & TW_METRIC_BIT(TW_BLEU))
        tw_words_bleu(&judge->bleu_reference, judge->lexicon, text, length);
    if (judge->metrics & TW_METRIC_BIT(TW_CHRF))
        tw_words_chrf(&judge->chrf_reference, text, length);
}

static int judge_rouge(tw_judge *judge, const char *text, size_t length, double *values)
{
    tw_words *reference = &judge->rouge_reference, *candidate = &judge->rouge_candidate;
    tw_rouge_score score;
    tw_words_rouge(candidate, judge->lexicon, text, length, judge->stem);
    for (int n = 1; n <= 2; n++)
        if (judge->metrics & TW_METRIC_BIT(TW_ROUGE1 + n - 1))
            values[TW_ROUGE1 + n - 1] = 100 * tw_rouge_n(judge->rouge, reference, candidate, n).f1;
    if (judge->metrics & TW_METRIC_BIT(TW_ROUGEL)) {
        if (tw_rouge_l(judge->rouge, reference, candidate, &score) != 0)
            return -1;
        values[TW_ROUGEL] = 100 * score.f1;
    }
    if (judge->metrics & TW_METRIC_BIT(TW_ROUGELSUM)) {
        if (tw_rouge_lsum(judge->rouge, reference, candidate, &score) != 0)
            return -1;
        values[TW_ROUGELSUM] = 100 * score.f1;
    }
    return 0;
}

static void judge_diversity(tw_judge *judge, double *values)
{
    tw_diversity *scratch = &judge->diversity;
    if (judge->metrics & TW_METRIC_BIT(TW_DISTINCT1))
        values[TW_DISTINCT1] = 100 * tw_distinct(scratch, &judge->candidate, 1);
    if (judge->metrics & TW_METRIC_BIT(TW_DISTINCT2))
        values[TW_DISTINCT2] = 100 * tw_distinct(scratch, &judge->candidate, 2);
    if (judge->metrics & TW_METRIC_BIT(TW_REPETITION))
        values[TW_REPETITION] = 100 * (1 - tw_distinct(scratch, &judge->candidate, 4));
}

static void judge_ngrams(tw_judge *judge, const char *text, size_t length, double *values)
{
    double counts[TW_COUNTS] = {0};
    if (judge->metrics & TW_METRIC_BIT(TW_BLEU)) {
        tw_words_bleu(&judge->other, judge->lexicon, text, length);
        tw_bleu_count(&judge->ngrams, &judge->bleu_reference, &judge->other,
                      counts + TW_COUNTS_BLEU);
        values[TW_BLEU] = tw_bleu_sentence(counts + TW_COUNTS_BLEU);
    }
    if (judge->metrics & TW_METRIC_BIT(TW_CHRF)) {
        tw_words_chrf(&judge->other, text, length);
        tw_chrf_count(&judge->ngrams, &judge->chrf_reference, &judge->other,
                      counts + TW_COUNTS_CHRF);
        values[TW_CHRF] = tw_chrf(counts + TW_COUNTS_CHRF);
    }
    for (size_t i = 0; i < TW_COUNTS; i++)
        judge->counts[i] += counts[i];
}

int tw_judge_text(tw_judge *judge, const char *text, size_t length, double values[TW_METRICS])
{
    if (judge->metrics & ROUGES && judge_rouge(judge, text, length, values) != 0)
        return -1;
    if (judge->metrics & (TW_METRIC_BIT(TW_METEOR) | DIVERSITIES))
        tw_words_meteor(&judge->candidate, judge->lexicon, text, length);
    if (judge->metrics & TW_METRIC_BIT(TW_METEOR))
        values[TW_METEOR] = 100 * tw_meteor_score(judge->meteor, judge->lexicon, &judge->reference,
                                                  &judge->candidate);
    if (judge->metrics & TW_METRIC_BIT(TW_LENGTH))
        values[TW_LENGTH] = (double)tw_words_count(text, length);
    judge_ngrams(judge, text, length, values);
    judge_diversity(judge, values);
    return 0;
}

const double *tw_judge_counts(const tw_judge *judge)
{
    return judge->counts;
}
