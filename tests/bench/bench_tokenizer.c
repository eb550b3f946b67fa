/* Texts that a tokenizer encodes in a second, on one core and from a cold start.
 * Usage: bench_tokenizer FOLDER TEXTS.json [IDS]
 * TEXTS is a list of strings. Prints {"texts", "tokens", "load", "rate"} (seconds, texts per
 * second) as JSON; writes the ids of each text as a line of IDS. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/tokenizer.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int encode_all(const tw_tokenizer *tokenizer, const json_t *texts, tw_ids *ids)
{
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i);
        if (tw_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text),
                                &ids[i]) < 0)
            return -1;
    }
    return 0;
}

static int write_ids(const char *path, const tw_ids *ids, size_t count)
{
    FILE *file = fopen(path, "w");
    for (size_t i = 0; file && i < count; i++) {
        for (size_t k = 0; k < ids[i].count; k++)
            fprintf(file, k ? " %d" : "%d", ids[i].ids[k]);
        fputc('\n', file);
    }
    return file && fclose(file) == 0 ? 0 : tw_fail("%s: cannot be written", path);
}

static int run(const char *folder, const json_t *texts, const char *path)
{
    const size_t count = json_array_size(texts);
    const double start = now();
    tw_tokenizer *tokenizer = tw_tokenizer_open(folder);
    const double opened = now();
    tw_ids *ids = tw_alloc(count, sizeof *ids);
    int status = tokenizer ? encode_all(tokenizer, texts, ids) : -1;
    const double seconds = now() - opened;
    size_t tokens = 0;
    for (size_t i = 0; i < count; i++)
        tokens += ids[i].count;
    if (status == 0)
        printf("{\"texts\": %zu, \"tokens\": %zu, \"load\": %.4f, \"rate\": %.0f}\n", count, tokens,
               opened - start, (double)count / seconds);
    if (status == 0 && path)
        status = write_ids(path, ids, count);
    for (size_t i = 0; i < count; i++)
        free(ids[i].ids);
    free(ids);
    tw_tokenizer_free(tokenizer);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: bench_tokenizer FOLDER TEXTS.json [IDS]\n");
        return 2;
    }
    json_t *texts = json_load_file(argv[2], JSON_ALLOW_NUL, NULL);
    int status = json_is_array(texts) ? run(argv[1], texts, argv[3])
                                      : tw_fail("%s: expected a list of strings", argv[2]);
    if (status < 0)
        fprintf(stderr, "bench_tokenizer: %s\n", tw_error());
    json_decref(texts);
    return status < 0;
}
