#include "core/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Inlined, so that it is compiled for this processor. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/error.h"
#include "core/memory.h"

enum { WINDOW = 1 << 20 };

struct tw_xxh3 {
    XXH3_state_t state; /* wants the 64-byte alignment that tw_alloc gives */
};

tw_xxh3 *tw_xxh3_new(void)
{
    tw_xxh3 *hash = tw_alloc(1, sizeof *hash);
    XXH3_128bits_reset(&hash->state);
    return hash;
}

void tw_xxh3_free(tw_xxh3 *hash)
{
    free(hash);
}

void tw_xxh3_add(tw_xxh3 *hash, const void *bytes, size_t count)
{
    XXH3_128bits_update(&hash->state, bytes, count);
}

void tw_xxh3_text(const tw_xxh3 *hash, char text[TW_XXH3_TEXT])
{
    const XXH128_hash_t digest = XXH3_128bits_digest(&hash->state);
    snprintf(text, TW_XXH3_TEXT, "%016" PRIx64 "%016" PRIx64, (uint64_t)digest.high64,
             (uint64_t)digest.low64);
}

/* read(2), not a map: pages of a map would count as memory of this process, and a file that is cut
 * meanwhile would be a SIGBUS. */
static int add_descriptor(tw_xxh3 *hash, int fd)
{
    char *window = tw_realloc(NULL, WINDOW, 1);
    ssize_t count = 0;
    do {
        count = read(fd, window, WINDOW);
        if (count > 0)
            tw_xxh3_add(hash, window, (size_t)count);
    } while (count > 0 || (count < 0 && errno == EINTR));
    free(window);
    return count < 0 ? -1 : 0;
}

int tw_xxh3_file(const char *path, char text[TW_XXH3_TEXT])
{
    /* O_NONBLOCK: opening a fifo must not wait for its writer. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return tw_fail("%s: %m", path);
    tw_xxh3 *hash = tw_xxh3_new();
    struct stat status;
    int result = 0;
    if (fstat(fd, &status) == 0 && !S_ISREG(status.st_mode))
        result = tw_fail("%s: not a regular file", path);
    else if (add_descriptor(hash, fd) < 0)
        result = tw_fail("%s: %m", path);
    else
        tw_xxh3_text(hash, text);
    tw_xxh3_free(hash);
    close(fd);
    return result;
}
