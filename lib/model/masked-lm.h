#ifndef TW_MODEL_MASKED_LM_H
#define TW_MODEL_MASKED_LM_H

#include "model/model.h"

/* Masked language models (RoBERTa): every token sees its whole text, and the head says which
 * token stands at a place. A text is one segment of a batch, a root, with its special tokens
 * around it (tw_masked_lm_encode). Such a model does not write: what samples, trains or learns
 * guidance refuses it with tw_model_check_causal. With "is_decoder": true in its config.json it
 * is a causal LM (roberta.h), and no masked one any more. */

/* 0, or -1 when model is a masked LM, with a message that says what it is for and how its weights
 * become a causal LM's. */
int tw_model_check_causal(const tw_model *model);

/* 0, or -1 with a message when it is not one. What follows is for masked LMs only, but for tw_lm_*.
 */
int tw_masked_lm_check(const tw_model *model);

/* text[length] between the special tokens of the model's tokenizer, <s> and </s>; what is
 * spelled as a special token (<mask>) is that token. The text's own tokens are cut from the end
 * so that all fit max_positions. -1 with a message when the tokenizer lacks one of the two, or
 * model is not a masked LM. Returns 1 when some were cut, 0 when not; ids->ids is the caller's to
 * free(). Thread-safe. */
int tw_masked_lm_encode(const tw_model *model, const char *text, size_t length, tw_ids *ids);

/* The id of the mask token, -1 (no message) where the tokenizer has none. */
int32_t tw_masked_lm_mask(const tw_model *model);

/* Hidden states after the first `layers` (0 .. config.layers) blocks of a masked LM,
 * [batch->rows, hidden_size]. Segments are at most max_positions long (the caller checks). */
tw_tensor *tw_masked_lm_states(const tw_model *model, tw_tape *tape, const tw_batch *batch,
                               size_t layers);

/* logits[count, id_count]: what the model thinks of ids[id_count] at rows[count] of a batch; of
 * the whole vocabulary, [count, vocab_size], when ids is NULL. Of a masked LM: of which token
 * stands there; of a causal LM: of which comes next. Values only: the tape must not record, and
 * is reset. A row's logits do not depend on the others. */
void tw_lm_logits(const tw_model *model, tw_tape *tape, const tw_batch *batch, const uint32_t *rows,
                  size_t count, const int32_t *ids, size_t id_count, float *logits);

/* Sum of nll_weight nll (loss, tw_cross_entropy) at rows[count] of a batch, of either kind of
 * model; its gradients go into the parameters when the tape records. The tape is reset. */
double tw_lm_loss(const tw_model *model, tw_tape *tape, const tw_batch *batch, const uint32_t *rows,
                  size_t count, const tw_token_loss *loss);

#endif
