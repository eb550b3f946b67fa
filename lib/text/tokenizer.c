#include "text/tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "text/json-tokenizer.h"
#include "text/load-json.h"
#include "text/post-processor.h"
#include "text/sentencepiece.h"
#include "text/spiece.h"
#include "text/tokenizer-files.h"

enum { MAX_TEXT = 1 << 30 };

struct tw_tokenizer {
    tw_tokenizer_files files;
    tw_spiece *spiece; /* of the two, the one that there is */
    tw_json_tokenizer *json;
    tw_sentencepiece_ids special;
    tw_affixes affixes;
};

static int load(tw_tokenizer *tokenizer, const char *path)
{
    if (tw_tokenizer_files_read(&tokenizer->files, path) < 0)
        return -1;
    if (tokenizer->files.kind == TW_SENTENCEPIECE)
        tokenizer->spiece =
            tw_spiece_load(&tokenizer->files, &tokenizer->special, &tokenizer->affixes);
    else
        tokenizer->json =
            tw_json_tokenizer_load(&tokenizer->files, &tokenizer->special, &tokenizer->affixes);
    return tokenizer->spiece || tokenizer->json ? 0 : -1;
}

tw_tokenizer *tw_tokenizer_open(const char *path)
{
    tw_tokenizer *tokenizer = tw_alloc(1, sizeof *tokenizer);
    if (load(tokenizer, path) == 0)
        return tokenizer;
    tw_tokenizer_free(tokenizer);
    return NULL;
}

void tw_tokenizer_free(tw_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    tw_spiece_free(tokenizer->spiece);
    tw_json_tokenizer_free(tokenizer->json);
    tw_affixes_clear(&tokenizer->affixes);
    tw_tokenizer_files_clear(&tokenizer->files);
    free(tokenizer);
}

int32_t tw_tokenizer_size(const tw_tokenizer *tokenizer)
{
    return tokenizer->special.size;
}

int32_t tw_tokenizer_eos(const tw_tokenizer *tokenizer)
{
    return tokenizer->special.eos;
}

int32_t tw_tokenizer_bos(const tw_tokenizer *tokenizer)
{
    return tokenizer->special.bos;
}

int32_t tw_tokenizer_pad(const tw_tokenizer *tokenizer)
{
    return tokenizer->special.pad;
}

const tw_ids *tw_tokenizer_before(const tw_tokenizer *tokenizer)
{
    return &tokenizer->affixes.before;
}

const tw_ids *tw_tokenizer_after(const tw_tokenizer *tokenizer)
{
    return &tokenizer->affixes.after;
}

int tw_tokenizer_encode(const tw_tokenizer *tokenizer, const char *text, size_t length, tw_ids *ids)
{
    if (length > MAX_TEXT)
        return tw_fail("cannot tokenize %zu bytes at once (at most %d)", length, MAX_TEXT);
    return tokenizer->json ? tw_json_tokenizer_encode(tokenizer->json, text, length, ids)
                           : tw_spiece_encode(tokenizer->spiece, text, length, ids);
}

/* C strings end at the first NUL: one that bytes spell out (the piece <0x00>)
 * becomes U+FFFD, as other bytes that are no text do. */
static char *replace_nul(char *text, size_t length)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    size_t nuls = 0;
    for (size_t i = 0; i < length; i++)
        nuls += text[i] == '\0';
    if (nuls == 0)
        return text;
    char *clean = tw_alloc(length + 1 + nuls * (sizeof replacement - 2), 1);
    char *to = clean;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0')
            to = mempcpy(to, replacement, sizeof replacement - 1);
        else
            *to++ = text[i];
    }
    free(text);
    return clean;
}

char *tw_tokenizer_decode(const tw_tokenizer *tokenizer, const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= tokenizer->special.size) {
            tw_fail("cannot decode token %zu: id %d is not in the vocabulary of %d", i, ids[i],
                    tokenizer->special.size);
            return NULL;
        }
    size_t length = 0;
    char *text = tokenizer->json ? tw_json_tokenizer_decode(tokenizer->json, ids, count, &length)
                                 : tw_spiece_decode(tokenizer->spiece, ids, count, &length);
    return text ? replace_nul(text, length) : NULL;
}

