#include "text/tokenizer.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "text/charsmap.h"
#include "text/sentencepiece.h"
#include "text/utf8.h"

enum { MAX_FILE = 256 << 20, MAX_TEXT = 1 << 30 };

/* What the class named by our own tokenizer_config.json reads. */
#define OWN_NAME "spiece.model"

/* What from_pretrained reads beside the vocabulary. They travel with it, as they are. */
static const char *const companions[] = {"tokenizer_config.json", "special_tokens_map.json",
                                         "added_tokens.json", "tokenizer.json"};
enum { COMPANIONS = sizeof companions / sizeof *companions };

typedef struct content {
    char *bytes;
    size_t size;
} content;

struct tw_tokenizer {
    tw_sentencepiece *model;
    tw_sentencepiece_ids special;
    const char *file_name; /* the vocabulary's in a model folder */
    content vocabulary;
    content companions[COMPANIONS]; /* bytes is NULL where there is none */
};

static bool exists(const char *folder, const char *name)
{
    char *path = tw_join_path(folder, name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

/* The name of the vocabulary in a folder. */
static const char *find_vocabulary(const char *folder)
{
    static const char *const names[] = {OWN_NAME, "tokenizer.model"};
    static const char *const others[] = {"tokenizer.json", "vocab.json", "vocab.txt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (exists(folder, names[i]))
            return names[i];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (exists(folder, others[i])) {
            tw_fail("%s: no tokenizer of a known type: looked for spiece.model and "
                    "tokenizer.model (SentencePiece); %s is not supported",
                    folder, others[i]);
            return NULL;
        }
    tw_fail("%s: no tokenizer: looked for spiece.model and tokenizer.model (SentencePiece)",
            folder);
    return NULL;
}

static int read_companions(tw_tokenizer *tokenizer, const char *folder)
{
    /* Without the first one the others mean nothing. */
    if (!exists(folder, companions[0]))
        return 0;
    for (size_t i = 0; i < COMPANIONS; i++) {
        if (!exists(folder, companions[i]))
            continue;
        char *path = tw_join_path(folder, companions[i]);
        content *file = &tokenizer->companions[i];
        file->bytes = tw_read_file(path, MAX_FILE, &file->size);
        free(path);
        if (!file->bytes)
            return -1;
    }
    return 0;
}

/* Pieces end up in JSON and on terminals. */
static int check_pieces(const tw_tokenizer *tokenizer)
{
    for (int32_t id = 0; id < tokenizer->special.size; id++) {
        const char *piece = tw_sentencepiece_piece(tokenizer->model, id);
        if (!tw_utf8_valid(piece, strlen(piece)))
            return tw_fail("not a valid SentencePiece model (piece %d is not UTF-8)", id);
    }
    return 0;
}

static int load_vocabulary(tw_tokenizer *tokenizer, const char *path)
{
    content *vocabulary = &tokenizer->vocabulary;
    vocabulary->bytes = tw_read_file(path, MAX_FILE, &vocabulary->size);
    if (!vocabulary->bytes)
        return -1;
    if (tw_charsmap_check(vocabulary->bytes, vocabulary->size) == 0)
        tokenizer->model = tw_sentencepiece_load(vocabulary->bytes, vocabulary->size);
    if (!tokenizer->model)
        return tw_fail_in("%s", path);
    tw_sentencepiece_special(tokenizer->model, &tokenizer->special);
    return check_pieces(tokenizer) < 0 ? tw_fail_in("%s", path) : 0;
}

static int load(tw_tokenizer *tokenizer, const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return tw_fail("%s: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return load_vocabulary(tokenizer, path);
    const char *name = find_vocabulary(path);
    if (!name || read_companions(tokenizer, path) < 0)
        return -1;
    if (tokenizer->companions[0].bytes)
        tokenizer->file_name = name;
    char *file = tw_join_path(path, name);
    int result = load_vocabulary(tokenizer, file);
    free(file);
    return result;
}

tw_tokenizer *tw_tokenizer_open(const char *path)
{
    tw_tokenizer *tokenizer = tw_alloc(1, sizeof *tokenizer);
    tokenizer->file_name = OWN_NAME;
    if (load(tokenizer, path) == 0)
        return tokenizer;
    tw_tokenizer_free(tokenizer);
    return NULL;
}

void tw_tokenizer_free(tw_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    tw_sentencepiece_free(tokenizer->model);
    free(tokenizer->vocabulary.bytes);
    for (size_t i = 0; i < COMPANIONS; i++)
        free(tokenizer->companions[i].bytes);
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

int tw_tokenizer_encode(const tw_tokenizer *tokenizer, const char *text, size_t length, tw_ids *ids)
{
    if (length > MAX_TEXT)
        return tw_fail("cannot tokenize %zu bytes at once (at most %d)", length, MAX_TEXT);
    return tw_sentencepiece_encode(tokenizer->model, text, length, ids);
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
    char *text = tw_sentencepiece_decode(tokenizer->model, ids, count, &length);
    return text ? replace_nul(text, length) : NULL;
}

const char *tw_tokenizer_piece(const tw_tokenizer *tokenizer, int32_t id)
{
    if (id < 0 || id >= tokenizer->special.size)
        return NULL;
    return tw_sentencepiece_piece(tokenizer->model, id);
}

static void set_piece(json_t *config, const tw_tokenizer *tokenizer, const char *key, int32_t id)
{
    const char *piece = tw_tokenizer_piece(tokenizer, id);
    json_object_set_new(config, key, piece ? json_string(piece) : json_null());
}

/* tokenizer_config.json for a bare vocabulary. BertGenerationTokenizer is the
 * class of transformers that hands text to SentencePiece as it is and adds no token
 * on either side; most others add some (T5: EOS, Llama: BOS). */
static char *describe(const tw_tokenizer *tokenizer)
{
    const tw_sentencepiece_ids *special = &tokenizer->special;
    json_t *config = json_object();
    json_object_set_new(config, "tokenizer_class", json_string("BertGenerationTokenizer"));
    set_piece(config, tokenizer, "bos_token", special->bos);
    set_piece(config, tokenizer, "eos_token", special->eos);
    set_piece(config, tokenizer, "unk_token", special->unknown);
    /* Its default is a piece that most vocabularies lack, and would grow them. */
    set_piece(config, tokenizer, "pad_token", special->pad >= 0 ? special->pad : special->eos);
    set_piece(config, tokenizer, "sep_token", -1);
    /* Text that spells `</s>` is text. */
    json_object_set_new(config, "split_special_tokens", json_true());
    json_object_set_new(config, "clean_up_tokenization_spaces", json_false());
    char *text = json_dumps(config, JSON_INDENT(2));
    json_decref(config);
    char *line = tw_format("%s\n", text);
    free(text);
    return line;
}

static int write_in(const char *folder, const char *name, const content *file)
{
    char *path = tw_join_path(folder, name);
    int status = tw_write_file(path, file->bytes, file->size);
    free(path);
    return status;
}

int tw_tokenizer_save(const tw_tokenizer *tokenizer, const char *folder)
{
    if (write_in(folder, tokenizer->file_name, &tokenizer->vocabulary) < 0)
        return -1;
    for (size_t i = 0; i < COMPANIONS; i++)
        if (tokenizer->companions[i].bytes &&
            write_in(folder, companions[i], &tokenizer->companions[i]) < 0)
            return -1;
    if (tokenizer->companions[0].bytes)
        return 0;
    char *text = describe(tokenizer);
    int status = write_in(folder, companions[0], &(content){text, strlen(text)});
    free(text);
    return status;
}

uint64_t tw_tokenizer_digest(const tw_tokenizer *tokenizer)
{
    return tw_hash(tokenizer->vocabulary.bytes, tokenizer->vocabulary.size);
}
