#include "metric/lcs.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/memory.h"

enum { BLOCK = 64 };

void tw_lcs_free(tw_lcs *lcs)
{
    tw_table_free(&lcs->numbers);
    free(lcs->rows);
    free(lcs->masks);
    free(lcs->carries);
    free(lcs->bits);
    *lcs = (tw_lcs){0};
}

/* Numbers the words of a[n] from 0 in order of appearance. */
static void number_rows(tw_lcs *lcs, const int32_t *a, size_t n)
{
    if (lcs->row_capacity < n) {
        lcs->row_capacity = 2 * n;
        lcs->rows = tw_realloc(lcs->rows, lcs->row_capacity, sizeof *lcs->rows);
        lcs->masks = tw_realloc(lcs->masks, lcs->row_capacity, sizeof *lcs->masks);
        lcs->carries = tw_realloc(lcs->carries, lcs->row_capacity, 1);
    }
    tw_table_clear(&lcs->numbers, n);
    int64_t next = 0;
    for (size_t i = 0; i < n; i++) {
        const int64_t number = *tw_table_at(&lcs->numbers, (uint64_t)a[i], next);
        lcs->rows[i] = (uint32_t)number;
        next += number == next;
        lcs->masks[i] = 0;
        lcs->carries[i] = 0;
    }
}

/* Marks, or clears again, where the words of b[count] stand in their block. */
static void set_masks(tw_lcs *lcs, const int32_t *b, size_t count, bool on)
{
    for (size_t j = 0; j < count; j++) {
        const int64_t *number = tw_table_find(&lcs->numbers, (uint64_t)b[j]);
        if (number && on)
            lcs->masks[*number] |= UINT64_C(1) << j;
        else if (number)
            lcs->masks[*number] = 0;
    }
}

/* One block of columns through all rows; keeps each row's word in bits[] at
 * `stride` when bits is not NULL. Returns how much the length grows in it. */
static size_t run_block(tw_lcs *lcs, size_t n, uint64_t *bits, size_t stride)
{
    uint64_t flat = ~UINT64_C(0);
    for (size_t i = 0; i < n; i++) {
        const uint64_t match = flat & lcs->masks[lcs->rows[i]];
        uint64_t sum;
        bool carry = __builtin_add_overflow(flat, match, &sum);
        carry |= __builtin_add_overflow(sum, (uint64_t)lcs->carries[i], &sum);
        lcs->carries[i] = carry;
        flat = sum | (flat & ~match);
        if (bits)
            bits[i * stride] = flat;
    }
    return (size_t)__builtin_popcountll(~flat);
}

static size_t run(tw_lcs *lcs, const int32_t *a, size_t n, const int32_t *b, size_t m,
                  uint64_t *bits)
{
    const size_t blocks = (m + BLOCK - 1) / BLOCK;
    size_t length = 0;
    number_rows(lcs, a, n);
    for (size_t k = 0; k < blocks; k++) {
        const size_t count = m - k * BLOCK < BLOCK ? m - k * BLOCK : BLOCK;
        set_masks(lcs, b + k * BLOCK, count, true);
        length += run_block(lcs, n, bits ? bits + k : NULL, blocks);
        set_masks(lcs, b + k * BLOCK, count, false);
    }
    return length;
}

size_t tw_lcs_length(tw_lcs *lcs, const int32_t *a, size_t n, const int32_t *b, size_t m)
{
    return n && m ? run(lcs, a, n, b, m, NULL) : 0;
}

/* 1 where the length grows at column j of row i (rows from 1; row 0 is flat). */
static size_t grows(const tw_lcs *lcs, size_t blocks, size_t i, size_t j)
{
    return i == 0 ? 0 : ~lcs->bits[(i - 1) * blocks + j / BLOCK] >> j % BLOCK & 1;
}

/* The length at row i for the first j columns. */
static size_t length_at(const tw_lcs *lcs, size_t blocks, size_t i, size_t j)
{
    size_t length = 0;
    if (i == 0)
        return 0;
    const uint64_t *row = lcs->bits + (i - 1) * blocks;
    for (size_t k = 0; k < j / BLOCK; k++)
        length += (size_t)__builtin_popcountll(~row[k]);
    if (j % BLOCK)
        length += (size_t)__builtin_popcountll(~row[j / BLOCK] << (BLOCK - j % BLOCK));
    return length;
}

void tw_lcs_mark(tw_lcs *lcs, const int32_t *a, size_t n, const int32_t *b, size_t m,
                 uint8_t *marks)
{
    const size_t blocks = (m + BLOCK - 1) / BLOCK;
    if (n == 0 || m == 0)
        return;
    if (lcs->bit_capacity < n * blocks) {
        lcs->bit_capacity = n * blocks;
        free(lcs->bits);
        lcs->bits = tw_alloc(n * blocks, sizeof *lcs->bits);
    }
    size_t i = n, j = m;
    size_t here = run(lcs, a, n, b, m, lcs->bits);
    size_t above = length_at(lcs, blocks, i - 1, j);
    while (here > 0) {
        const size_t left = here - grows(lcs, blocks, i, j - 1);
        if (a[i - 1] != b[j - 1] && left > above) {
            above -= grows(lcs, blocks, i - 1, j - 1);
            here = left;
            j--;
            continue;
        }
        if (a[i - 1] == b[j - 1]) {
            marks[i - 1] = 1;
            above -= grows(lcs, blocks, i - 1, j - 1);
            j--;
        }
        i--;
        here = above;
        above = i > 0 ? length_at(lcs, blocks, i - 1, j) : 0;
    }
}
