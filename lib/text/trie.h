#ifndef TW_TEXT_TRIE_H
#define TW_TEXT_TRIE_H

#include <stddef.h>
#include <stdint.h>

/* Byte strings that begin a text, found byte by byte. Nodes are numbered breadth first from
 * the root, 0, so that the children of one stand together, by their byte. */
typedef struct tw_trie {
    uint32_t *first; /* [count + 1]; the children of node n are first[n] .. first[n + 1] */
    uint8_t *labels; /* [count]; the byte that leads to a node */
    int32_t *values; /* [count]; of the string that ends in a node, -1 if none does */
    size_t count;
} tw_trie;

typedef struct tw_trie_key {
    const char *bytes;
    size_t count;
    int32_t value; /* >= 0; of equal keys the largest counts */
} tw_trie_key;

/* Sorts keys[count]; all of them together have fewer than 2^31 bytes. tw_trie_clear frees. */
tw_trie tw_trie_new(tw_trie_key *keys, size_t count);
void tw_trie_clear(tw_trie *trie);

/* The node behind `node` by `byte`, 0 if there is none. */
uint32_t tw_trie_step(const tw_trie *trie, uint32_t node, unsigned char byte);

/* The value of bytes[count], -1 if it is none of the keys. */
int32_t tw_trie_find(const tw_trie *trie, const char *bytes, size_t count);

#endif
