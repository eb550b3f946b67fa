#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/byte-alphabet.h"
#include "text/field.h"
#include "text/utf8.h"

static int read_vocabulary(const json_t *model, bool byte_level, tw_vocabulary *vocabulary)
{
    json_t *vocab = json_object_get(model, "vocab"), *id;
    const char *piece;
    if (!json_is_object(vocab) || json_object_size(vocab) == 0)
        return tw_fail("vocab: expected an object of pieces and their ids");
    json_object_foreach(vocab, piece, id)
    {
        if (!json_is_integer(id))
            return tw_fail("vocab: %s: expected an id", piece);
        if (tw_vocabulary_add(vocabulary, json_integer_value(id), piece, byte_level,
                              json_object_size(vocab)) < 0)
            return tw_fail_in("vocab");
    }
    return 0;
}

/* "a b" or ["a", "b"]: two pieces; the caller frees *left, which *right points into. */
static int split_merge(const json_t *merge, char **left, const char **right)
{
    const char *first = json_string_value(json_array_get(merge, 0));
    const char *second = json_string_value(json_array_get(merge, 1));
    if (json_array_size(merge) == 2 && first && second) {
        *left = tw_format("%s%c%s", first, 0, second);
        *right = *left + strlen(first) + 1;
        return 0;
    }
    const char *both = json_string_value(merge);
    const char *blank = both ? strchr(both, ' ') : NULL;
    if (!blank || blank == both || !blank[1] || strchr(blank + 1, ' '))
        return tw_fail("expected two pieces");
    *left = tw_strdup(both);
    (*left)[blank - both] = '\0';
    *right = *left + (blank - both) + 1;
    return 0;
}

static int known_piece(const tw_bpe *bpe, const char *piece, int32_t *id)
{
    *id = tw_vocabulary_find_piece(bpe->vocabulary, piece, bpe->byte_level);
    return *id >= 0 ? 0 : tw_fail("'%s' is not in the vocabulary", piece);
}

static int read_merge(tw_bpe *bpe, const json_t *merge, int32_t rank)
{
    char *left = NULL;
    const char *right = NULL;
    int32_t ids[2], product;
    if (split_merge(merge, &left, &right) < 0)
        return -1;
    char *whole = tw_format("%s%s", left, right);
    int status = known_piece(bpe, left, &ids[0]) < 0 || known_piece(bpe, right, &ids[1]) < 0 ||
                         known_piece(bpe, whole, &product) < 0
                     ? -1
                     : 0;
    if (status == 0)
        tw_merges_put(&bpe->merges, ids[0], ids[1], rank, product);
    free(whole);
    free(left);
    return status;
}

static int read_merges(tw_bpe *bpe, const json_t *model)
{
    const json_t *merges = json_object_get(model, "merges"), *merge;
    if (!json_is_array(merges) || json_array_size(merges) > INT32_MAX)
        return tw_fail("merges: expected a list of pairs of pieces");
    bpe->merges = tw_merges_new(json_array_size(merges));
    size_t i;
    json_array_foreach(merges, i, merge)
    {
        if (read_merge(bpe, merge, (int32_t)i) < 0)
            return tw_fail_in("merges[%zu]", i);
    }
    return 0;
}

static void find_bytes(tw_bpe *bpe)
{
    if (!bpe->byte_level) {
        tw_vocabulary_byte_pieces(bpe->vocabulary, bpe->bytes);
        return;
    }
    for (int byte = 0; byte < 256; byte++)
        bpe->bytes[byte] = tw_vocabulary_find(bpe->vocabulary, &(char){(char)byte}, 1);
}

static int read_unknown(tw_bpe *bpe, const json_t *model)
{
    const char *unknown = NULL;
    bpe->unknown = -1;
    if (tw_field_text(model, "unk_token", NULL, &unknown) < 0)
        return -1;
    if (!unknown)
        return 0;
    bpe->unknown = tw_vocabulary_find_piece(bpe->vocabulary, unknown, bpe->byte_level);
    return bpe->unknown >= 0 ? 0 : tw_fail("unk_token: '%s' is not in the vocabulary", unknown);
}

