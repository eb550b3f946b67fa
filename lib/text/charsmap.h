#ifndef TW_TEXT_CHARSMAP_H
#define TW_TEXT_CHARSMAP_H

#include <stddef.h>

/* libsentencepiece follows the normalisation tables of a model file without looking
 * whether they point into it. This looks, before the file is handed over: the
 * protocol buffer's outer structure (sentencepiece_model.proto), and in its two
 * normalizer_specs the precompiled_charsmap: a double array trie (darts-clone)
 * whose leaves are offsets into NUL-terminated replacements. Returns -1 with a
 * message that does not name the file. */
int tw_charsmap_check(const char *model, size_t size);

#endif
