#ifndef TW_TESTS_RECORDED_TOKENIZERS_H
#define TW_TESTS_RECORDED_TOKENIZERS_H

#include <jansson.h>

#include "text/tokenizer.h"

/* Tokenizers of the fixtures and what an oracle recorded of them. Failures end the test and name
 * the tokenizer, `kind`, and the `line`. */

/* A JSON file, whose texts may hold NUL; the caller releases. */
json_t *load_recorded(const char *path);

/* The tokenizer of a folder or file `name` in `folder`; the caller frees. */
tw_tokenizer *open_tokenizer(const char *folder, const char *name);

/* A list of ids; the caller frees. */
tw_ids ids_of(const json_t *list);

void check_ids(const char *kind, size_t line, const json_t *expected, const tw_ids *found);
void check_encoded(const tw_tokenizer *tokenizer, const char *kind, size_t line, const json_t *text,
                   const json_t *expected);

/* What a recorded text is here, a NUL of it being U+FFFD; the caller frees. */
char *shown(const json_t *text);

/* What ids decode to, to the caller to free; and that it is what is recorded. */
char *decoded(const tw_tokenizer *tokenizer, const json_t *ids);
void check_decoded(const tw_tokenizer *tokenizer, const char *kind, size_t line, const json_t *ids,
                   const json_t *expected);

#endif
