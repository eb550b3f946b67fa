/* core/hash: the digits that xxh128sum (xxhash 0.8) prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
/* cmocka wants the first four above. */
#include <cmocka.h>

#include "core/hash.h"
#include "errors.h"
#include "scratch.h"

static const char empty[] = "99aa06d3014798d86001c324468d497f";
static const char foobar[] = "3c9e102628997f44ac87b0b131c6992d";
static const char zeros[] = "97732e4dae2b422056e0265346e99bc2";
enum { ZEROS = 3000001 };

static void test_known_answers(void **state)
{
    (void)state;
    char text[TW_XXH3_TEXT];
    tw_xxh3 *hash = tw_xxh3_new();
    tw_xxh3_text(hash, text);
    assert_string_equal(text, empty);
    tw_xxh3_add(hash, "foo", 3);
    tw_xxh3_text(hash, text);
    assert_string_not_equal(text, foobar);
    tw_xxh3_add(hash, "bar", 3);
    tw_xxh3_text(hash, text);
    assert_string_equal(text, foobar);
    tw_xxh3_free(hash);
    tw_xxh3_free(NULL);
}

/* More than one window of a file, a part of one at its end. */
static void test_files(void **state)
{
    (void)state;
    char text[TW_XXH3_TEXT];
    char *bytes = calloc(ZEROS, 1);
    scratch_write("zeros", bytes, ZEROS);
    free(bytes);
    assert_int_equal(tw_xxh3_file("zeros", text), 0);
    assert_string_equal(text, zeros);
    scratch_text("empty", "");
    assert_int_equal(tw_xxh3_file("empty", text), 0);
    assert_string_equal(text, empty);
}

static void test_no_files(void **state)
{
    (void)state;
    char text[TW_XXH3_TEXT];
    assert_int_equal(tw_xxh3_file("absent", text), -1);
    expect_error("absent: No such file");
    assert_int_equal(tw_xxh3_file(".", text), -1);
    expect_error(".: not a regular file");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(tw_xxh3_file("fifo", text), -1);
    expect_error("fifo: not a regular file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test_setup_teardown(test_files, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(test_no_files, scratch_enter, scratch_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