static int read_model(tw_bpe *bpe, const json_t *model, tw_vocabulary *vocabulary)
{
    const json_t *dropout = json_object_get(model, "dropout");
    const char *prefix = NULL, *suffix = NULL;
    if (tw_field_bool(model, "fuse_unk", false, &bpe->fuse_unknown) < 0 ||
        tw_field_bool(model, "byte_fallback", false, &bpe->byte_fallback) < 0 ||
        tw_field_bool(model, "ignore_merges", false, &bpe->whole_words) < 0 ||
        tw_field_text(model, "continuing_subword_prefix", "", &prefix) < 0 ||
        tw_field_text(model, "end_of_word_suffix", "", &suffix) < 0)
        return -1;
    if (dropout && !json_is_null(dropout) && json_number_value(dropout) != 0)
        return tw_fail("dropout: only null is supported");
    if (*prefix)
        return tw_fail("continuing_subword_prefix: '%s' is not supported", prefix);
    if (*suffix)
        return tw_fail("end_of_word_suffix: '%s' is not supported", suffix);
    if (read_vocabulary(model, bpe->byte_level, vocabulary) < 0 || read_merges(bpe, model) < 0 ||
        read_unknown(bpe, model) < 0)
        return -1;
    find_bytes(bpe);
    return 0;
}

tw_bpe *tw_bpe_new(const json_t *model, bool byte_level, tw_vocabulary *vocabulary)
{
    tw_bpe *bpe = tw_alloc(1, sizeof *bpe);
    bpe->vocabulary = vocabulary;
    bpe->byte_level = byte_level;
    if (read_model(bpe, model, vocabulary) == 0)
        return bpe;
    tw_bpe_free(bpe);
    return NULL;
}

void tw_bpe_free(tw_bpe *bpe)
{
    if (!bpe)
        return;
    free(bpe->merges.slots);
    free(bpe);
}

/* One symbol for what no piece spells. Those side by side may be one, as ids are put. */
static void put_unknown(const tw_bpe *bpe, tw_id_list *to, bool *fusing)
{
    if (bpe->unknown >= 0 && !(*fusing && bpe->fuse_unknown))
        tw_ids_put(to, &bpe->unknown, 1);
    *fusing = true;
}

static bool put_fallback(const tw_bpe *bpe, const char *bytes, size_t length, tw_id_list *to)
{
    if (!bpe->byte_fallback)
        return false;
    for (size_t i = 0; i < length; i++)
        if (bpe->bytes[(unsigned char)bytes[i]] < 0)
            return false;
    for (size_t i = 0; i < length; i++)
        tw_ids_put(to, &bpe->bytes[(unsigned char)bytes[i]], 1);
    return true;
}

static void put_bytes(const tw_bpe *bpe, const char *word, size_t length, tw_id_list *to)
{
    bool fusing = false;
    for (size_t i = 0; i < length; i++) {
        int32_t id = bpe->bytes[(unsigned char)word[i]];
        if (id < 0) {
            put_unknown(bpe, to, &fusing);
            continue;
        }
        tw_ids_put(to, &id, 1);
        fusing = false;
    }
}

static void put_characters(const tw_bpe *bpe, const char *word, size_t length, tw_id_list *to)
{
    bool fusing = false;
    for (size_t i = 0; i < length;) {
        size_t size = tw_utf8_broken(word + i, length - i);
        int32_t id = tw_vocabulary_find(bpe->vocabulary, word + i, size);
        if (id >= 0) {
            tw_ids_put(to, &id, 1);
            fusing = false;
        } else if (put_fallback(bpe, word + i, size, to)) {
            fusing = false;
        } else {
            put_unknown(bpe, to, &fusing);
        }
        i += size;
    }
}

int tw_bpe_encode(const tw_bpe *bpe, const char *word, size_t length, tw_id_list *to)
{
    if (length > TW_MERGES_LONGEST)
        return tw_fail("cannot tokenize a word of %zu bytes (at most %d)", length,
                       TW_MERGES_LONGEST);
    int32_t whole = bpe->whole_words ? tw_vocabulary_find(bpe->vocabulary, word, length) : -1;
    if (whole >= 0) {
        tw_ids_put(to, &whole, 1);
        return 0;
    }
    size_t before = to->count;
    if (bpe->byte_level)
        put_bytes(bpe, word, length, to);
    else
        put_characters(bpe, word, length, to);
    if (to->count > before)
        to->count = before + tw_merges_apply(&bpe->merges, to->data + before, to->count - before);
    return 0;
}
