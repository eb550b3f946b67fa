#include "text/json-tokenizer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/rng.h"
#include "text/added-tokens.h"
#include "text/bpe.h"
#include "text/field.h"
#include "text/list.h"
#include "text/normalizer.h"
#include "text/piece-decoder.h"
#include "text/pre-tokenizer.h"
#include "text/unigram.h"
#include "text/utf8.h"
#include "text/vocabulary.h"
#include "text/word-cache.h"

struct tw_json_tokenizer {
    tw_vocabulary vocabulary;
    tw_added_tokens added;
    size_t own_size; /* of the vocabulary without what other files bring */
    tw_normalizer *normalizer;
    tw_pre_tokenizer *pre;
    tw_bpe *bpe; /* of the two, the one that there is */
    tw_unigram *unigram;
    tw_piece_decoder *decoder;
    tw_word_cache *cache;
    tw_affixes affixes;
    bool byte_level;
    char **shown; /* [size]; NULL where it is the piece itself */
};

static int read_model(tw_json_tokenizer *t, const json_t *model)
{
    if (!json_is_object(model))
        return tw_fail("expected an object");
    if (tw_field_is(model, "Unigram")) {
        if (t->byte_level)
            return tw_fail("type: Unigram behind ByteLevel is not supported");
        t->unigram = tw_unigram_new(model, &t->vocabulary);
        return t->unigram ? 0 : -1;
    }
    /* Older files have no type. */
    bool bpe = tw_field_is(model, "BPE") ||
               (!json_object_get(model, "type") && json_object_get(model, "merges"));
    if (!bpe)
        return tw_fail("type: '%s' is not supported (BPE and Unigram are)", tw_field_type(model));
    t->bpe = tw_bpe_new(model, t->byte_level, &t->vocabulary);
    return t->bpe ? 0 : -1;
}

static int read_parts(tw_json_tokenizer *t, const json_t *json, const json_t *more)
{
    if (!json_is_object(json))
        return tw_fail("expected an object");
    t->normalizer = tw_normalizer_new(json_object_get(json, "normalizer"));
    if (!t->normalizer)
        return tw_fail_in("normalizer");
    t->pre = tw_pre_tokenizer_new(json_object_get(json, "pre_tokenizer"));
    if (!t->pre)
        return tw_fail_in("pre_tokenizer");
    t->decoder = tw_piece_decoder_new(json_object_get(json, "decoder"));
    if (!t->decoder)
        return tw_fail_in("decoder");
    t->byte_level = tw_pre_tokenizer_byte_level(t->pre);
    if (read_model(t, json_object_get(json, "model")) < 0)
        return tw_fail_in("model");
    if (tw_added_tokens_read(&t->added, json_object_get(json, "added_tokens"), t->normalizer,
                             t->byte_level, &t->vocabulary) < 0)
        return tw_fail_in("added_tokens");
    t->own_size = t->vocabulary.size;
    if (tw_added_tokens_extend(&t->added, more, t->normalizer, t->byte_level, &t->vocabulary) < 0)
        return -1;
    if (tw_post_processor_read(json_object_get(json, "post_processor"), t->vocabulary.size,
                               &t->affixes) < 0)
        return tw_fail_in("post_processor");
    return 0;
}

/* What bytes look like: text, and <0xNN> where they are none. */
static char *show(const char *bytes, size_t count)
{
    tw_bytes shown = {0};
    for (size_t i = 0; i < count;) {
        size_t run = strnlen(bytes + i, tw_utf8_run(bytes + i, count - i));
        tw_bytes_put(&shown, bytes + i, run);
        i += run;
        if (i == count)
            break;
        char hex[8];
        int length = snprintf(hex, sizeof hex, "<0x%02X>", (unsigned)(unsigned char)bytes[i++]);
        tw_bytes_put(&shown, hex, (size_t)length);
    }
    return tw_bytes_take(&shown);
}

static void show_all(tw_json_tokenizer *t)
{
    t->shown = tw_alloc(t->vocabulary.size, sizeof *t->shown);
    for (size_t i = 0; t->byte_level && i < t->vocabulary.size; i++) {
        const tw_piece *piece = &t->vocabulary.pieces[i];
        if (piece->bytes)
            t->shown[i] = show(piece->bytes, piece->count);
    }
}

tw_json_tokenizer *tw_json_tokenizer_new(const json_t *json, const json_t *more)
{
    tw_json_tokenizer *t = tw_alloc(1, sizeof *t);
    if (read_parts(t, json, more) < 0) {
        tw_json_tokenizer_free(t);
        return NULL;
    }
    show_all(t);
    t->cache = tw_word_cache_new();
    return t;
}

