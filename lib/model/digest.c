/* Digests of model folders, taken at every start: they tell models apart. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/memory.h"
#include "model/lora.h"
#include "text/tokenizer-files.h"

/* Adds "DIGEST  NAME\n" for a file of the folder. One that is not there is left out if it is
 * optional. */
static int add_file(tw_xxh3 *hash, const char *folder, const char *name, bool optional)
{
    char digest[TW_XXH3_TEXT], *path = tw_join_path(folder, name), *line = NULL;
    int status = 0;
    if (!optional || access(path, F_OK) == 0) {
        status = tw_xxh3_file(path, digest);
        line = tw_format("%s  %s\n", digest, name);
    }
    if (line && status == 0)
        tw_xxh3_add(hash, line, strlen(line));
    free(line);
    free(path);
    return status;
}

static int add_weights(tw_xxh3 *hash, const char *folder)
{
    size_t count = 0;
    char **names = tw_shards_names(folder, true, &count);
    int status = names ? 0 : -1;
    for (size_t i = 0; i < count && status == 0; i++)
        status = add_file(hash, folder, names[i], false);
    free(names);
    return status;
}

static int add_model(tw_xxh3 *hash, const char *folder)
{
    if (add_file(hash, folder, "config.json", false) < 0 ||
        add_file(hash, folder, "generation_config.json", true) < 0 ||
        add_file(hash, folder, "guidance.json", true) < 0)
        return -1;
    for (int i = 0; i < TW_FILES_READ; i++)
        if (add_file(hash, folder, tw_tokenizer_file_names[i], true) < 0)
            return -1;
    return add_weights(hash, folder);
}

/* Where the base is does not matter, what it is does: not adapter_config.json as it is. */
static int add_adapter(tw_xxh3 *hash, const char *folder)
{
    struct tw_lora *lora = tw_lora_read_config(folder);
    if (!lora)
        return -1;
    char *targets = json_dumps(lora->targets, JSON_COMPACT);
    char *settings = tw_format("%zu %.17g %s\n", lora->rank, lora->alpha, targets);
    tw_xxh3_add(hash, settings, strlen(settings));
    int status = add_file(hash, folder, "adapter_model.safetensors", false);
    if (status == 0)
        status = add_model(hash, lora->base);
    free(settings);
    free(targets);
    tw_lora_free(lora);
    return status;
}

int tw_model_digest(const char *folder, char digest[TW_XXH3_TEXT])
{
    tw_xxh3 *hash = tw_xxh3_new();
    const int status = tw_lora_is(folder) ? add_adapter(hash, folder) : add_model(hash, folder);
    tw_xxh3_text(hash, digest);
    tw_xxh3_free(hash);
    return status;
}

char *tw_model_digest_line(const char *folder)
{
    char digest[TW_XXH3_TEXT];
    return tw_model_digest(folder, digest) < 0 ? NULL : tw_format("%s  %s", digest, folder);
}
