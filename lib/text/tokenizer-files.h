#ifndef TW_TEXT_TOKENIZER_FILES_H
#define TW_TEXT_TOKENIZER_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The files of a tokenizer, found, read and copied on as they are. */

typedef enum tw_tokenizer_kind {
    TW_SENTENCEPIECE, /* spiece.model or tokenizer.model */
    TW_TOKENIZER_JSON,
    TW_VOCAB_MERGES /* vocab.json and merges.txt */
} tw_tokenizer_kind;

/* In the order of tw_tokenizer_file_names. */
enum {
    TW_FILE_SPIECE,
    TW_FILE_MODEL,
    TW_FILE_JSON,
    TW_FILE_VOCAB,
    TW_FILE_MERGES,
    TW_FILE_CONFIG,
    TW_FILE_SPECIAL,
    TW_FILE_ADDED,
    TW_FILES_READ, /* what follows is carried to folders that are written, and means nothing here */
    TW_FILE_CHAT_TEMPLATE = TW_FILES_READ,
    TW_FILE_CHAT_TEMPLATE_JSON,
    TW_FILE_VOCAB_TEXT,
    TW_FILE_SENTENCEPIECE,
    TW_FILE_TEKKEN,
    TW_FILES
};
extern const char *const tw_tokenizer_file_names[TW_FILES];

typedef struct tw_tokenizer_files {
    tw_tokenizer_kind kind;
    int main;   /* the vocabulary: an index of names */
    char *path; /* of it, for messages */
    struct {
        char *bytes; /* a NUL follows; NULL: there is no such file */
        size_t size;
    } files[TW_FILES];
} tw_tokenizer_files;

/* path: a folder, or one of its files, or a vocabulary under any other name. Of a folder
 * with several vocabularies tokenizer.json counts, as with transformers, then the first in order.
 * -1 on failure (the message lists what was looked for); clear in any case. */
int tw_tokenizer_files_read(tw_tokenizer_files *files, const char *path);

/* One of the files as a JSON object, which the caller releases. *json stays as it is when there
 * is no such file. -1 with a message that names the file. */
int tw_tokenizer_files_parse(const tw_tokenizer_files *files, int file, json_t **json);

int tw_tokenizer_files_write(const tw_tokenizer_files *files, const char *folder);

/* Of what ids depend on. */
uint64_t tw_tokenizer_files_digest(const tw_tokenizer_files *files);

void tw_tokenizer_files_clear(tw_tokenizer_files *files);

#endif
