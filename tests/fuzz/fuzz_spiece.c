/* Folders of a SentencePiece model. Up to the first NUL the content of tokenizer_config.json, up to
 * the second that of added_tokens.json, then text to encode and decode again. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "expect.h"
#include "text/spiece.h"
#include "text/tokenizer-files.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void encode(const tw_spiece *tokenizer, const char *text, size_t length, int32_t size)
{
    tw_ids ids = {0};
    if (tw_spiece_encode(tokenizer, text, length, &ids) < 0)
        return;
    for (size_t i = 0; i < ids.count; i++)
        expect(ids.ids[i] >= 0 && ids.ids[i] < size, "ids must be of the vocabulary");
    size_t decoded = 0;
    char *back = tw_spiece_decode(tokenizer, ids.ids, ids.count, &decoded);
    expect(back && tw_utf8_valid(back, decoded), "ids of the vocabulary must decode to UTF-8");
    free(back);
    free(ids.ids);
}

/* The bytes up to a NUL, which are gone from the input then. The caller frees. */
static char *take(const uint8_t **bytes, size_t *size, size_t *length)
{
    *length = strnlen((const char *)*bytes, *size);
    char *taken = malloc(*length + 1);
    expect(taken != NULL, "memory");
    memcpy(taken, *bytes, *length);
    taken[*length] = '\0';
    size_t used = *length < *size ? *length + 1 : *length;
    *bytes += used;
    *size -= used;
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char *model;
    static size_t model_size;
    if (!model)
        model = tw_read_file("tests/fixtures/folders/t5/spiece.model", 1 << 20, &model_size);
    expect(model != NULL, "run this in the root of the repository");
    if (size == 0)
        return 0;
    tw_tokenizer_files files = {.kind = TW_SENTENCEPIECE, .main = TW_FILE_SPIECE};
    char path[] = "spiece.model";
    files.path = path;
    files.files[TW_FILE_SPIECE].bytes = model;
    files.files[TW_FILE_SPIECE].size = model_size;
    char *config = take(&bytes, &size, &files.files[TW_FILE_CONFIG].size);
    char *added = take(&bytes, &size, &files.files[TW_FILE_ADDED].size);
    files.files[TW_FILE_CONFIG].bytes = config;
    files.files[TW_FILE_ADDED].bytes = *added ? added : NULL;
    tw_sentencepiece_ids special;
    tw_affixes affixes = {0};
    tw_spiece *tokenizer = tw_spiece_load(&files, &special, &affixes);
    if (tokenizer)
        encode(tokenizer, (const char *)bytes, size, special.size);
    tw_spiece_free(tokenizer);
    tw_affixes_clear(&affixes);
    free(config);
    free(added);
    return 0;
}
