/* Rounds a safetensors file of 32-bit floats to bfloat16.
 * Usage: bench_bf16 IN OUT. The tensors keep their order and names. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* To nearest, ties to even; the weights are finite. */
static uint16_t round_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* The header with types and offsets of half the size; NULL if something is not F32. */
static char *halved(json_t *header)
{
    const char *name;
    json_t *tensor;
    json_object_del(header, "__metadata__");
    json_object_foreach(header, name, tensor)
    {
        const char *type = json_string_value(json_object_get(tensor, "dtype"));
        json_t *offsets = json_object_get(tensor, "data_offsets");
        if (!type || strcmp(type, "F32") != 0 || json_array_size(offsets) != 2)
            return NULL;
        json_object_set_new(tensor, "dtype", json_string("BF16"));
        for (size_t i = 0; i < 2; i++)
            json_array_set_new(offsets, i,
                               json_integer(json_integer_value(json_array_get(offsets, i)) / 2));
    }
    return json_dumps(header, JSON_COMPACT);
}

static int convert(FILE *in, FILE *out)
{
    uint64_t size;
    if (fread(&size, sizeof size, 1, in) != 1 || size > 1 << 26)
        return -1;
    char *text = malloc(size);
    json_t *header =
        text && fread(text, 1, size, in) == size ? json_loadb(text, size, 0, NULL) : NULL;
    free(text);
    text = header ? halved(header) : NULL;
    json_decref(header);
    if (!text)
        return -1;
    /* Spaces at its end keep the data aligned. */
    size_t length = strlen(text), padded = (length + 7) / 8 * 8;
    size = padded;
    fwrite(&size, sizeof size, 1, out);
    fprintf(out, "%s%*s", text, (int)(padded - length), "");
    free(text);
    float values[4096];
    uint16_t rounded[4096];
    for (size_t count; (count = fread(values, sizeof *values, 4096, in)) > 0;) {
        for (size_t i = 0; i < count; i++)
            rounded[i] = round_bf16(values[i]);
        fwrite(rounded, sizeof *rounded, count, out);
    }
    return ferror(in) || ferror(out) ? -1 : 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_bf16 IN OUT\n");
        return 2;
    }
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    int failed = !in || !out || convert(in, out) < 0;
    if (out && fclose(out) != 0)
        failed = 1;
    if (in)
        fclose(in);
    if (failed)
        fprintf(stderr, "bench_bf16: %s could not be rounded to %s\n", argv[1], argv[2]);
    return failed;
}
