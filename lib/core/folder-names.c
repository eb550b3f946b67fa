#include "core/folder-names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"

/* The first `weights` of them tell a folder of ours from others that hold a config.json. */
typedef struct names {
    int weights;
    const char *const *list; /* to NULL */
} names;

static const char *const model_names[] = {"model.safetensors",
                                          "adapter_model.safetensors",
                                          "config.json",
                                          "generation_config.json",
                                          "adapter_config.json",
                                          "guidance.json",
                                          "spiece.model",
                                          "tokenizer.model",
                                          "tokenizer.json",
                                          "vocab.json",
                                          "merges.txt",
                                          "tokenizer_config.json",
                                          "special_tokens_map.json",
                                          "added_tokens.json",
                                          "chat_template.jinja",
                                          "chat_template.json",
                                          "vocab.txt",
                                          "sentencepiece.bpe.model",
                                          "tekken.json",
                                          NULL};
static const char *const checkpoint_names[] = {"weights.safetensors", "adam.safetensors",
                                               "best.safetensors", "state.json", NULL};

static const names kinds[] = {
    [TW_FOLDER_MODEL] = {2, model_names}, [TW_FOLDER_CHECKPOINT] = {3, checkpoint_names}};

/* The index of name in the list, or -1. */
static int place_of(tw_folder_kind kind, const char *name)
{
    for (int i = 0; kinds[kind].list[i]; i++)
        if (strcmp(kinds[kind].list[i], name) == 0)
            return i;
    return -1;
}

bool tw_folder_name_known(const char *name)
{
    return place_of(TW_FOLDER_MODEL, name) >= 0 || place_of(TW_FOLDER_CHECKPOINT, name) >= 0;
}

const char *tw_folder_weights(tw_folder_kind kind)
{
    return kinds[kind].list[0];
}

/* What makes an entry foreign; NULL: nothing. */
static const char *fault_of(int folder, const char *name, tw_folder_kind kind)
{
    struct stat status;
    if (place_of(kind, name) < 0)
        return "which these programs do not write there";
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || S_ISREG(status.st_mode))
        return NULL;
    return S_ISLNK(status.st_mode) ? "a link" : "which is no regular file";
}

char *tw_folder_foreign(const char *path, tw_folder_kind kind)
{
    DIR *stream = opendir(path);
    if (!stream)
        return tw_format("it cannot be read (%s)", strerror(errno));
    bool any = false, weights = false;
    char *first = NULL; /* in alphabetical order, so that the message is always the same */
    for (const struct dirent *entry; (entry = readdir(stream));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        any = true;
        int place = place_of(kind, name);
        weights |= place >= 0 && place < kinds[kind].weights;
        if (fault_of(dirfd(stream), name, kind) && (!first || strcmp(name, first) < 0)) {
            free(first);
            first = tw_strdup(name);
        }
    }
    char *reason = NULL;
    if (first)
        reason = tw_format("it holds %s, %s", first, fault_of(dirfd(stream), first, kind));
    else if (any && !weights)
        reason = tw_strdup("it holds no weights");
    free(first);
    closedir(stream);
    return reason;
}
