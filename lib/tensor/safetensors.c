#include "tensor/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"

enum { PREFIX = 8, MAX_HEADER = 100 << 20 };

struct tw_safetensors {
    char *path;
    json_t *header; /* owns the names */
    tw_array *arrays;
    size_t count;
    const uint8_t *map;
    size_t size;
};

static int map_file(tw_safetensors *file)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        tw_fail("%s: %s", file->path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        tw_fail("%s: not a regular file", file->path);
    } else if (status.st_size < PREFIX) {
        tw_fail("%s: %zu bytes are too few for a safetensors file", file->path,
                (size_t)status.st_size);
    } else {
        void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            tw_fail("%s: %s", file->path, strerror(errno));
        } else {
            file->map = map;
            file->size = (size_t)status.st_size;
        }
    }
    if (fd >= 0)
        close(fd);
    return file->map ? 0 : -1;
}

/* Parses the header; *data is the offset of the tensors' bytes. */
static int parse_header(tw_safetensors *file, size_t *data)
{
    uint64_t length = 0;
    for (int i = 0; i < PREFIX; i++)
        length |= (uint64_t)file->map[i] << 8 * i;
    if (length > MAX_HEADER || length > file->size - PREFIX)
        return tw_fail("%s: header length %llu exceeds the file (%zu bytes) or %d MB", file->path,
                       (unsigned long long)length, file->size, MAX_HEADER >> 20);
    json_error_t error;
    file->header = json_loadb((const char *)file->map + PREFIX, (size_t)length,
                              JSON_REJECT_DUPLICATES, &error);
    if (!file->header)
        return tw_fail("%s: header is not JSON: %s", file->path, error.text);
    if (!json_is_object(file->header))
        return tw_fail("%s: header is not a JSON object", file->path);
    *data = PREFIX + (size_t)length;
    return 0;
}

static const struct {
    const char *name;
    size_t size;
} dtypes[TW_DTYPES] = {
    [TW_F32] = {"F32", 4}, [TW_F16] = {"F16", 2},   [TW_BF16] = {"BF16", 2}, [TW_I32] = {"I32", 4},
    [TW_I64] = {"I64", 8}, [TW_F64] = {"F64", 8},   [TW_I16] = {"I16", 2},   [TW_I8] = {"I8", 1},
    [TW_U8] = {"U8", 1},   [TW_BOOL] = {"BOOL", 1},
};

size_t tw_dtype_size(tw_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *tw_dtype_name(tw_dtype dtype)
{
    return dtypes[dtype].name;
}

static int read_dtype(const json_t *entry, tw_dtype *dtype)
{
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (!name)
        return tw_fail("dtype is missing or not text");
    for (int i = 0; i < TW_DTYPES; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            *dtype = (tw_dtype)i;
            return 0;
        }
    return tw_fail("dtype %s is not supported", name);
}

/* A number of a list as a size. */
static int read_size(const json_t *list, size_t i, size_t *size)
{
    const json_t *item = json_array_get(list, i);
    if (!json_is_integer(item) || json_integer_value(item) < 0)
        return -1;
    *size = (size_t)json_integer_value(item);
    return 0;
}

static int read_shape(const json_t *entry, tw_array *array)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return tw_fail("shape is missing or not a list");
    if (json_array_size(shape) > TW_MAX_RANK)
        return tw_fail("shape has %zu dimensions, at most %d are supported", json_array_size(shape),
                       TW_MAX_RANK);
    array->rank = (int)json_array_size(shape);
    array->count = 1;
    for (size_t i = 0; i < json_array_size(shape); i++) {
        if (read_size(shape, i, &array->shape[i]) < 0)
            return tw_fail("shape holds what is not a size");
        if (__builtin_mul_overflow(array->count, array->shape[i], &array->count))
            return tw_fail("shape overflows");
    }
    return 0;
}

