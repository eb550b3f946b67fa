#ifndef TW_CORE_MEMORY_H
#define TW_CORE_MEMORY_H

#include <stddef.h>

/* Memory. Running out of it is the one failure the library does not return:
 * the handler set by tw_on_out_of_memory is called (the default prints one line
 * and exits 1), so no caller ever sees NULL from this header. */

void tw_on_out_of_memory(void (*handler)(size_t bytes));

/* count * size bytes, zeroed, 64-byte aligned; overflow counts as exhaustion.
 * The caller frees with free(). */
void *tw_alloc(size_t count, size_t size);

/* Like reallocarray (the new part is not zeroed, no alignment beyond malloc's). */
void *tw_realloc(void *old, size_t count, size_t size);

/* Room that only grows, for a caller who asks again and again; zero-initialise, free with
 * free(scratch->data). */
typedef struct tw_scratch {
    void *data;
    size_t bytes;
} tw_scratch;

/* At least count * size bytes, their content whatever it is; valid until the next call. */
void *tw_scratch_room(tw_scratch *scratch, size_t count, size_t size)
    __attribute__((returns_nonnull));

char *tw_strdup(const char *text);
char *tw_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A region that is given back as a whole: allocations live until the arena is
 * reset to an earlier mark. Blocks are kept for reuse until tw_arena_free, or made one. */
typedef struct tw_arena tw_arena;

typedef struct tw_arena_mark {
    size_t block, used;
} tw_arena_mark;

tw_arena *tw_arena_new(size_t block_bytes);
void tw_arena_free(tw_arena *arena); /* accepts NULL */

/* 64-byte aligned, not zeroed. */
void *tw_arena_alloc(tw_arena *arena, size_t count, size_t size);
/* The same, zeroed. */
void *tw_arena_zero(tw_arena *arena, size_t count, size_t size);

tw_arena_mark tw_arena_now(const tw_arena *arena);
void tw_arena_reset(tw_arena *arena, tw_arena_mark mark);
/* Gives all of it back. Several blocks become one, a quarter larger than the peak: batches of one
 * size after another would else leave memory behind that fits none of them. */
void tw_arena_clear(tw_arena *arena);
/* Most bytes ever in use. */
size_t tw_arena_peak(const tw_arena *arena);

#endif
