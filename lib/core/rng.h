#ifndef TW_CORE_RNG_H
#define TW_CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A draw
 * is a pure function of its arguments; there is no state to save or to race. */

/* What a draw is for, so that equal counters in different roles do not meet. */
typedef enum tw_purpose {
    TW_RNG_SAMPLE,    /* (record, sample, position) of a generated token */
    TW_RNG_SHUFFLE,   /* (epoch, 0, index) of a training order */
    TW_RNG_TIES,      /* (visit, group, index) of Plackett-Luce ties */
    TW_RNG_INIT,      /* (parameter, 0, index) of initial weights */
    TW_RNG_BOOTSTRAP, /* (resample, 0, index) */
    TW_RNG_SPLIT,     /* (record, 0, 0) of data splits */
    TW_RNG_SWAP,      /* (trial, 0, pair / 64) of randomization tests */
    TW_RNG_EXAMPLES   /* (record, 0, index) of a classifier's examples */
} tw_purpose;

/* The raw block: out[4] from a 128-bit counter and a 64-bit key. */
void tw_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* 64 random bits for (seed, purpose, a, b, c). b must be below 2^24 and c below
 * 2^32 (the rest is an error of the caller, asserted). */
uint64_t tw_random(uint64_t seed, tw_purpose purpose, uint64_t a, uint32_t b, uint32_t c);

/* The same as a double in [0, 1), 53 bits. */
double tw_uniform(uint64_t seed, tw_purpose purpose, uint64_t a, uint32_t b, uint32_t c);

/* A standard normal variate (Box-Muller on two draws). */
double tw_normal(uint64_t seed, tw_purpose purpose, uint64_t a, uint32_t b, uint32_t c);

/* order[count] becomes a permutation of 0..count-1 (Fisher-Yates, count < 2^32). */
void tw_permutation(uint64_t seed, tw_purpose purpose, uint64_t a, uint32_t b, size_t count,
                    uint32_t *order);

/* A 64-bit key of a text (FNV-1a); `id` strings of records become keys by it. */
uint64_t tw_hash(const void *bytes, size_t count);

#endif
