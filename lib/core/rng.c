#include "core/rng.h"
#include "core/math.h"

#include <assert.h>
#include <math.h>

enum { ROUNDS = 10 };

/* Multipliers and Weyl constants of Philox4x32 (Salmon et al., table 2). */
static const uint32_t multiplier[2] = {0xD2511F53, 0xCD9E8D57};
static const uint32_t weyl[2] = {0x9E3779B9, 0xBB67AE85};

void tw_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t x[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k[2] = {key[0], key[1]};
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t low = (uint64_t)multiplier[0] * x[0];
        uint64_t high = (uint64_t)multiplier[1] * x[2];
        x[0] = (uint32_t)(high >> 32) ^ x[1] ^ k[0];
        x[1] = (uint32_t)high;
        x[2] = (uint32_t)(low >> 32) ^ x[3] ^ k[1];
        x[3] = (uint32_t)low;
        k[0] += weyl[0];
        k[1] += weyl[1];
    }
    for (int i = 0; i < 4; i++)
        out[i] = x[i];
}

/* The 128 bits of a counter: c, then b below the purpose, then a; the seed is
 * the key. Two draws of 64 bits come out. */
static void draw(uint64_t seed, tw_purpose purpose, uint64_t a, uint32_t b, uint32_t c,
                 uint64_t out[2])
{
    assert(b < 1U << 24);
    uint32_t counter[4] = {c, b | (uint32_t)purpose << 24, (uint32_t)a, (uint32_t)(a >> 32)};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t block[4];
    tw_philox(counter, key, block);
    out[0] = block[0] | (uint64_t)block[1] << 32;
    out[1] = block[2] | (uint64_t)block[3] << 32;
}

static double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

uint64_t tw_random(uint64_t seed, tw_purpose purpose, uint64_t a, uint32_t b, uint32_t c)
{
    uint64_t bits[2];
    draw(seed, purpose, a, b, c, bits);
    return bits[0];
}

double tw_uniform(uint64_t seed, tw_purpose purpose, uint64_t a, uint32_t b, uint32_t c)
{
    return unit(tw_random(seed, purpose, a, b, c));
}

double tw_normal(uint64_t seed, tw_purpose purpose, uint64_t a, uint32_t b, uint32_t c)
{
    uint64_t bits[2];
    draw(seed, purpose, a, b, c, bits);
    /* 1 - u is in (0, 1], so the logarithm is finite. */
    double radius = sqrt(-2 * tw_log(1 - unit(bits[0])));
    return radius * tw_cos(6.283185307179586477 * unit(bits[1]));
}

void tw_permutation(uint64_t seed, tw_purpose purpose, uint64_t a, uint32_t b, size_t count,
                    uint32_t *order)
{
    assert(count <= UINT32_MAX);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        /* 64 random bits scaled to [0, i): the bias is below i / 2^64. */
        uint64_t bits = tw_random(seed, purpose, a, b, (uint32_t)(i - 1));
        size_t j = (size_t)(((unsigned __int128)bits * i) >> 64);
        uint32_t moved = order[i - 1];
        order[i - 1] = order[j];
        order[j] = moved;
    }
}

uint64_t tw_hash(const void *bytes, size_t count)
{
    const unsigned char *byte = bytes;
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3;
    return hash;
}
