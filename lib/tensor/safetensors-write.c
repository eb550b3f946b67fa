#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "tensor/safetensors.h"

enum { PREFIX = 8, ALIGNMENT = 64 };

static json_t *describe(const tw_array *array, size_t begin, size_t end)
{
    json_t *shape = json_array();
    for (int i = 0; i < array->rank; i++)
        json_array_append_new(shape, json_integer((json_int_t)array->shape[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", tw_dtype_name(array->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)end);
}

/* Length and JSON, filled up with blanks so that the data is aligned. The caller frees. */
static char *make_header(const tw_array *arrays, size_t count, size_t *size)
{
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t end = at + arrays[i].count * tw_dtype_size(arrays[i].dtype);
        json_object_set_new(header, arrays[i].name, describe(&arrays[i], at, end));
        at = end;
    }
    size_t length = json_dumpb(header, NULL, 0, JSON_COMPACT);
    *size = (PREFIX + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *bytes = tw_alloc(*size, 1);
    memset(bytes, ' ', *size);
    json_dumpb(header, bytes + PREFIX, length, JSON_COMPACT);
    json_decref(header);
    for (int i = 0; i < PREFIX; i++)
        bytes[i] = (char)((uint64_t)(*size - PREFIX) >> 8 * i);
    return bytes;
}

static int write_parts(int fd, const char *header, size_t size, const tw_array *arrays,
                       size_t count)
{
    if (tw_write_all(fd, header, size) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (tw_write_all(fd, arrays[i].data, arrays[i].count * tw_dtype_size(arrays[i].dtype)) < 0)
            return -1;
    return TEMP_FAILURE_RETRY(fsync(fd));
}

int tw_safetensors_write(const char *path, const tw_array *arrays, size_t count)
{
    int fd = TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (fd < 0)
        return tw_fail("%s: %s", path, strerror(errno));
    size_t size = 0;
    char *header = make_header(arrays, count, &size);
    int status = write_parts(fd, header, size, arrays, count);
    if (status < 0)
        tw_fail("%s: %s", path, strerror(errno));
    free(header);
    if (close(fd) < 0 && errno != EINTR && status == 0)
        status = tw_fail("%s: %s", path, strerror(errno));
    if (status < 0)
        unlink(path);
    return status;
}
