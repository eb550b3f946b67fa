#include "text/spiece.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/added-tokens.h"
#include "text/charsmap.h"
#include "text/field.h"
#include "text/list.h"
#include "text/normalizer.h"
#include "text/spiece-tokens.h"
#include "text/spiece-unigram.h"
#include "text/spiece-words.h"
#include "text/token-roles.h"
#include "text/utf8.h"
#include "text/vocabulary.h"

#define MARK "\u2581" /* of a blank */

struct tw_spiece {
    tw_sentencepiece *model;
    int32_t pieces;           /* of the model; tokens from here on are added ones */
    tw_vocabulary vocabulary; /* all tokens; empty when there are no files but the model */
    tw_added_tokens added;
    tw_spiece_unigram *unigram; /* NULL, both: the model encodes */
    tw_spiece_words *words;
    bool split;    /* the added tokens are looked for in a text */
    bool legacy;   /* each part of a text is encoded as a text by itself */
    bool prefix;   /* not legacy: a text begins with a blank */
    char *unknown; /* not legacy: put before a part whose first blank would be lost; owned */
    size_t unknown_length; /* in tokens */
    int32_t mark;          /* the id of MARK */
};

/* Pieces end up in JSON and on terminals. */
static int check_pieces(const tw_spiece *t)
{
    for (int32_t id = 0; id < t->pieces; id++) {
        const char *piece = tw_sentencepiece_piece(t->model, id);
        if (!tw_utf8_valid(piece, strlen(piece)))
            return tw_fail("not a valid SentencePiece model (piece %d is not UTF-8)", id);
    }
    return 0;
}

/* Without `legacy` the model is to put no blank before a text: in a protocol buffer what
 * follows counts, so normalizer_spec.add_dummy_prefix = false goes behind the file. */
static int load_model(tw_spiece *t, const char *bytes, size_t size, tw_sentencepiece_ids *special)
{
    static const char no_prefix[] = {0x1A, 0x02, 0x18, 0x00};
    if (tw_charsmap_check(bytes, size) < 0)
        return -1;
    tw_bytes whole = {0};
    tw_bytes_put(&whole, bytes, size);
    tw_bytes_put(&whole, no_prefix, t->legacy ? 0 : sizeof no_prefix);
    t->model = tw_sentencepiece_load(whole.data ? whole.data : "", whole.length);
    free(whole.data);
    if (!t->model)
        return -1;
    tw_sentencepiece_special(t->model, special);
    t->pieces = special->size;
    t->words = tw_spiece_words_new(t->model, bytes, size, t->legacy);
    t->unigram = tw_spiece_unigram_new(t->model, bytes, size, t->legacy);
    return check_pieces(t);
}

static int read_flags(tw_spiece *t, const json_t *config, tw_spiece_class class)
{
    bool whole, heeds = class == TW_SPIECE_T5 || class == TW_SPIECE_LLAMA;
    if (tw_field_bool(config, "legacy", true, &t->legacy) < 0 ||
        tw_field_bool(config, "add_prefix_space", true, &t->prefix) < 0 ||
        tw_field_bool(config, "split_special_tokens", false, &whole) < 0)
        return tw_fail_in("tokenizer_config.json");
    t->legacy = t->legacy || !heeds;
    t->split = config && !whole;
    return 0;
}

static int add_tokens(tw_spiece *t, const tw_spiece_files *files, tw_spiece_class class)
{
    for (int32_t id = 0; id < t->pieces; id++)
        if (tw_vocabulary_add(&t->vocabulary, id, tw_sentencepiece_piece(t->model, id), false,
                              (size_t)t->pieces) < 0)
            return -1;
    json_t *tokens = tw_spiece_tokens(files, class, &t->vocabulary);
    tw_normalizer *none = tw_normalizer_new(NULL);
    int status = tokens ? tw_added_tokens_read(&t->added, tokens, none, false, &t->vocabulary) : -1;
    if (tokens && status < 0)
        tw_fail_in("added tokens");
    tw_normalizer_free(none);
    json_decref(tokens);
    return status;
}

static int measure_unknown(tw_spiece *t, const tw_spiece_files *files)
{
    const json_t *token = NULL;
    tw_ids ids = {0};
    tw_token_role(files->config, files->map, TW_UNKNOWN, &token);
    t->unknown = tw_strdup(token ? tw_token_content(token) : "<unk>");
    if (tw_sentencepiece_encode(t->model, t->unknown, strlen(t->unknown), &ids) < 0)
        return -1;
    t->unknown_length = ids.count;
    t->mark = tw_spiece_find(t, MARK);
    free(ids.ids);
    return 0;
}

