#include "metric/cloze.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/filled.h"
#include "model/masked-lm.h"

struct tw_cloze {
    tw_cloze_options options;
    tw_tape *tape;
    tw_batch batch;
    uint32_t *rows; /* [pending] where the answers of the batch are ... */
    float **logits; /* ... and where they go */
    size_t pending, capacity;
    tw_scratch found;          /* [pending, token_count] */
    const tw_cloze_text *open; /* the text whose head is a segment of the batch; NULL: none */
    size_t head;               /* that segment */
};

tw_cloze *tw_cloze_new(const tw_cloze_options *options)
{
    if (tw_filled_check(options->model, options->template) != 0)
        return NULL;
    tw_cloze *cloze = tw_alloc(1, sizeof *cloze);
    cloze->options = *options;
    cloze->tape = tw_tape_new(false);
    return cloze;
}

void tw_cloze_free(tw_cloze *cloze)
{
    if (!cloze)
        return;
    tw_tape_free(cloze->tape);
    tw_batch_free(&cloze->batch);
    free(cloze->found.data);
    free(cloze->rows);
    free(cloze->logits);
    free(cloze);
}

static int encode(const tw_cloze *cloze, tw_filling *filling, tw_filled *filled)
{
    const tw_cloze_options *options = &cloze->options;
    return tw_filled_encode(options->model, options->template, filling, options->strict, filled);
}

/* The tokens of what all fillings with a text begin with. A masked LM sees its whole text, so
 * nothing of it is done before the prompt is there. */
static int encode_head(const tw_cloze *cloze, const tw_filling *filling, tw_ids *head)
{
    const tw_model *model = cloze->options.model;
    tw_bytes bytes = {0};
    int status = 0;
    if (model->architecture->masked)
        return 0;
    tw_template_head(cloze->options.template, filling, &bytes);
    char *text = tw_bytes_take(&bytes);
    if (*text)
        status = tw_filled_begin(model, text, head);
    free(text);
    return status;
}

int tw_cloze_prepare(tw_cloze *cloze, const char *text, size_t length, tw_cloze_text *prepared)
{
    tw_filling filling = {text, length, ""};
    tw_filled whole;
    *prepared = (tw_cloze_text){0};
    const int cut = encode(cloze, &filling, &whole);
    if (cut < 0)
        return -1;
    free(whole.ids.ids);
    prepared->text = text;
    prepared->length = filling.length;
    return encode_head(cloze, &filling, &prepared->head) == 0 ? cut : -1;
}

/* Whether ids go on from the text's head. A function of text and prompt, so that the numbers
 * are. */
static bool shares(const tw_cloze_text *text, const tw_ids *ids)
{
    const tw_ids *head = &text->head;
    return head->count > 0 && ids->count > head->count &&
           memcmp(ids->ids, head->ids, head->count * sizeof *head->ids) == 0;
}

static void add_answer(tw_cloze *cloze, size_t row, float *logits)
{
    if (cloze->pending == cloze->capacity) {
        cloze->capacity = cloze->capacity ? 2 * cloze->capacity : 64;
        cloze->rows = tw_realloc(cloze->rows, cloze->capacity, sizeof *cloze->rows);
        cloze->logits = tw_realloc(cloze->logits, cloze->capacity, sizeof *cloze->logits);
    }
    cloze->rows[cloze->pending] = (uint32_t)row;
    cloze->logits[cloze->pending++] = logits;
}

/* The head of a text is a parent segment, the rest its child. */
static void add_to_batch(tw_cloze *cloze, const tw_cloze_text *text, const tw_filled *filled,
                         float *logits)
{
    const size_t shared = shares(text, &filled->ids) ? text->head.count : 0;
    const size_t own = filled->ids.count - shared;
    const size_t rows = own + (shared && cloze->open != text ? shared : 0);
    if (cloze->batch.rows > 0 && cloze->batch.rows + rows > cloze->options.batch_rows)
        tw_cloze_flush(cloze);
    if (shared && cloze->open != text) {
        cloze->head = tw_batch_add(&cloze->batch, text->head.ids, shared, -1);
        cloze->open = text;
    }
    const size_t first = cloze->batch.rows;
    tw_batch_add(&cloze->batch, filled->ids.ids + shared, own, shared ? (int64_t)cloze->head : -1);
    add_answer(cloze, first + filled->answer - shared, logits);
}

int tw_cloze_add(tw_cloze *cloze, const tw_cloze_text *text, const char *prompt, float *logits)
{
    tw_filling filling = {text->text, text->length, prompt};
    tw_filled filled;
    const int cut = encode(cloze, &filling, &filled);
    if (cut < 0)
        return -1;
    add_to_batch(cloze, text, &filled, logits);
    free(filled.ids.ids);
    return cut;
}

void tw_cloze_flush(tw_cloze *cloze)
{
    const tw_cloze_options *options = &cloze->options;
    const size_t width = options->token_count;
    if (cloze->pending == 0)
        return;
    float *found = tw_scratch_room(&cloze->found, cloze->pending * width, sizeof *found);
    tw_lm_logits(options->model, cloze->tape, &cloze->batch, cloze->rows, cloze->pending,
                 options->tokens, width, found);
    for (size_t i = 0; i < cloze->pending; i++)
        memcpy(cloze->logits[i], found + i * width, width * sizeof *found);
    tw_batch_clear(&cloze->batch);
    cloze->pending = 0;
    cloze->open = NULL;
}
