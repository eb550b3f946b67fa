/* Tokenizers of Hugging Face's files. By the first byte: text to encode and decode again, ids
 * to decode, or the content of a tokenizer.json. */

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "text/json-tokenizer.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { KINDS = 6 };
static tw_json_tokenizer *tokenizers[KINDS];

static void decode(const tw_json_tokenizer *tokenizer, const int32_t *ids, size_t count)
{
    size_t length = 0;
    char *text = tw_json_tokenizer_decode(tokenizer, ids, count, &length);
    expect(text && tw_utf8_valid(text, length), "ids of the vocabulary must decode to UTF-8");
    free(text);
}

/* lossless: tokens stand for the text's own bytes. */
static void encode(const tw_json_tokenizer *tokenizer, const char *text, size_t length,
                   int lossless)
{
    tw_ids ids = {0};
    if (tw_json_tokenizer_encode(tokenizer, text, length, &ids) < 0)
        return;
    size_t at = 0;
    for (size_t i = 0; i < ids.count; i++) {
        expect(ids.ids[i] >= 0 && ids.ids[i] < tw_json_tokenizer_size(tokenizer),
               "ids must be of the vocabulary");
        size_t count = 0;
        const char *piece = tw_json_tokenizer_bytes(tokenizer, ids.ids[i], &count);
        expect(!lossless || (piece && count <= length - at && !memcmp(piece, text + at, count)),
               "tokens must spell the text");
        at += count;
    }
    expect(!lossless || at == length, "tokens must spell all of the text");
    decode(tokenizer, ids.ids, ids.count);
    free(ids.ids);
}

static void decode_bytes(const tw_json_tokenizer *tokenizer, const uint8_t *bytes, size_t size)
{
    size_t count = size / 2;
    int32_t *ids = calloc(count + 1, sizeof *ids);
    expect(ids != NULL, "memory");
    for (size_t i = 0; i < count; i++)
        ids[i] = (bytes[2 * i] + 256 * bytes[2 * i + 1]) % tw_json_tokenizer_size(tokenizer);
    decode(tokenizer, ids, count);
    free(ids);
}

static void load(const char *bytes, size_t size)
{
    static const char text[] = "It's 12 caf\xC3\xA9\xCC\x81 \xF0\x9F\x98\x80\x80  <x>\n a";
    json_t *json = json_loadb(bytes, size, 0, NULL);
    tw_json_tokenizer *tokenizer = json ? tw_json_tokenizer_new(json, NULL) : NULL;
    if (tokenizer) {
        /* UTF-8 in, UTF-8 out: what is broken in the text may come out of a bare decoder. */
        tw_ids ids = {0};
        if (tw_json_tokenizer_encode(tokenizer, text, sizeof text - 1, &ids) == 0) {
            decode(tokenizer, ids.ids, ids.count);
            free(ids.ids);
        }
    }
    tw_json_tokenizer_free(tokenizer);
    json_decref(json);
}

static void open_all(void)
{
    static const char *const paths[KINDS] = {"tests/fixtures/tokenizers/llama3/tokenizer.json",
                                             "tests/fixtures/tokenizers/qwen2/tokenizer.json",
                                             "tests/fixtures/tokenizers/gpt2/tokenizer.json",
                                             "tests/fixtures/folders/t5-json/tokenizer.json",
                                             "tests/fixtures/folders/albert/tokenizer.json",
                                             "tests/fixtures/folders/unigram/tokenizer.json"};
    for (size_t i = 0; i < KINDS; i++) {
        json_t *json = json_load_file(paths[i], 0, NULL);
        tokenizers[i] = json ? tw_json_tokenizer_new(json, NULL) : NULL;
        expect(tokenizers[i] != NULL, "run this in the root of the repository");
        json_decref(json);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!tokenizers[0])
        open_all();
    if (size == 0)
        return 0;
    size_t kind = bytes[0] / 4 % KINDS;
    if (bytes[0] % 4 < 2) /* NFC changes the text, a token of gpt2 takes blanks in */
        encode(tokenizers[kind], (const char *)bytes + 1, size - 1, kind == 0);
    else if (bytes[0] % 4 == 2)
        decode_bytes(tokenizers[kind], bytes + 1, size - 1);
    else
        load((const char *)bytes + 1, size - 1);
    return 0;
}
