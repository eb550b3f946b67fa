/* Adapter folders as PEFT writes them: adapter_config.json, a NUL, then adapter_model.safetensors:
 * raw after an odd byte, else (even byte, 2 bytes n) its header, whose length is made true, over
 * 4 n bytes of data. The base model is called "base". What opens is saved, and opens again. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/memory.h"
#include "expect.h"
#include "model/lora.h"
#include "model/model.h"

#define BASE "tests/fixtures/gpt2"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static char folder[] = "/tmp/tokenwise-fuzz-XXXXXX";
static char *config, *weights, *base;

static void remove_folder(void)
{
    unlink(config);
    unlink(weights);
    unlink(base);
    rmdir(folder);
    free(config);
    free(weights);
    free(base);
}

static void make_folder(void)
{
    char *model = realpath(BASE, NULL);
    expect(model && mkdtemp(folder), "run this in the root of the repository");
    config = tw_join_path(folder, "adapter_config.json");
    weights = tw_join_path(folder, "adapter_model.safetensors");
    base = tw_join_path(folder, "base");
    expect(symlink(model, base) == 0, "symlink");
    atexit(remove_folder);
    free(model);
}

/* A file of three parts; without waiting for the disk. */
static void put(const char *path, const void *head, size_t length, const void *bytes, size_t size,
                const void *tail, size_t more)
{
    FILE *file = fopen(path, "wb");
    expect(file && fwrite(head, 1, length, file) == length &&
               fwrite(bytes, 1, size, file) == size && fwrite(tail, 1, more, file) == more &&
               fclose(file) == 0,
           "write");
}

static void put_weights(const uint8_t *bytes, size_t size)
{
    static const char data[4 * 65536];
    if (size < 3 || bytes[0] % 2) {
        put(weights, bytes + (size > 0), size - (size > 0), "", 0, "", 0);
        return;
    }
    const uint64_t length = size - 3;
    put(weights, &length, sizeof length, bytes + 3, size - 3, data,
        4 * (bytes[1] + 256 * (size_t)bytes[2]));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!config)
        make_folder();
    const uint8_t *end = size ? memchr(bytes, 0, size) : NULL;
    const size_t length = end ? (size_t)(end - bytes) : size;
    put(config, bytes, length, "", 0, "", 0);
    put_weights(end ? end + 1 : bytes + size, end ? size - length - 1 : 0);
    for (int use = TW_USE_FROZEN; use <= TW_USE_ADAPTER; use++) {
        tw_model *model = tw_model_open(folder, (tw_use)use);
        if (!model)
            return 0;
        /* Merged it is an ordinary model. */
        const size_t rank = model->lora ? model->lora->rank : 0;
        expect(model->lora && model->lora->count > 0, "an adapter has layers");
        if (use != TW_USE_TRAINABLE)
            expect(tw_lora_save(model, folder) == 0, "what opens must be saved");
        expect(model->lora->rank == rank && rank > 0, "an adapter has a rank");
        tw_model_free(model);
        model = tw_model_open(folder, (tw_use)use);
        expect(model != NULL, "what was saved must open");
        expect(model->lora->rank == rank, "the rank stays");
        tw_model_free(model);
    }
    return 0;
}