const char *tw_tokenizer_piece(const tw_tokenizer *tokenizer, int32_t id)
{
    if (id < 0 || id >= tokenizer->special.size)
        return NULL;
    return tokenizer->json ? tw_json_tokenizer_piece(tokenizer->json, id)
                           : tw_spiece_piece(tokenizer->spiece, id);
}

int32_t tw_tokenizer_find(const tw_tokenizer *tokenizer, const char *piece)
{
    return tokenizer->json ? tw_json_tokenizer_find(tokenizer->json, piece)
                           : tw_spiece_find(tokenizer->spiece, piece);
}

/* A token that special_tokens_map.json brings is not named again, for its id is that of its place
 * there. */
static void set_piece(json_t *config, const tw_tokenizer *tokenizer, const char *key, int32_t id)
{
    if (tokenizer->json && tw_json_tokenizer_brought(tokenizer->json, id))
        return;
    const char *piece = tw_tokenizer_piece(tokenizer, id);
    json_object_set_new(config, key, piece ? json_string(piece) : json_null());
}

/* tokenizer_config.json for a bare vocabulary. BertGenerationTokenizer is the
 * class of transformers that hands text to SentencePiece as it is and adds no token
 * on either side; most others add some (T5: EOS, Llama: BOS). PreTrainedTokenizerFast and
 * GPT2Tokenizer are what their files say. */
static char *describe(const tw_tokenizer *tokenizer, bool t5)
{
    static const char *const classes[] = {[TW_SENTENCEPIECE] = "BertGenerationTokenizer",
                                          [TW_TOKENIZER_JSON] = "PreTrainedTokenizerFast",
                                          [TW_VOCAB_MERGES] = "GPT2Tokenizer"};
    const tw_sentencepiece_ids *special = &tokenizer->special;
    json_t *config = json_object();
    t5 = t5 && tokenizer->files.kind == TW_SENTENCEPIECE;
    json_object_set_new(config, "tokenizer_class",
                        json_string(t5 ? "T5Tokenizer" : classes[tokenizer->files.kind]));
    set_piece(config, tokenizer, "bos_token", special->bos);
    set_piece(config, tokenizer, "eos_token", special->eos);
    set_piece(config, tokenizer, "unk_token", special->unknown);
    /* Its default is a piece that most vocabularies lack, and would grow them. */
    set_piece(config, tokenizer, "pad_token", special->pad >= 0 ? special->pad : special->eos);
    set_piece(config, tokenizer, "sep_token", -1);
    if (t5) {
        json_object_set_new(config, "extra_ids", json_integer(0));
        json_object_set_new(config, "legacy", json_true()); /* its default, but for a warning */
    }
    /* Text that spells `</s>` is text. */
    if (!tokenizer->json && !t5)
        json_object_set_new(config, "split_special_tokens", json_true());
    json_object_set_new(config, "clean_up_tokenization_spaces", json_false());
    char *text = json_dumps(config, JSON_INDENT(2));
    json_decref(config);
    char *line = tw_format("%s\n", text);
    free(text);
    return line;
}

static int save(const tw_tokenizer *tokenizer, const char *folder, bool t5)
{
    if (tw_tokenizer_files_write(&tokenizer->files, folder) < 0)
        return -1;
    if (tokenizer->files.files[TW_FILE_CONFIG].bytes)
        return 0;
    char *text = describe(tokenizer, t5);
    char *path = tw_join_path(folder, tw_tokenizer_file_names[TW_FILE_CONFIG]);
    int status = tw_write_file(path, text, strlen(text));
    free(path);
    free(text);
    return status;
}

int tw_tokenizer_save(const tw_tokenizer *tokenizer, const char *folder)
{
    return save(tokenizer, folder, false);
}

int tw_tokenizer_save_t5(const tw_tokenizer *tokenizer, const char *folder)
{
    return save(tokenizer, folder, true);
}

uint64_t tw_tokenizer_digest(const tw_tokenizer *tokenizer)
{
    const uint64_t both[] = {tw_tokenizer_files_digest(&tokenizer->files),
                             tokenizer->json ? tw_json_tokenizer_digest(tokenizer->json) : 0};
    return both[1] ? tw_hash(both, sizeof both) : both[0];
}
