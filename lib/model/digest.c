/* A digest of model folders, quick enough to be taken at every start. It tells
 * models apart; it does not withstand forgery. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "model/lora.h"

/* Words are dealt out to lanes, whose multiplications do not wait for each other. */
enum { LANES = 8, STRIDE = LANES * 8 };

/* Of a file, in memory at a time. */
enum { WINDOW = 4 << 20 };

static const uint64_t odd = 0x9E3779B97F4A7C15; /* 2^64 / golden ratio */

static uint64_t mix(uint64_t state, uint64_t word)
{
    state = (state ^ word) * odd;
    return state ^ state >> 29;
}

/* Of a map, whose pages are let go as soon as they are read: a model that is open has them already,
 * and they are not to count twice. */
static uint64_t digest_bytes(const uint8_t *bytes, size_t size)
{
    uint64_t lanes[LANES];
    for (int i = 0; i < LANES; i++)
        lanes[i] = (uint64_t)i + 1;
    size_t whole = size / STRIDE * STRIDE;
    for (size_t first = 0; first < whole; first += WINDOW) {
        const size_t end = whole - first < WINDOW ? whole : first + WINDOW;
        for (size_t at = first; at < end; at += STRIDE)
            for (int i = 0; i < LANES; i++) {
                uint64_t word;
                memcpy(&word, bytes + at + 8 * i, sizeof word);
                lanes[i] = mix(lanes[i], word);
            }
        madvise((void *)(bytes + first), end - first, MADV_DONTNEED);
    }
    uint64_t digest = mix(size, tw_hash(bytes + whole, size - whole));
    for (int i = 0; i < LANES; i++)
        digest = mix(digest, lanes[i]);
    return digest;
}

/* A file that is not there counts as empty if it is optional. */
static int digest_file(const char *folder, const char *name, bool optional, uint64_t *digest)
{
    char *path = tw_join_path(folder, name);
    int result = -1, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 && errno == ENOENT && optional) {
        *digest = mix(*digest, 0);
        result = 0;
    } else if (fd < 0 || fstat(fd, &status) < 0) {
        tw_fail("%s: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        tw_fail("%s: not a regular file, or empty", path);
    } else {
        size_t size = (size_t)status.st_size;
        void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            tw_fail("%s: %s", path, strerror(errno));
        } else {
            *digest = mix(*digest, digest_bytes(map, size));
            munmap(map, size);
            result = 0;
        }
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return result;
}

static int digest_weights(const char *folder, uint64_t *digest)
{
    size_t count = 0;
    char **names = tw_shards_names(folder, true, &count);
    int status = names ? 0 : -1;
    for (size_t i = 0; i < count && status == 0; i++)
        status = digest_file(folder, names[i], false, digest);
    free(names);
    return status;
}

static int digest_model(const char *folder, uint64_t *digest)
{
    if (digest_file(folder, "config.json", false, digest) < 0 ||
        digest_file(folder, "generation_config.json", true, digest) < 0 ||
        digest_file(folder, "guidance.json", true, digest) < 0)
        return -1;
    return digest_weights(folder, digest);
}

/* Where the base is does not matter, what it is does. */
static int digest_adapter(const char *folder, uint64_t *digest)
{
    struct tw_lora *lora = tw_lora_read_config(folder);
    if (!lora)
        return -1;
    char *targets = json_dumps(lora->targets, JSON_COMPACT);
    char *settings = tw_format("%zu %.17g %s", lora->rank, lora->alpha, targets);
    *digest = mix(*digest, tw_hash(settings, strlen(settings)));
    int status = digest_file(folder, "adapter_model.safetensors", false, digest);
    if (status == 0)
        status = digest_model(lora->base, digest);
    free(settings);
    free(targets);
    tw_lora_free(lora);
    return status;
}

int tw_model_digest(const char *folder, char digest[17])
{
    uint64_t value = 0;
    int status = tw_lora_is(folder) ? digest_adapter(folder, &value) : digest_model(folder, &value);
    if (status < 0)
        return -1;
    snprintf(digest, 17, "%016llx", (unsigned long long)value);
    return 0;
}

int tw_config_digest(const char *path, char digest[17])
{
    size_t size = 0;
    char *bytes = tw_read_file(path, 1 << 20, &size);
    if (!bytes)
        return -1;
    snprintf(digest, 17, "%016llx", (unsigned long long)tw_hash(bytes, size));
    free(bytes);
    return 0;
}
