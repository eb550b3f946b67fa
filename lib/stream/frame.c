#include "stream/frame.h"

#include <string.h>

static const uint32_t FRAME = 0xFD2FB528, PROVENANCE = 0x184D2A50;

static uint32_t load(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void store(unsigned char *bytes, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
}

void tw_skippable_head(unsigned char head[TW_SKIPPABLE_HEAD], uint32_t size)
{
    store(head, PROVENANCE);
    store(head + 4, size);
}

bool tw_is_zstd_frame(const unsigned char *magic)
{
    return load(magic) == FRAME;
}

bool tw_is_skippable_frame(const unsigned char *magic)
{
    return (load(magic) & ~0xFU) == PROVENANCE;
}

bool tw_is_provenance_frame(const unsigned char *magic)
{
    return load(magic) == PROVENANCE;
}

uint32_t tw_skippable_size(const unsigned char head[TW_SKIPPABLE_HEAD])
{
    return load(head + 4);
}

const char *tw_foreign_format(const unsigned char *bytes, size_t count, const char **command)
{
    static const struct {
        const char *magic, *name, *command;
    } known[] = {
        {"\x1f\x8b", "gzip", "zcat"},
        {"\xfd"
         "7zXZ",
         "xz", "xzcat"},
        {"BZh", "bzip2", "bzcat"},
        {"\x04\x22\x4d\x18", "lz4", "lz4cat"},
        {"PK\x03\x04", "zip", "unzip -p"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = strlen(known[i].magic);
        if (count >= length && memcmp(bytes, known[i].magic, length) == 0) {
            *command = known[i].command;
            return known[i].name;
        }
    }
    return NULL;
}
