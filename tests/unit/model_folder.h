#ifndef TW_TESTS_MODEL_FOLDER_H
#define TW_TESTS_MODEL_FOLDER_H

#include "model/model.h"
#include "tensor/safetensors.h"

/* A model folder of a test's own, as a rule a copy of the fixture to be spoilt.
 * Failures end the test. */

#define GPT2 "tests/fixtures/gpt2"
#define VOCABULARY "tests/fixtures/unigram/spiece.model"

extern char folder[];

/* cmocka's setup and teardown. */
int make_folder(void **state);
int remove_folder(void **state);

void empty_folder(void);
/* config.json, model.safetensors and spiece.model of the fixture. */
void fresh_folder(void);

/* Path of a file in it; the caller frees. */
char *in_folder(const char *name);
void folder_put(const char *name, const void *bytes, size_t size);
/* Content of a file of any folder; the caller frees. */
char *folder_get(const char *in, const char *name, size_t *size);

/* A file of any folder, copied into it. */
void folder_copy(const char *from, const char *name);

/* It must not open, whatever for: the message names it and contains `message`. */
void expect_refused(const char *message);

/* config.json of the fixture with one field set (NULL: removed). */
void set_config(const char *key, const char *value);

/* Opens a model that must open. */
tw_model *open_folder(const char *path, tw_use use);

/* The fixture's arrays, to be written again after a change. */
typedef struct arrays {
    tw_safetensors *file;
    tw_array *all;
    size_t count;
} arrays;

arrays open_arrays(void);
void write_arrays(const arrays *changed);
void close_arrays(arrays *open);

#endif
