#include "text/tokenizer-files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"

enum { MAX_FILE = 256 << 20 };

const char *const tw_tokenizer_file_names[TW_FILES] = {"spiece.model",
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
                                                       "tekken.json"};

static bool exists(const char *folder, int file)
{
    char *path = tw_join_path(folder, tw_tokenizer_file_names[file]);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

static int read_as(tw_tokenizer_files *files, int file, const char *path)
{
    free(files->files[file].bytes);
    files->files[file].bytes = tw_read_file(path, MAX_FILE, &files->files[file].size);
    return files->files[file].bytes ? 0 : -1;
}

static int read_in(tw_tokenizer_files *files, int file, const char *folder)
{
    char *path = tw_join_path(folder, tw_tokenizer_file_names[file]);
    int status = read_as(files, file, path);
    free(path);
    return status;
}

static int read_if_there(tw_tokenizer_files *files, const int *list, size_t count,
                         const char *folder)
{
    for (size_t i = 0; i < count; i++)
        if (exists(folder, list[i]) && read_in(files, list[i], folder) < 0)
            return -1;
    return 0;
}

static int read_carried(tw_tokenizer_files *files, const char *folder)
{
    for (int file = TW_FILES_READ; file < TW_FILES; file++)
        if (exists(folder, file) && read_in(files, file, folder) < 0)
            return -1;
    return 0;
}

/* The vocabulary in a folder, -1 if there is none. */
static int find_vocabulary(const char *folder)
{
    static const int order[] = {TW_FILE_JSON, TW_FILE_SPIECE, TW_FILE_MODEL, TW_FILE_VOCAB};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (exists(folder, order[i]))
            return order[i];
    const char *other = access(folder, F_OK) == 0 && exists(folder, TW_FILE_MERGES)
                            ? "; merges.txt is of no use without vocab.json"
                            : "";
    return tw_fail("%s: no tokenizer: looked for spiece.model and tokenizer.model "
                   "(SentencePiece), tokenizer.json, vocab.json with merges.txt%s",
                   folder, other);
}

/* A vocabulary of SentencePiece goes by our own name for it, unless a description says
 * otherwise; without that the others mean nothing. */
static int read_sentencepiece(tw_tokenizer_files *files, const char *folder, int file)
{
    static const int others[] = {TW_FILE_CONFIG, TW_FILE_SPECIAL, TW_FILE_ADDED};
    files->kind = TW_SENTENCEPIECE;
    files->main = exists(folder, TW_FILE_CONFIG) ? file : TW_FILE_SPIECE;
    if (read_as(files, files->main, files->path) < 0)
        return -1;
    return exists(folder, TW_FILE_CONFIG)
               ? read_if_there(files, others, sizeof others / sizeof *others, folder)
               : 0;
}

static int read_merges(tw_tokenizer_files *files, const char *folder)
{
    static const int others[] = {TW_FILE_CONFIG, TW_FILE_SPECIAL, TW_FILE_ADDED};
    files->kind = TW_VOCAB_MERGES;
    files->main = TW_FILE_VOCAB;
    if (read_as(files, TW_FILE_VOCAB, files->path) < 0)
        return -1;
    if (read_in(files, TW_FILE_MERGES, folder) < 0)
        return tw_fail_in("vocab.json needs merges.txt beside it");
    return read_if_there(files, others, sizeof others / sizeof *others, folder);
}

static int read_folder(tw_tokenizer_files *files, const char *folder, int file)
{
    static const int others[] = {TW_FILE_SPIECE, TW_FILE_MODEL,   TW_FILE_VOCAB, TW_FILE_MERGES,
                                 TW_FILE_CONFIG, TW_FILE_SPECIAL, TW_FILE_ADDED};
    if (read_carried(files, folder) < 0)
        return -1;
    files->path = tw_join_path(folder, tw_tokenizer_file_names[file]);
    if (file == TW_FILE_SPIECE || file == TW_FILE_MODEL)
        return read_sentencepiece(files, folder, file);
    if (file == TW_FILE_VOCAB || file == TW_FILE_MERGES) {
        free(files->path);
        files->path = tw_join_path(folder, tw_tokenizer_file_names[TW_FILE_VOCAB]);
        return read_merges(files, folder);
    }
    files->kind = TW_TOKENIZER_JSON;
    files->main = TW_FILE_JSON;
    if (read_as(files, TW_FILE_JSON, files->path) < 0)
        return -1;
    return read_if_there(files, others, sizeof others / sizeof *others, folder);
}

/* A file by itself: JSON or a SentencePiece model, whatever its name. */
static int read_alone(tw_tokenizer_files *files, const char *path)
{
    files->path = tw_strdup(path);
    files->kind = TW_SENTENCEPIECE;
    files->main = TW_FILE_SPIECE;
    if (read_as(files, TW_FILE_SPIECE, path) < 0)
        return -1;
    size_t length = strlen(path);
    bool named = length >= 5 && strcmp(path + length - 5, ".json") == 0;
    if (!named && files->files[TW_FILE_SPIECE].bytes[0] != '{')
        return 0;
    files->kind = TW_TOKENIZER_JSON;
    files->main = TW_FILE_JSON;
    files->files[TW_FILE_JSON] = files->files[TW_FILE_SPIECE];
    files->files[TW_FILE_SPIECE].bytes = NULL;
    return 0;
}

/* One of the files of JSON tokenizers stands for its folder, where the others are. */
static int read_file(tw_tokenizer_files *files, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (int file = TW_FILE_JSON; file <= TW_FILE_MERGES; file++) {
        if (strcmp(name, tw_tokenizer_file_names[file]) != 0)
            continue;
        char *folder = slash ? tw_format("%.*s", (int)(slash - path) + 1, path) : tw_strdup("./");
        int status = read_folder(files, folder, file);
        free(folder);
        return status;
    }
    return read_alone(files, path);
}

int tw_tokenizer_files_read(tw_tokenizer_files *files, const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return tw_fail("%s: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return read_file(files, path);
    int file = find_vocabulary(path);
    return file < 0 ? -1 : read_folder(files, path, file);
}

int tw_tokenizer_files_parse(const tw_tokenizer_files *files, int file, json_t **json)
{
    json_error_t error;
    /* transformers writes a model_max_length of 10^30 into most configurations. */
    size_t flags = file == TW_FILE_CONFIG ? JSON_DECODE_INT_AS_REAL : 0;
    if (!files->files[file].bytes)
        return 0;
    *json = json_loadb(files->files[file].bytes, files->files[file].size, flags, &error);
    if (json_is_object(*json))
        return 0;
    const char *slash = strrchr(files->path, '/');
    char *name = file == files->main
                     ? tw_strdup(files->path)
                     : tw_format("%.*s%s", slash ? (int)(slash - files->path) + 1 : 0, files->path,
                                 tw_tokenizer_file_names[file]);
    if (*json)
        tw_fail("%s: expected a JSON object", name);
    else
        tw_fail("%s: not valid JSON (line %d: %s)", name, error.line, error.text);
    free(name);
    return -1;
}

int tw_tokenizer_files_write(const tw_tokenizer_files *files, const char *folder)
{
    for (int file = 0; file < TW_FILES; file++) {
        if (!files->files[file].bytes)
            continue;
        char *path = tw_join_path(folder, tw_tokenizer_file_names[file]);
        int status = tw_write_file(path, files->files[file].bytes, files->files[file].size);
        free(path);
        if (status < 0)
            return -1;
    }
    return 0;
}

uint64_t tw_tokenizer_files_digest(const tw_tokenizer_files *files)
{
    uint64_t digest = tw_hash(files->files[files->main].bytes, files->files[files->main].size);
    if (files->kind != TW_VOCAB_MERGES)
        return digest;
    uint64_t both[] = {
        digest, tw_hash(files->files[TW_FILE_MERGES].bytes, files->files[TW_FILE_MERGES].size)};
    return tw_hash(both, sizeof both);
}

void tw_tokenizer_files_clear(tw_tokenizer_files *files)
{
    for (int file = 0; file < TW_FILES; file++)
        free(files->files[file].bytes);
    free(files->path);
    *files = (tw_tokenizer_files){0};
}