void tw_json_tokenizer_free(tw_json_tokenizer *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->shown && i < t->vocabulary.size; i++)
        free(t->shown[i]);
    free(t->shown);
    tw_word_cache_free(t->cache);
    tw_affixes_clear(&t->affixes);
    tw_added_tokens_clear(&t->added);
    tw_normalizer_free(t->normalizer);
    tw_pre_tokenizer_free(t->pre);
    tw_bpe_free(t->bpe);
    tw_unigram_free(t->unigram);
    tw_piece_decoder_free(t->decoder);
    tw_vocabulary_clear(&t->vocabulary);
    free(t);
}

void tw_json_tokenizer_split_special(tw_json_tokenizer *t)
{
    t->added.split = true;
}

const tw_affixes *tw_json_tokenizer_affixes(const tw_json_tokenizer *t)
{
    return &t->affixes;
}

bool tw_json_tokenizer_brought(const tw_json_tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id >= t->own_size;
}

uint64_t tw_json_tokenizer_digest(const tw_json_tokenizer *t)
{
    uint64_t digest = 0;
    for (size_t id = t->own_size; id < t->vocabulary.size; id++) {
        const char *text = t->vocabulary.pieces[id].text;
        const uint64_t both[] = {digest, tw_hash(text, strlen(text))};
        digest = tw_hash(both, sizeof both);
    }
    return digest;
}

int32_t tw_json_tokenizer_size(const tw_json_tokenizer *t)
{
    return (int32_t)t->vocabulary.size;
}

/* One text on its way to ids. */
typedef struct passage {
    const tw_json_tokenizer *tokenizer;
    const char *text; /* all of it */
    size_t lead;      /* bytes to come that stem from its first character */
    tw_id_list ids;
} passage;

static int put_word(void *context, const char *word, size_t length)
{
    passage *p = context;
    const tw_json_tokenizer *t = p->tokenizer;
    if (tw_word_cache_find(t->cache, word, length, &p->ids))
        return 0;
    size_t before = p->ids.count;
    int status = t->unigram ? tw_unigram_encode(t->unigram, word, length, &p->ids)
                            : tw_bpe_encode(t->bpe, word, length, &p->ids);
    if (status < 0)
        return -1;
    if (p->ids.count > before)
        tw_word_cache_keep(t->cache, word, length, p->ids.data + before, p->ids.count - before);
    return 0;
}

static int put_normal(void *context, const tw_added_token *token, const char *text, size_t length)
{
    passage *p = context;
    const size_t lead = p->lead;
    p->lead = lead > length ? lead - length : 0;
    if (!token)
        return tw_pre_tokenize(p->tokenizer->pre, text, length, lead, put_word, p);
    tw_ids_put(&p->ids, &token->id, 1);
    return 0;
}

static int put_segment(void *context, const tw_added_token *token, const char *text, size_t length)
{
    passage *p = context;
    if (token) {
        tw_ids_put(&p->ids, &token->id, 1);
        return 0;
    }
    tw_normalized normal;
    int status = tw_normalize(p->tokenizer->normalizer, text, length, &normal);
    if (status == 0) {
        p->lead = text == p->text ? normal.lead : 0;
        status = tw_added_tokens_split(&p->tokenizer->added, true, normal.text, normal.length,
                                       put_normal, p);
    }
    free(normal.made.data);
    return status;
}

int tw_json_tokenizer_encode(const tw_json_tokenizer *t, const char *text, size_t length,
                             tw_ids *ids)
{
    passage p = {.tokenizer = t, .text = text};
    if (tw_added_tokens_split(&t->added, false, text, length, put_segment, &p) < 0) {
        free(p.ids.data);
        return -1;
    }
    *ids = (tw_ids){p.ids.data ? p.ids.data : tw_alloc(1, sizeof *ids->ids), p.ids.count};
    return 0;
}

char *tw_json_tokenizer_decode(const tw_json_tokenizer *t, const int32_t *ids, size_t count,
                               size_t *length)
{
    const char **pieces = tw_alloc(count, sizeof *pieces);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const tw_piece *piece = &t->vocabulary.pieces[ids[i]];
        if (piece->text && !piece->special)
            pieces[kept++] = piece->text;
    }
    tw_bytes text = {0};
    tw_piece_decode(t->decoder, pieces, kept, &text);
    free(pieces);
    *length = text.length;
    return tw_bytes_take(&text);
}

const char *tw_json_tokenizer_piece(const tw_json_tokenizer *t, int32_t id)
{
    const char *text = t->shown[id] ? t->shown[id] : t->vocabulary.pieces[id].text;
    return text ? text : "";
}

const char *tw_json_tokenizer_bytes(const tw_json_tokenizer *t, int32_t id, size_t *count)
{
    *count = t->vocabulary.pieces[id].count;
    return t->vocabulary.pieces[id].bytes;
}

int32_t tw_json_tokenizer_find(const tw_json_tokenizer *t, const char *piece)
{
    int32_t id = tw_vocabulary_find_piece(&t->vocabulary, piece, t->byte_level);
    for (size_t i = 0; id < 0 && i < t->added.count; i++)
        if (strcmp(t->added.all[i].content, piece) == 0)
            id = t->added.all[i].id;
    return id;
}
