/* Allocations, arenas, and what happens when there is no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above. */
#include <cmocka.h>

#include "core/error.h"
#include "core/memory.h"

/* Let the sanitizer's allocator refuse as the system's does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static jmp_buf exhausted;
static size_t asked;

static void note(size_t bytes)
{
    asked = bytes;
    longjmp(exhausted, 1); // NOLINT(cert-err52-cpp): a handler must not return
}

static bool aligned(const void *memory)
{
    return (uintptr_t)memory % 64 == 0;
}

static void test_alloc(void **state)
{
    (void)state;
    for (size_t count = 0; count < 300; count += 7) {
        char *memory = tw_alloc(count, 3);
        assert_true(aligned(memory));
        for (size_t i = 0; i < count * 3; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 1, count * 3);
        free(memory);
    }
    int *grown = tw_realloc(NULL, 2, sizeof *grown);
    grown[1] = 5;
    grown = tw_realloc(grown, 1000, sizeof *grown);
    assert_int_equal(grown[1], 5);
    free(grown);
}

static void test_texts(void **state)
{
    (void)state;
    char *copy = tw_strdup("a b"), *made = tw_format("%s-%d", copy, 7);
    assert_string_equal(copy, "a b");
    assert_string_equal(made, "a b-7");
    free(copy);
    free(made);
}

static void test_exhaustion(void **state)
{
    (void)state;
    tw_on_out_of_memory(note);
    asked = 0;
    if (!setjmp(exhausted)) // NOLINT(cert-err52-cpp)
        tw_alloc(SIZE_MAX / 2, 3);
    assert_true(asked == SIZE_MAX); /* the product overflowed */
    asked = 0;
    if (!setjmp(exhausted)) // NOLINT(cert-err52-cpp)
        tw_realloc(NULL, SIZE_MAX / 8, 16);
    assert_true(asked == SIZE_MAX);
    asked = 0;
    if (!setjmp(exhausted)) // NOLINT(cert-err52-cpp)
        tw_alloc(SIZE_MAX / 4, 1);
    assert_true(asked >= SIZE_MAX / 4); /* a fair product, refused by the system */
}

static void test_arena(void **state)
{
    (void)state;
    tw_arena *arena = tw_arena_new(1000);
    char *first = tw_arena_alloc(arena, 10, 10);
    memset(first, 1, 100);
    tw_arena_mark mark = tw_arena_now(arena);
    char *second = tw_arena_alloc(arena, 1, 500), *third = tw_arena_alloc(arena, 1, 5000);
    memset(second, 2, 500);
    memset(third, 3, 5000);
    assert_true(aligned(first) && aligned(second) && aligned(third));
    assert_true(second >= first + 100);
    assert_true(tw_arena_peak(arena) >= 5600);
    size_t peak = tw_arena_peak(arena);
    tw_arena_reset(arena, mark);
    assert_ptr_equal(tw_arena_alloc(arena, 1, 500), second); /* blocks are reused */
    assert_ptr_equal(tw_arena_alloc(arena, 1, 5000), third);
    assert_true(tw_arena_peak(arena) == peak);
    for (int i = 0; i < 100; i++)
        assert_int_equal(first[i], 1); /* below the mark nothing moved */
    char *zeroed = tw_arena_zero(arena, 5, 100);
    for (int i = 0; i < 500; i++)
        assert_int_equal(zeroed[i], 0);
    tw_arena_free(arena);
    tw_arena_free(NULL);
}

/* Allocations alive at once never overlap, whatever their sizes and the resets. */
static void test_arena_keeps_apart(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    tw_arena *arena = tw_arena_new(4096);
    for (int round = 0; round < 5; round++) {
        unsigned char *parts[COUNT];
        size_t sizes[COUNT];
        for (int i = 0; i < COUNT; i++) {
            sizes[i] = (size_t)((i * 7919 + round * 104729) % 3001);
            parts[i] = tw_arena_alloc(arena, sizes[i], 1);
            memset(parts[i], i, sizes[i]);
        }
        for (int i = 0; i < COUNT; i++)
            for (size_t j = 0; j < sizes[i]; j++)
                assert_int_equal(parts[i][j], (unsigned char)i);
        tw_arena_reset(arena, (tw_arena_mark){0, 0});
    }
    tw_arena_free(arena);
}

static void test_errors(void **state)
{
    (void)state;
    assert_int_equal(tw_fail("field %d", 3), -1);
    assert_string_equal(tw_error(), "field 3");
    assert_int_equal(tw_fail_in("%s:%d", "file", 7), -1);
    assert_string_equal(tw_error(), "file:7: field 3");
    /* The message may be an argument of the next. */
    tw_fail("%s (again)", tw_error());
    assert_string_equal(tw_error(), "file:7: field 3 (again)");
    char *longer = tw_alloc(5001, 1);
    memset(longer, 'x', 5000);
    tw_fail("%s", longer);
    assert_int_equal(strlen(tw_error()), 2047);
    tw_fail_in("%s", longer);
    assert_int_equal(strlen(tw_error()), 2047);
    free(longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_exhaustion),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_keeps_apart),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
