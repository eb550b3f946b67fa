#include "model/masked-lm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "tensor/kernels/kernels.h"

int tw_model_check_causal(const tw_model *model)
{
    if (!model->architecture->masked)
        return 0;
    tw_fail("model_type: %s is a masked language model, which cannot write text; it can judge it, "
            "as a classifier (rank --by classifier) or for BERTScore (--bertscore-model); "
            "\"is_decoder\": true in its config.json makes a causal one of its weights, that must "
            "be trained before it writes",
            model->architecture->model_type);
    return model->path ? tw_fail_in("%s", model->path) : -1;
}

int tw_masked_lm_check(const tw_model *model)
{
    if (model->architecture->masked)
        return 0;
    return tw_fail("%s: %s is not a masked language model (RobertaForMaskedLM is: model_type "
                   "roberta, is_decoder not true)",
                   model->path, model->architecture->class_name);
}

int tw_masked_lm_encode(const tw_model *model, const char *text, size_t length, tw_ids *ids)
{
    const tw_config *config = &model->config;
    *ids = (tw_ids){0};
    if (tw_masked_lm_check(model) != 0)
        return -1;
    if (config->bos < 0 || config->eos < 0 || config->max_positions < 2)
        return tw_fail("%s: the tokenizer has no <s> and </s> to put around a text", model->path);
    tw_ids own = {0};
    if (tw_tokenizer_encode(model->tokenizer, text, length, &own) < 0)
        return -1;
    size_t limit = config->max_positions - 2, kept = own.count < limit ? own.count : limit;
    ids->count = kept + 2;
    ids->ids = tw_alloc(ids->count, sizeof *ids->ids);
    ids->ids[0] = config->bos;
    if (kept > 0)
        memcpy(ids->ids + 1, own.ids, kept * sizeof *own.ids);
    ids->ids[kept + 1] = config->eos;
    free(own.ids);
    return kept < own.count;
}

int32_t tw_masked_lm_mask(const tw_model *model)
{
    static const char mask[] = "<mask>";
    tw_ids ids = {0};
    if (tw_tokenizer_encode(model->tokenizer, mask, sizeof mask - 1, &ids) < 0)
        return -1;
    int32_t id = ids.count == 1 ? ids.ids[0] : -1;
    free(ids.ids);
    return id;
}

tw_tensor *tw_masked_lm_states(const tw_model *model, tw_tape *tape, const tw_batch *batch,
                               size_t layers)
{
    return model->architecture->masked(model, tape, batch, layers);
}

/* What meets the output embedding, [count, hidden_size]. */
static tw_tensor *outputs(const tw_model *model, tw_tape *tape, const tw_batch *batch,
                          const uint32_t *rows, size_t count)
{
    tw_tensor *hidden = model->architecture->forward(model, tape, batch);
    return tw_model_states(model, tape, tw_gather(tape, hidden, rows, count));
}

/* logits[x->rows, id_count] of some ids only. */
static void some_logits(const tw_model *model, tw_tape *tape, const tw_tensor *x,
                        const int32_t *ids, size_t id_count, float *logits)
{
    const tw_batch wanted = {.tokens = (int32_t *)ids, .rows = id_count};
    const tw_tensor *rows = tw_embedding(tape, model->output_embedding, NULL, &wanted);
    const tw_tensor *bias = model->output_bias;
    for (size_t i = 0; i < x->rows; i++)
        for (size_t j = 0; j < id_count; j++)
            logits[i * id_count + j] =
                tw_row_dot(x->x + i * x->width, rows->x + j * x->width, x->width) +
                (bias ? bias->x[ids[j]] : 0.0F);
}

void tw_lm_logits(const tw_model *model, tw_tape *tape, const tw_batch *batch, const uint32_t *rows,
                  size_t count, const int32_t *ids, size_t id_count, float *logits)
{
    assert(!tw_tape_recording(tape));
    tw_tensor *x = outputs(model, tape, batch, rows, count);
    if (ids)
        some_logits(model, tape, x, ids, id_count, logits);
    else
        tw_model_logits(model, x->x, x->rows, logits);
    tw_tape_reset(tape);
}

double tw_lm_loss(const tw_model *model, tw_tape *tape, const tw_batch *batch, const uint32_t *rows,
                  size_t count, const tw_token_loss *loss)
{
    tw_token_loss biased = *loss;
    biased.bias = model->output_bias;
    tw_tensor *x = outputs(model, tape, batch, rows, count);
    double total = tw_cross_entropy(tape, x, model->output_embedding, &biased);
    tw_backward(tape);
    tw_tape_reset(tape);
    return total;
}
