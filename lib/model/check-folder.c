/* What a user gives in place of a model folder, and what to do then. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/model.h"

#define EXPECTED "expected a model folder (config.json, model.safetensors, tokenizer files)"

static bool ends_in(const char *name, const char *end)
{
    const size_t length = strlen(name), size = strlen(end);
    return length > size && strcasecmp(name + length - size, end) == 0;
}

/* `owner/name`, or `gpt2`. */
static bool is_hub_name(const char *path)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t owner = strspn(path, allowed);
    if (owner == 0 || path[0] == '.' || path[0] == '-')
        return false;
    if (path[owner] != '/')
        return !path[owner];
    const size_t name = strspn(path + owner + 1, allowed);
    return name > 0 && !path[owner + 1 + name];
}

static int fail_missing(const char *path)
{
    if (!is_hub_name(path))
        return tw_fail("%s: No such file or directory", path);
    return tw_fail("%s: No such file or directory; if this is a name on the Hugging Face hub, "
                   "download the folder first: hf download %s --local-dir FOLDER",
                   path, path);
}

static bool has(const char *folder, const char *name)
{
    char *path = tw_join_path(folder, name);
    const bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

/* The name of a file of GGUF in the folder, NULL if there is none; the caller frees. */
static char *find_gguf(const char *folder)
{
    DIR *stream = opendir(folder);
    char *found = NULL;
    for (const struct dirent *entry; stream && !found && (entry = readdir(stream));)
        if (ends_in(entry->d_name, ".gguf"))
            found = tw_strdup(entry->d_name);
    if (stream)
        closedir(stream);
    return found;
}

static int check_content(const char *folder)
{
    if (has(folder, "config.json") || has(folder, "adapter_config.json"))
        return 0;
    if (has(folder, "snapshots"))
        return tw_fail("%s: a folder of the hub's cache; the model is in one of %s/snapshots/*",
                       folder, folder);
    char *gguf = find_gguf(folder);
    if (!gguf)
        return 0; /* what reads config.json says that it is not there */
    tw_fail("%s: it holds %s, and GGUF is not read yet; " EXPECTED, folder, gguf);
    free(gguf);
    return -1;
}

int tw_model_check_folder(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return errno == ENOENT ? fail_missing(path) : tw_fail("%s: %m", path);
    if (S_ISDIR(status.st_mode))
        return check_content(path);
    if (ends_in(path, ".gguf"))
        return tw_fail("%s: GGUF is not read yet; " EXPECTED, path);
    return tw_fail("%s: not a folder; " EXPECTED, path);
}
