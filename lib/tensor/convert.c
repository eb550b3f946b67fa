/* Values of a safetensors file as fp32. */

#include <stdbool.h>
#include <string.h>

#include "core/error.h"
#include "tensor/safetensors.h"

enum { BLOCK = 4096 };

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Widening half precision: the exponent is re-biased by a multiplication, which
 * also normalises subnormals. Infinity and NaN are put right afterwards. */
static float from_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7FFF;
    float value = from_bits(rest << 13) * 0x1p112F;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (rest >= 0x7C00)
        bits |= 0x7F800000;
    return from_bits(sign | bits);
}

static bool is_finite_bits(uint32_t bits)
{
    return (bits & 0x7F800000) != 0x7F800000;
}

/* Index of the first value that is not finite, count if there is none. A block at
 * a time without a branch, so that the compiler makes vectors of it. */
static size_t first_bad(const void *values, size_t count)
{
    const uint8_t *from = values;
    for (size_t done = 0; done < count; done += BLOCK) {
        size_t size = count - done < BLOCK ? count - done : BLOCK;
        uint32_t bad = 0;
        for (size_t i = 0; i < size; i++) {
            uint32_t bits;
            memcpy(&bits, from + (done + i) * sizeof bits, sizeof bits);
            bad |= (uint32_t)!is_finite_bits(bits);
        }
        for (size_t i = 0; bad && i < size; i++) {
            uint32_t bits;
            memcpy(&bits, from + (done + i) * sizeof bits, sizeof bits);
            if (!is_finite_bits(bits))
                return done + i;
        }
    }
    return count;
}

static int check_finite(const tw_safetensors *file, const tw_array *array, const void *values)
{
    size_t bad = first_bad(values, array->count);
    if (bad == array->count)
        return 0;
    float value;
    memcpy(&value, (const uint8_t *)values + bad * sizeof value, sizeof value);
    return tw_fail("%s: tensor %s: value %zu is %s", tw_safetensors_path(file), array->name, bad,
                   value != value ? "NaN" : "infinite");
}

int tw_array_to_f32(const tw_safetensors *file, const tw_array *array, float *out)
{
    const uint8_t *data = array->data;
    uint16_t half;
    switch (array->dtype) {
    case TW_F32:
        memcpy(out, data, array->count * sizeof *out);
        break;
    case TW_F16:
        for (size_t i = 0; i < array->count; i++) {
            memcpy(&half, data + i * sizeof half, sizeof half);
            out[i] = from_f16(half);
        }
        break;
    case TW_BF16:
        for (size_t i = 0; i < array->count; i++) {
            memcpy(&half, data + i * sizeof half, sizeof half);
            out[i] = from_bits((uint32_t)half << 16);
        }
        break;
    default:
        return tw_fail("%s: tensor %s: dtype %s, expected F32, F16 or BF16",
                       tw_safetensors_path(file), array->name, tw_dtype_name(array->dtype));
    }
    return check_finite(file, array, out);
}

int tw_array_view_f32(const tw_safetensors *file, const tw_array *array, const float **view)
{
    *view = NULL;
    if (array->dtype != TW_F32 || (uintptr_t)array->data % sizeof(float) != 0)
        return 0;
    if (check_finite(file, array, array->data) < 0)
        return -1;
    *view = array->data;
    return 0;
}

/* As first_bad, of bf16. */
static size_t first_bad_half(const uint16_t *values, size_t count)
{
    for (size_t done = 0; done < count; done += BLOCK) {
        size_t size = count - done < BLOCK ? count - done : BLOCK;
        uint16_t bad = 0;
        for (size_t i = 0; i < size; i++)
            bad |= (values[done + i] & 0x7F80) == 0x7F80;
        for (size_t i = 0; bad && i < size; i++)
            if ((values[done + i] & 0x7F80) == 0x7F80)
                return done + i;
    }
    return count;
}

int tw_array_view_bf16(const tw_safetensors *file, const tw_array *array, const uint16_t **view)
{
    *view = NULL;
    if (array->dtype != TW_BF16 || (uintptr_t)array->data % sizeof(uint16_t) != 0)
        return 0;
    const uint16_t *values = array->data;
    size_t bad = first_bad_half(values, array->count);
    if (bad < array->count)
        return tw_fail("%s: tensor %s: value %zu is %s", tw_safetensors_path(file), array->name,
                       bad, values[bad] & 0x7F ? "NaN" : "infinite");
    *view = values;
    return 0;
}
