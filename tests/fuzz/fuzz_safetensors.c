/* safetensors files: raw bytes, or (even first byte) a header whose length is true
 * over 64 bytes of data, which gets past the first check. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/file.h"
#include "tensor/safetensors.h"

enum { DATA = 64, MOST_VALUES = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int put(int fd, const uint8_t *bytes, size_t size)
{
    static const char data[DATA] = "0123456789";
    if (size == 0 || bytes[0] % 2 == 1)
        return tw_write_all(fd, bytes, size);
    uint64_t length = size - 1;
    if (tw_write_all(fd, &length, sizeof length) < 0)
        return -1;
    return tw_write_all(fd, bytes + 1, size - 1) < 0 ? -1 : tw_write_all(fd, data, DATA);
}

/* Reads every value; what is there must have passed the checks. */
static void walk(const tw_safetensors *file)
{
    static float values[MOST_VALUES];
    for (size_t i = 0; i < tw_safetensors_count(file); i++) {
        const tw_array *array = tw_safetensors_at(file, i);
        if (!tw_safetensors_find(file, array->name))
            abort();
        const float *view = NULL;
        if (array->count <= MOST_VALUES)
            tw_array_to_f32(file, array, values);
        tw_array_view_f32(file, array, &view);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || put(fd, bytes, size) < 0)
        abort();
    tw_safetensors *file = tw_safetensors_open(path);
    if (file)
        walk(file);
    tw_safetensors_close(file);
    close(fd);
    return 0;
}
