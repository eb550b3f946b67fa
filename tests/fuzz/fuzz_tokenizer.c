/* Tokenizers. By the first byte: text to encode and decode again, ids to decode,
 * or the bytes of a model. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/file.h"
#include "expect.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void decode(const tw_tokenizer *tokenizer, const int32_t *ids, size_t count)
{
    char *text = tw_tokenizer_decode(tokenizer, ids, count);
    expect(text != NULL, "ids of the vocabulary must decode");
    expect(tw_utf8_valid(text, strlen(text)), "decoded text must be UTF-8");
    free(text);
}

static void encode(const tw_tokenizer *tokenizer, const char *text, size_t length)
{
    tw_ids ids = {0};
    if (tw_tokenizer_encode(tokenizer, text, length, &ids) < 0)
        return;
    for (size_t i = 0; i < ids.count; i++)
        expect(tw_tokenizer_piece(tokenizer, ids.ids[i]) != NULL, "ids must be of the vocabulary");
    decode(tokenizer, ids.ids, ids.count);
    free(ids.ids);
}

static void decode_bytes(const tw_tokenizer *tokenizer, const uint8_t *bytes, size_t size)
{
    size_t count = size / 2;
    int32_t *ids = calloc(count + 1, sizeof *ids);
    if (!ids)
        abort();
    for (size_t i = 0; i < count; i++)
        ids[i] = (bytes[2 * i] + 256 * bytes[2 * i + 1]) % tw_tokenizer_size(tokenizer);
    decode(tokenizer, ids, count);
    free(ids);
}

static void load(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || tw_write_all(fd, bytes, size) < 0)
        abort();
    tw_tokenizer *tokenizer = tw_tokenizer_open(path);
    static const char text[] = "A small text, caf\xC3\xA9 \xF0\x9F\x98\x80 </s>";
    if (tokenizer)
        encode(tokenizer, text, sizeof text - 1);
    tw_tokenizer_free(tokenizer);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static tw_tokenizer *tokenizers[2];
    if (!tokenizers[0]) {
        tokenizers[0] = tw_tokenizer_open("tests/fixtures/unigram/spiece.model");
        tokenizers[1] = tw_tokenizer_open("tests/fixtures/bpe/tokenizer.model");
        expect(tokenizers[0] && tokenizers[1], "run this in the root of the repository");
    }
    if (size == 0)
        return 0;
    const tw_tokenizer *tokenizer = tokenizers[bytes[0] / 4 % 2];
    switch (bytes[0] % 4) {
    case 0:
    case 1:
        encode(tokenizer, (const char *)bytes + 1, size - 1);
        break;
    case 2:
        decode_bytes(tokenizer, bytes + 1, size - 1);
        break;
    default:
        load(bytes + 1, size - 1);
    }
    return 0;
}
