/* Progress: what is said on a terminal, elsewhere, and when quiet. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants some of the above. */
#include <cmocka.h>

#include "core/error.h"
#include "core/progress.h"
#include "scratch.h"

static void work(uint64_t total, bool quiet)
{
    tw_progress *progress = tw_progress_new("records", total, quiet);
    for (uint64_t done = 1; done <= 50; done++) {
        tw_progress_update(progress, done, "loss 2.31");
        if (done == 40 && !quiet)
            tw_warn("careful");
    }
    tw_progress_end(progress);
}

/* Elsewhere than on a terminal: quick work is one closing line. */
static void test_plain(void **state)
{
    (void)state;
    tw_set_program("tool");
    scratch_redirect(2, "plain");
    work(100, false);
    scratch_restore(2);
    char *text = scratch_read("plain", NULL);
    assert_memory_equal(text, "tool: careful\ntool: done 50 records in 0:00, ", 45);
    assert_non_null(strstr(text, " records/s\n"));
    assert_ptr_equal(strchr(text + 20, '\n') + 1, text + strlen(text));
    free(text);
    scratch_redirect(2, "quiet");
    work(100, true);
    scratch_restore(2);
    text = scratch_read("quiet", NULL);
    assert_string_equal(text, "");
    free(text);
    tw_progress_end(NULL);
}

/* What a terminal is sent meanwhile. */
static void on_terminal(uint64_t total, char *text, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    scratch_redirect(2, ptsname(master));
    work(total, false);
    size_t used = 0;
    text[0] = 0;
    for (ssize_t count = 1; count > 0 && !strstr(text, " records/s\r\n"); used += (size_t)count) {
        count = read(master, text + used, size - 1 - used);
        text[used + (size_t)(count > 0 ? count : 0)] = 0;
    }
    scratch_restore(2);
    close(master);
}

static void test_terminal(void **state)
{
    (void)state;
    char text[4096];
    on_terminal(100, text, sizeof text);
    /* One line is drawn, as all was done within a tenth of a second. */
    assert_non_null(strstr(text, "\rtool: [                    ] 1/100 records, "));
    assert_null(strstr(text, " 2/100 records"));
    assert_non_null(strstr(text, "ETA "));
    assert_non_null(strstr(text, "loss 2.31\033[K"));
    /* A warning takes the line's place. */
    assert_non_null(strstr(text, "\r\033[Ktool: careful\r\ntool: done 50 records in 0:0"));
    on_terminal(0, text, sizeof text);
    assert_non_null(strstr(text, "\rtool: 1 records, "));
    assert_null(strstr(text, "ETA"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_terminal),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
