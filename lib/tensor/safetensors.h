#ifndef TW_TENSOR_SAFETENSORS_H
#define TW_TENSOR_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

/* The safetensors format (github.com/huggingface/safetensors): 8 bytes header
 * length (little endian), that many bytes of JSON, then the tensors' bytes. */

typedef enum tw_dtype {
    TW_F32,
    TW_F16,
    TW_BF16,
    TW_I32,
    TW_I64,
    /* Recognised, so that a file that also holds constants of these types opens. */
    TW_F64,
    TW_I16,
    TW_I8,
    TW_U8,
    TW_BOOL,
    TW_DTYPES
} tw_dtype;

enum { TW_MAX_RANK = 4 };

size_t tw_dtype_size(tw_dtype dtype);      /* bytes */
const char *tw_dtype_name(tw_dtype dtype); /* "F32" */

typedef struct tw_array {
    const char *name;
    tw_dtype dtype;
    int rank;
    size_t shape[TW_MAX_RANK];
    size_t count;     /* product of shape */
    const void *data; /* into the map (reader) or the caller's memory (writer) */
} tw_array;

typedef struct tw_safetensors tw_safetensors;

/* Maps a file read-only. Before any data is touched: the header length against
 * the file size (and 100 MB), JSON, dtype, shape, offsets in order, without
 * overlap or hole, within the file, size = product of shape x dtype. A message
 * names file, tensor and field. NULL on failure. */
tw_safetensors *tw_safetensors_open(const char *path);
void tw_safetensors_close(tw_safetensors *file); /* accepts NULL */

const char *tw_safetensors_path(const tw_safetensors *file);
size_t tw_safetensors_count(const tw_safetensors *file);
/* i-th array in file order; borrowed until close. */
const tw_array *tw_safetensors_at(const tw_safetensors *file, size_t i);
/* NULL if there is none of that name (no message is set). */
const tw_array *tw_safetensors_find(const tw_safetensors *file, const char *name);

/* Converts to fp32: out[array->count]. Fails on any type but F32, F16 and BF16, and
 * on the first NaN or infinity, which it names by tensor and index. */
int tw_array_to_f32(const tw_safetensors *file, const tw_array *array, float *out);

/* The values where they lie, for an F32 array that is aligned to 4 bytes, after the
 * same check for NaN and infinity; *view is NULL for any other (convert it then). */
int tw_array_view_f32(const tw_safetensors *file, const tw_array *array, const float **view);

/* The same for a BF16 array, aligned to 2 bytes. */
int tw_array_view_bf16(const tw_safetensors *file, const tw_array *array, const uint16_t **view);

/* Writes arrays in the given order with __metadata__ {"format":"pt"} (what
 * transformers expects); the data begins at a multiple of 64 bytes. Written to path directly
 * and fsynced: atomicity is the caller's (model folders are renamed whole).
 * On failure the file is removed. */
int tw_safetensors_write(const char *path, const tw_array *arrays, size_t count);

#endif
