#ifndef TW_CORE_HASH_H
#define TW_CORE_HASH_H

#include <stddef.h>

/* XXH3 of 128 bits (libxxhash; `xxh128sum` prints the same 32 digits). It tells contents apart and
 * finds damage. It does not withstand forgery. */

enum { TW_XXH3_TEXT = 33 }; /* 32 hexadecimal digits and a NUL */

/* A digest that is built up piece by piece. */
typedef struct tw_xxh3 tw_xxh3;

tw_xxh3 *tw_xxh3_new(void);
void tw_xxh3_free(tw_xxh3 *hash); /* accepts NULL */

void tw_xxh3_add(tw_xxh3 *hash, const void *bytes, size_t count);

/* The digest of what was added so far; more may be added afterwards. */
void tw_xxh3_text(const tw_xxh3 *hash, char text[TW_XXH3_TEXT]);

/* The digest of a regular file. -1 when it cannot be read or is none. */
int tw_xxh3_file(const char *path, char text[TW_XXH3_TEXT]);

#endif