static int32_t find(const void *tokenizer, const char *piece)
{
    return tw_spiece_find(tokenizer, piece);
}

static int read_config(tw_spiece *t, const tw_spiece_files *files, tw_spiece_class class,
                       tw_sentencepiece_ids *special, tw_affixes *affixes)
{
    if (add_tokens(t, files, class) < 0 || (!t->legacy && measure_unknown(t, files) < 0))
        return -1;
    special->size = (int32_t)t->vocabulary.size;
    tw_token_roles_find(files->config, files->map, find, t, special);
    if (class == TW_SPIECE_T5 && special->eos >= 0)
        tw_affixes_put(affixes, false, special->eos);
    return class == TW_SPIECE_LLAMA || class == TW_SPIECE_GEMMA
               ? tw_token_affixes(files->config, true, special, affixes)
               : 0;
}

static int load(tw_spiece *t, const tw_tokenizer_files *files, const tw_spiece_files *parsed,
                tw_sentencepiece_ids *special, tw_affixes *affixes)
{
    tw_spiece_class class;
    if (tw_spiece_class_of(parsed->config, &class) < 0 ||
        read_flags(t, parsed->config, class) < 0 ||
        load_model(t, files->files[files->main].bytes, files->files[files->main].size, special) < 0)
        return -1;
    return parsed->config ? read_config(t, parsed, class, special, affixes) : 0;
}

tw_spiece *tw_spiece_load(const tw_tokenizer_files *files, tw_sentencepiece_ids *special,
                          tw_affixes *affixes)
{
    json_t *config = NULL, *map = NULL, *added = NULL;
    tw_spiece *t = tw_alloc(1, sizeof *t);
    int status = tw_tokenizer_files_parse(files, TW_FILE_CONFIG, &config) < 0 ||
                         tw_tokenizer_files_parse(files, TW_FILE_SPECIAL, &map) < 0 ||
                         tw_tokenizer_files_parse(files, TW_FILE_ADDED, &added) < 0
                     ? -1
                     : 0;
    if (status == 0) {
        status = load(t, files, &(tw_spiece_files){config, map, added}, special, affixes);
        if (status < 0)
            tw_fail_in("%s", files->path);
    }
    json_decref(config);
    json_decref(map);
    json_decref(added);
    if (status == 0)
        return t;
    tw_spiece_free(t);
    return NULL;
}

void tw_spiece_free(tw_spiece *t)
{
    if (!t)
        return;
    tw_spiece_words_free(t->words);
    tw_spiece_unigram_free(t->unigram);
    tw_sentencepiece_free(t->model);
    tw_added_tokens_clear(&t->added);
    tw_vocabulary_clear(&t->vocabulary);
    free(t->unknown);
    free(t);
}

static int put_model_ids(const tw_spiece *t, const char *text, size_t length, tw_id_list *to)
{
    tw_ids ids = {0};
    if (t->words)
        return tw_spiece_words_encode(t->words, text, length, to);
    if (t->unigram)
        return tw_spiece_unigram_encode(t->unigram, text, length, to);
    if (tw_sentencepiece_encode(t->model, text, length, &ids) < 0)
        return -1;
    tw_ids_put(to, ids.ids, ids.count);
    free(ids.ids);
    return 0;
}

typedef struct passage {
    const tw_spiece *tokenizer;
    tw_id_list ids;
    bool special_second; /* the second token is a special one that the text spells */
} passage;

static bool begins_with_blank(const char *text, size_t length)
{
    return (length > 0 && *text == ' ') ||
           (length >= sizeof MARK - 1 && memcmp(text, MARK, sizeof MARK - 1) == 0);
}

static int put_part(void *context, const tw_added_token *token, const char *text, size_t length)
{
    passage *p = context;
    const tw_spiece *t = p->tokenizer;
    if (token) {
        if (p->ids.count == 1)
            p->special_second = t->vocabulary.pieces[token->id].special;
        tw_ids_put(&p->ids, &token->id, 1);
        return 0;
    }
    if (t->legacy || !begins_with_blank(text, length))
        return put_model_ids(t, text, length, &p->ids);
    tw_bytes whole = {0};
    tw_id_list ids = {0};
    tw_bytes_put(&whole, t->unknown, strlen(t->unknown));
    tw_bytes_put(&whole, text, length);
    int status = put_model_ids(t, whole.data, whole.length, &ids);
    const size_t skipped = ids.count >= t->unknown_length ? t->unknown_length : 0;
    if (status == 0 && ids.count > skipped)
        tw_ids_put(&p->ids, ids.data + skipped, ids.count - skipped);
    free(ids.data);
    free(whole.data);
    return status;
}