/* Everything but how arrays lie to each other. data[size] are the tensors' bytes. */
static int read_array(const json_t *entry, const uint8_t *data, size_t size, tw_array *array)
{
    if (!json_is_object(entry))
        return tw_fail("is not a JSON object");
    if (read_dtype(entry, &array->dtype) < 0 || read_shape(entry, array) < 0)
        return -1;
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t begin = 0, end = 0, bytes = 0;
    if (json_array_size(offsets) != 2 || read_size(offsets, 0, &begin) < 0 ||
        read_size(offsets, 1, &end) < 0)
        return tw_fail("data_offsets are missing or not two sizes");
    if (begin > end || end > size)
        return tw_fail("data_offsets [%zu, %zu] are outside the file's %zu bytes of data", begin,
                       end, size);
    if (__builtin_mul_overflow(array->count, tw_dtype_size(array->dtype), &bytes) ||
        bytes != end - begin)
        return tw_fail("data_offsets span %zu bytes, shape and dtype want %zu", end - begin, bytes);
    array->data = data + begin;
    return 0;
}

static size_t bytes_of(const tw_array *array)
{
    return array->count * tw_dtype_size(array->dtype);
}

static int compare_places(const void *left, const void *right)
{
    const tw_array *a = left, *b = right;
    if (a->data != b->data)
        return (const uint8_t *)a->data < (const uint8_t *)b->data ? -1 : 1;
    /* Empty arrays share their place with the one that follows. */
    return (bytes_of(a) > bytes_of(b)) - (bytes_of(a) < bytes_of(b));
}

/* Arrays, in the order of their data, must follow each other without overlap or hole. */
static int check_places(const tw_safetensors *file, const uint8_t *data)
{
    const uint8_t *at = data, *end = file->map + file->size;
    for (size_t i = 0; i < file->count; i++) {
        const tw_array *array = &file->arrays[i];
        const uint8_t *begin = array->data;
        if (begin != at)
            return tw_fail("%s: tensor %s: data_offsets %s the tensor before it", file->path,
                           array->name, begin < at ? "overlap" : "leave a hole after");
        at = begin + bytes_of(array);
    }
    if (at != end)
        return tw_fail("%s: %zu bytes after the last tensor", file->path, (size_t)(end - at));
    return 0;
}

static int read_arrays(tw_safetensors *file, size_t data)
{
    const char *name;
    json_t *entry;
    file->arrays = tw_alloc(json_object_size(file->header), sizeof *file->arrays);
    json_object_foreach(file->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        tw_array *array = &file->arrays[file->count++];
        array->name = name;
        if (read_array(entry, file->map + data, file->size - data, array) < 0)
            return tw_fail_in("%s: tensor %s", file->path, name);
    }
    qsort(file->arrays, file->count, sizeof *file->arrays, compare_places);
    return check_places(file, file->map + data);
}

tw_safetensors *tw_safetensors_open(const char *path)
{
    tw_safetensors *file = tw_alloc(1, sizeof *file);
    file->path = tw_strdup(path);
    size_t data = 0;
    if (map_file(file) == 0 && parse_header(file, &data) == 0 && read_arrays(file, data) == 0)
        return file;
    tw_safetensors_close(file);
    return NULL;
}

void tw_safetensors_close(tw_safetensors *file)
{
    if (!file)
        return;
    if (file->map)
        munmap((void *)file->map, file->size);
    json_decref(file->header);
    free(file->arrays);
    free(file->path);
    free(file);
}

const char *tw_safetensors_path(const tw_safetensors *file)
{
    return file->path;
}

size_t tw_safetensors_count(const tw_safetensors *file)
{
    return file->count;
}

const tw_array *tw_safetensors_at(const tw_safetensors *file, size_t i)
{
    return &file->arrays[i];
}

const tw_array *tw_safetensors_find(const tw_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->arrays[i].name, name) == 0)
            return &file->arrays[i];
    return NULL;
}
