#include "metric/filled.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "model/masked-lm.h"
#include "text/prompt.h"

int tw_filled_check(const tw_model *model, const tw_template *template)
{
    const char *type = model->architecture->class_name;
    if (!model->architecture->masked)
        return tw_template_masked(template)
                   ? tw_fail("<mask> is for a masked language model; a causal one, as %s is, says "
                             "what comes next: end the template there",
                             type)
                   : 0;
    if (!tw_template_masked(template))
        return tw_fail("expected <mask>, the place that a masked language model, as %s is, fills",
                       type);
    return tw_masked_lm_mask(model) >= 0 ? 0 : tw_fail("the tokenizer of %s has no <mask>", type);
}

static void drop(tw_filled *filled)
{
    free(filled->ids.ids);
    *filled = (tw_filled){0};
}

int tw_filled_begin(const tw_model *model, const char *text, tw_ids *ids)
{
    const tw_config *config = &model->config;
    const tw_prompt_rules rules = {.tokenizer = model->tokenizer,
                                   .start = config->bos >= 0 ? config->bos : config->eos};
    return tw_prompt_encode(&rules, text, SIZE_MAX, ids);
}

static int encode_causal(const tw_model *model, const char *text, tw_filled *to)
{
    if (tw_filled_begin(model, text, &to->ids) != 0)
        return -1;
    to->answer = to->ids.count - 1;
    return to->ids.count > model->config.max_positions;
}

/* A text or prompt may spell the mask too. */
static int encode_masked(const tw_model *model, const char *text, tw_filled *to)
{
    const int32_t mask = tw_masked_lm_mask(model);
    size_t masks = 0;
    const int status = tw_masked_lm_encode(model, text, strlen(text), &to->ids);
    if (status != 0)
        return status;
    for (size_t i = 0; i < to->ids.count; i++)
        if (to->ids.ids[i] == mask) {
            to->answer = i;
            masks++;
        }
    return masks == 1 ? 0
                      : tw_fail("expected one <mask> in text, prompt and template, got %zu", masks);
}

/* Returns 1 when it is too long for the model; only after 0 there are ids. */
static int encode(const tw_model *model, const tw_template *template, const tw_filling *filling,
                  tw_filled *to)
{
    tw_bytes bytes = {0};
    *to = (tw_filled){0};
    tw_template_fill(template, filling, &bytes);
    char *text = tw_bytes_take(&bytes);
    const int status = model->architecture->masked ? encode_masked(model, text, to)
                                                   : encode_causal(model, text, to);
    free(text);
    if (status != 0)
        drop(to);
    return status;
}

/* Bytes of text, between `from` and `to` and at the end of a character, about their middle;
 * `to` when nothing is between. */
static size_t middle(const char *text, size_t from, size_t to)
{
    size_t at = from + (to - from) / 2;
    while (at > from && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    if (at > from)
        return at;
    for (at = from + 1; at < to && ((unsigned char)text[at] & 0xc0) == 0x80;)
        at++;
    return at;
}

/* Finds a beginning that fits by bisection (a longer one may fit again: half a word can have
 * more tokens than all of it). */
static int encode_cut(const tw_model *model, const tw_template *template, tw_filling *filling,
                      tw_filled *to)
{
    size_t fits = 0, most = filling->length;
    filling->length = 0;
    int longer = encode(model, template, filling, to);
    if (longer > 0)
        return tw_fail("template and prompt alone have more tokens than the %zu of the model's "
                       "context",
                       model->config.max_positions);
    for (size_t at; longer >= 0 && (at = middle(filling->text, fits, most)) < most;) {
        tw_filled next;
        filling->length = at;
        longer = encode(model, template, filling, &next);
        if (longer != 0) {
            most = at;
            continue;
        }
        fits = at;
        drop(to);
        *to = next;
    }
    filling->length = fits;
    if (longer >= 0)
        return 1;
    drop(to);
    return -1;
}

int tw_filled_encode(const tw_model *model, const tw_template *template, tw_filling *filling,
                     bool strict, tw_filled *filled)
{
    const int status = encode(model, template, filling, filled);
    if (status <= 0)
        return status;
    if (strict)
        return tw_fail("text: with template and prompt more tokens than the %zu of the model's "
                       "context",
                       model->config.max_positions);
    return encode_cut(model, template, filling, filled);
}
