#include "core/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

enum { ALIGNMENT = 64 };

static void give_up(size_t bytes)
{
    tw_warn("out of memory (asked for %zu bytes)", bytes);
    exit(TW_EXIT_DATA);
}

static void (*out_of_memory)(size_t bytes) = give_up;

void tw_on_out_of_memory(void (*handler)(size_t bytes))
{
    out_of_memory = handler;
}

static _Noreturn void exhausted(size_t bytes)
{
    out_of_memory(bytes);
    abort(); /* a handler must not return */
}

static size_t product(size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
        exhausted(SIZE_MAX);
    return bytes;
}

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *tw_alloc(size_t count, size_t size)
{
    size_t bytes = round_up(product(count, size));
    if (bytes == 0)
        bytes = ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, bytes);
    if (!memory)
        exhausted(bytes);
    return memset(memory, 0, bytes);
}

void *tw_realloc(void *old, size_t count, size_t size)
{
    size_t bytes = product(count, size);
    void *memory = realloc(old, bytes ? bytes : 1);
    if (!memory)
        exhausted(bytes);
    return memory;
}

void *tw_scratch_room(tw_scratch *scratch, size_t count, size_t size)
{
    const size_t bytes = product(count, size);
    if (!scratch->data || bytes > scratch->bytes) {
        free(scratch->data);
        scratch->data = tw_alloc(bytes, 1);
        scratch->bytes = bytes;
    }
    return scratch->data;
}

char *tw_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(tw_alloc(size, 1), text, size);
}

char *tw_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        exhausted(0);
    va_end(args);
    return text;
}

typedef struct block {
    char *memory;
    size_t size;
} block;

struct tw_arena {
    block *blocks;
    size_t count, block_bytes;
    tw_arena_mark now;
    size_t peak, before; /* before: bytes in the blocks below now.block */
};

tw_arena *tw_arena_new(size_t block_bytes)
{
    tw_arena *arena = tw_alloc(1, sizeof *arena);
    arena->block_bytes = round_up(block_bytes ? block_bytes : 1);
    return arena;
}

void tw_arena_free(tw_arena *arena)
{
    if (!arena)
        return;
    for (size_t i = 0; i < arena->count; i++)
        free(arena->blocks[i].memory);
    free(arena->blocks);
    free(arena);
}

static void add_block(tw_arena *arena, size_t bytes)
{
    size_t size = bytes > arena->block_bytes ? bytes : arena->block_bytes;
    char *memory = aligned_alloc(ALIGNMENT, size);
    if (!memory)
        exhausted(size);
    arena->blocks = tw_realloc(arena->blocks, arena->count + 1, sizeof *arena->blocks);
    arena->blocks[arena->count].memory = memory;
    arena->blocks[arena->count++].size = size;
}

void *tw_arena_alloc(tw_arena *arena, size_t count, size_t size)
{
    size_t bytes = round_up(product(count, size));
    while (arena->now.block == arena->count ||
           arena->blocks[arena->now.block].size - arena->now.used < bytes) {
        if (arena->now.block == arena->count) {
            add_block(arena, bytes);
            continue;
        }
        arena->before += arena->blocks[arena->now.block].size;
        arena->now = (tw_arena_mark){arena->now.block + 1, 0};
    }
    void *memory = arena->blocks[arena->now.block].memory + arena->now.used;
    arena->now.used += bytes;
    if (arena->before + arena->now.used > arena->peak)
        arena->peak = arena->before + arena->now.used;
    return memory;
}

void *tw_arena_zero(tw_arena *arena, size_t count, size_t size)
{
    return memset(tw_arena_alloc(arena, count, size), 0, product(count, size));
}

tw_arena_mark tw_arena_now(const tw_arena *arena)
{
    return arena->now;
}

void tw_arena_reset(tw_arena *arena, tw_arena_mark mark)
{
    arena->now = mark;
    arena->before = 0;
    for (size_t i = 0; i < mark.block; i++)
        arena->before += arena->blocks[i].size;
}

void tw_arena_clear(tw_arena *arena)
{
    if (arena->count > 1) {
        for (size_t i = 0; i < arena->count; i++)
            free(arena->blocks[i].memory);
        arena->count = 0;
        /* The room for more is only touched, and only then takes memory, when it is needed. */
        add_block(arena, round_up(arena->peak + arena->peak / 4));
    }
    tw_arena_reset(arena, (tw_arena_mark){0, 0});
}

size_t tw_arena_peak(const tw_arena *arena)
{
    return arena->peak;
}
