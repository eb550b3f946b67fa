/* Text made fit to be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four above. */
#include <cmocka.h>

#include "core/printable.h"

static void shown(const char *text, const char *wanted)
{
    char found[256];
    assert_int_equal(tw_printable(text, found, sizeof found), strlen(wanted));
    assert_string_equal(found, wanted);
}

static void test_what_shows_stays(void **state)
{
    (void)state;
    shown("", "");
    shown("a \\ b~", "a \\ b~");
    shown("na\u00efve \u65e5\u672c \U0001F600", "na\u00efve \u65e5\u672c \U0001F600");
    shown("\u0646\u200c\u0647", "\u0646\u200c\u0647"); /* a joiner that spelling needs */
}

static void test_what_acts_is_escaped(void **state)
{
    (void)state;
    shown("a\nb\tc\rd", "a\\nb\\tc\\rd");
    shown("\033[2J\a\177", "\\x1b[2J\\x07\\x7f");
    shown("\xc2\x9b\x32J\xc2\x85", "\\u009b2J\\u0085");
    shown("\u202e\u2066\u2028\ufeff", "\\u202e\\u2066\\u2028\\ufeff");
    shown("\U000E0041", "\\U000e0041");
}

static void test_what_is_not_utf8_is_escaped(void **state)
{
    (void)state;
    shown("\x9b\x32J", "\\x9b2J");
    shown("caf\xe9", "caf\\xe9");
    shown("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
    shown("\xe2\x80", "\\xe2\\x80");          /* cut off */
}

static void test_room(void **state)
{
    (void)state;
    char to[6];
    assert_int_equal(tw_printable("a\u65e5\u672c", to, sizeof to), 4);
    assert_string_equal(to, "a\u65e5");
    assert_int_equal(tw_printable("abc\n", to, sizeof to), 5);
    assert_string_equal(to, "abc\\n");
    assert_int_equal(tw_printable("abcd\n", to, sizeof to), 4);
    assert_string_equal(to, "abcd");
    assert_int_equal(tw_printable("a", to, 1), 0);
    assert_string_equal(to, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_shows_stays),
        cmocka_unit_test(test_what_acts_is_escaped),
        cmocka_unit_test(test_what_is_not_utf8_is_escaped),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
