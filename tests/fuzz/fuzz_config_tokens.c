/* What stands beside a tokenizer.json: by the first byte one of two tokenizers, then
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json with a NUL between. Where
 * they are accepted, text becomes ids of the vocabulary, the tokenizer's own among them where they
 * were, and these decode to UTF-8. */

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "expect.h"
#include "text/json-tokenizer.h"
#include "text/load-json.h"
#include "text/tokenizer-files.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { KINDS = 2 };
static const char *const paths[KINDS] = {"tests/fixtures/tokenizers/gpt2/tokenizer.json",
                                         "tests/fixtures/folders/unigram/tokenizer.json"};
static char *jsons[KINDS];
static size_t sizes[KINDS];
static tw_json_tokenizer *bare[KINDS];

static void open_all(void)
{
    for (size_t i = 0; i < KINDS; i++) {
        jsons[i] = tw_read_file(paths[i], 1 << 24, &sizes[i]);
        expect(jsons[i] != NULL, "run this in the root of the repository");
        json_t *json = json_loadb(jsons[i], sizes[i], 0, NULL);
        bare[i] = tw_json_tokenizer_new(json, NULL);
        expect(bare[i] != NULL, "the fixture must open");
        json_decref(json);
    }
}

static char *copy(const char *bytes, size_t size)
{
    char *made = tw_alloc(size + 1, 1);
    memcpy(made, bytes, size);
    return made;
}

/* An empty part: no such file. */
static void put_files(tw_tokenizer_files *files, const char *at, const char *end)
{
    static const int list[] = {TW_FILE_CONFIG, TW_FILE_SPECIAL, TW_FILE_ADDED};
    for (size_t i = 0; i < 3 && at < end; i++) {
        const char *stop = memchr(at, 0, (size_t)(end - at));
        const size_t length = (size_t)((stop ? stop : end) - at);
        if (length > 0) {
            files->files[list[i]].bytes = copy(at, length);
            files->files[list[i]].size = length;
        }
        at += length + (stop != NULL);
    }
}

static void check(const tw_json_tokenizer *made, const tw_json_tokenizer *own,
                  const tw_sentencepiece_ids *special)
{
    static const char text[] =
        "It's <end> <tag>x <mask>  one <new>\n\xEF\xAC\x81ne \xC3\xA9 <s> word";
    const int32_t size = tw_json_tokenizer_size(made);
    const int32_t roles[] = {special->bos, special->eos, special->unknown, special->pad};
    tw_ids ids = {0};
    size_t length = 0;
    expect(size >= tw_json_tokenizer_size(own), "a vocabulary does not shrink");
    for (int32_t id = 0; id < tw_json_tokenizer_size(own); id++)
        expect(strcmp(tw_json_tokenizer_piece(made, id), tw_json_tokenizer_piece(own, id)) == 0,
               "ids stay what they are");
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        expect(roles[i] >= -1 && roles[i] < size, "roles are of the vocabulary");
    if (tw_json_tokenizer_encode(made, text, sizeof text - 1, &ids) < 0)
        return;
    for (size_t i = 0; i < ids.count; i++)
        expect(ids.ids[i] >= 0 && ids.ids[i] < size, "ids must be of the vocabulary");
    char *decoded = tw_json_tokenizer_decode(made, ids.ids, ids.count, &length);
    expect(decoded && tw_utf8_valid(decoded, length), "ids must decode to UTF-8");
    free(decoded);
    free(ids.ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!bare[0])
        open_all();
    const size_t kind = size > 0 ? bytes[0] % KINDS : 0;
    tw_tokenizer_files files = {.kind = TW_TOKENIZER_JSON, .main = TW_FILE_JSON};
    files.path = tw_strdup("folder/tokenizer.json");
    files.files[TW_FILE_JSON].bytes = copy(jsons[kind], sizes[kind]);
    files.files[TW_FILE_JSON].size = sizes[kind];
    if (size > 0)
        put_files(&files, (const char *)bytes + 1, (const char *)bytes + size);
    tw_sentencepiece_ids special = {0};
    tw_affixes affixes = {0};
    tw_json_tokenizer *made = tw_json_tokenizer_load(&files, &special, &affixes);
    if (made)
        check(made, bare[kind], &special);
    tw_json_tokenizer_free(made);
    tw_affixes_clear(&affixes);
    tw_tokenizer_files_clear(&files);
    return 0;
}