static int put_parts(passage *p, const char *text, size_t length)
{
    return p->tokenizer->split
               ? tw_added_tokens_split(&p->tokenizer->added, false, text, length, put_part, p)
               : put_part(p, NULL, text, length);
}

/* Not legacy: the blank before a text is ours, and no part gets another. */
static int put_text(passage *p, const char *text, size_t length)
{
    const tw_spiece *t = p->tokenizer;
    const size_t mark = sizeof MARK - 1;
    tw_bytes whole = {0};
    tw_bytes_put(&whole, MARK, t->prefix ? mark : 0);
    for (const char *end = text + length, *at; text < end; text = at + mark) {
        at = memmem(text, (size_t)(end - text), MARK, mark);
        tw_bytes_put(&whole, text, (size_t)((at ? at : end) - text));
        if (!at)
            break;
        tw_bytes_put(&whole, " ", 1);
    }
    int status = put_parts(p, whole.data, whole.length);
    free(whole.data);
    if (status == 0 && p->special_second && p->ids.data[0] == t->mark)
        memmove(p->ids.data, p->ids.data + 1, --p->ids.count * sizeof *p->ids.data);
    return status;
}

int tw_spiece_encode(const tw_spiece *t, const char *text, size_t length, tw_ids *ids)
{
    passage p = {.tokenizer = t};
    int status = 0;
    if (length > 0)
        status = t->legacy ? put_parts(&p, text, length) : put_text(&p, text, length);
    if (status < 0) {
        free(p.ids.data);
        return -1;
    }
    *ids = (tw_ids){p.ids.data ? p.ids.data : tw_alloc(1, sizeof *ids->ids), p.ids.count};
    return 0;
}

/* The text of the model's own ids[count] behind what there is. */
static int put_run(const tw_spiece *t, const int32_t *ids, size_t count, tw_bytes *to)
{
    if (count == 0)
        return 0;
    size_t length = 0;
    char *text = tw_sentencepiece_decode(t->model, ids, count, &length);
    if (!text)
        return -1;
    const char *first = tw_sentencepiece_piece(t->model, ids[0]);
    size_t ours =
        !t->legacy && t->prefix && *text == ' ' && strncmp(first, MARK, strlen(MARK)) == 0;
    tw_bytes_put(to, " ", to->length > 0 && length > ours);
    tw_bytes_put(to, text + ours, length - ours);
    free(text);
    return 0;
}

/* Added tokens stand between blanks. */
static char *decode_parts(const tw_spiece *t, const int32_t *ids, size_t count, size_t *length)
{
    tw_bytes text = {0};
    int32_t *run = tw_alloc(count, sizeof *run);
    size_t kept = 0;
    int status = 0;
    for (size_t i = 0; status == 0 && i < count; i++) {
        const tw_piece *piece = &t->vocabulary.pieces[ids[i]];
        if (piece->special || !piece->text)
            continue;
        if (ids[i] < t->pieces) {
            run[kept++] = ids[i];
            continue;
        }
        status = put_run(t, run, kept, &text);
        tw_bytes_put(&text, " ", text.length > 0);
        tw_bytes_put(&text, piece->text, strlen(piece->text));
        kept = 0;
    }
    if (status == 0)
        status = put_run(t, run, kept, &text);
    free(run);
    *length = text.length;
    if (status == 0)
        return tw_bytes_take(&text);
    free(text.data);
    return NULL;
}

char *tw_spiece_decode(const tw_spiece *t, const int32_t *ids, size_t count, size_t *length)
{
    bool parts = t->split || t->vocabulary.size > (size_t)t->pieces;
    return parts ? decode_parts(t, ids, count, length)
                 : tw_sentencepiece_decode(t->model, ids, count, length);
}

const char *tw_spiece_piece(const tw_spiece *t, int32_t id)
{
    if (id < t->pieces)
        return tw_sentencepiece_piece(t->model, id);
    const char *text = t->vocabulary.pieces[id].text;
    return text ? text : "";
}

int32_t tw_spiece_find(const tw_spiece *t, const char *piece)
{
    return t->vocabulary.size > 0 ? tw_vocabulary_find(&t->vocabulary, piece, strlen(piece))
                                  : tw_sentencepiece_find(t->model, piece);
}
