/* When the system fails: this program's own read, write, close, fsync and rename
 * stand before the C library's, and fail when told to. Whichever call fails, a
 * file is either whole in its place or not there at all, and the message names
 * it. The same for signals and exits in the middle. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants some of the above. */
#include <cmocka.h>

#include "core/error.h"
#include "core/progress.h"
#include "scratch.h"
#include "stream/stream.h"

typedef enum call { READ, WRITE, CLOSE, FSYNC, RENAME, CALLS } call;

static struct {
    bool armed;
    call which;
    int countdown, error;
    size_t most;    /* bytes a read or write moves at most; 0: as asked */
    int interrupts; /* each n-th read or write gives EINTR; 0: none */
} plan;

static bool trips(call which)
{
    static unsigned turn;
    if (!plan.armed)
        return false;
    if (plan.interrupts && which <= WRITE && ++turn % (unsigned)plan.interrupts == 0) {
        errno = EINTR;
        return true;
    }
    if (plan.error == 0 || plan.which != which || --plan.countdown != 0)
        return false;
    errno = plan.error;
    return true;
}

static size_t at_most(size_t count)
{
    return plan.armed && plan.most && plan.most < count ? plan.most : count;
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
ssize_t read(int fd, void *bytes, size_t count)
{
    return trips(READ) ? -1 : syscall(SYS_read, fd, bytes, at_most(count));
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    return trips(WRITE) ? -1 : syscall(SYS_write, fd, bytes, at_most(count));
}

int close(int fd)
{
    bool fails = trips(CLOSE);
    int error = errno;
    int result = (int)syscall(SYS_close, fd); /* Linux closes in any case */
    if (fails)
        errno = error;
    return fails ? -1 : result;
}

int fsync(int fd)
{
    return trips(FSYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    return trips(RENAME) ? -1 : (int)syscall(SYS_rename, from, to);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)

static void arm(call which, int countdown, int error)
{
    memset(&plan, 0, sizeof plan);
    plan.which = which;
    plan.countdown = countdown;
    plan.error = error;
    plan.armed = true;
}

static void disarm(void)
{
    memset(&plan, 0, sizeof plan);
}

enum { LINES = 1100, LENGTH = 999 };

static void make_line(char line[LENGTH], int i)
{
    for (int j = 0; j < LENGTH; j++)
        line[j] = (char)('a' + (i * 7919 + j * (i % 89 + 1)) % 26);
}

/* Writes LINES lines to `out`; 0 or -1. */
static int write_file(bool plain)
{
    char line[LENGTH];
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = "out", .plain = plain});
    if (!writer)
        return -1;
    int status = 0;
    for (int i = 0; i < LINES && status == 0; i++) {
        make_line(line, i);
        status = tw_writer_line(writer, line, LENGTH);
    }
    if (status < 0)
        tw_writer_abort(writer);
    else
        status = tw_writer_close(writer);
    return status;
}

/* How many of the lines `path` gives, -1 when reading fails. */
static int read_file(const char *path)
{
    tw_reader *reader = tw_reader_open(path);
    if (!reader)
        return -1;
    char *line = NULL, expected[LENGTH];
    size_t length = 0;
    int count = 0, status = 0;
    while ((status = tw_reader_line(reader, &line, &length)) > 0) {
        make_line(expected, count++);
        assert_int_equal(length, LENGTH);
        assert_memory_equal(line, expected, LENGTH);
    }
    tw_reader_close(reader);
    return status < 0 ? -1 : count;
}

/* Has `out` its new content? Then it must be whole. */
static bool renamed(void)
{
    char *text = scratch_read("out", NULL);
    bool old = strcmp(text, "old\n") == 0;
    free(text);
    if (!old)
        assert_int_equal(read_file("out"), LINES);
    return !old;
}

/* Lets the 1st, 2nd ... call of a kind fail until none is reached. */
static void fail_each(call which, int error, bool plain)
{
    int tried = 0, late = 0;
    for (int nth = 1;; nth++) {
        scratch_text("out", "old\n");
        arm(which, nth, error);
        int status = write_file(plain);
        bool reached = plan.countdown <= 0;
        disarm();
        assert_int_equal(scratch_count(), 1);
        if (!reached) {
            assert_int_equal(status, 0);
            break;
        }
        tried++;
        if (renamed()) {
            late++;
            continue;
        }
        assert_int_equal(status, -1);
        assert_non_null(strstr(tw_error(), "out: "));
        assert_non_null(strstr(tw_error(), strerror(error)));
    }
    assert_true(tried > 0);
    /* Behind the rename only the folder is synced and closed. */
    assert_int_equal(late, which == CLOSE || which == FSYNC);
    assert_int_equal(read_file("out"), LINES);
}

static void test_write_faults(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        fail_each(WRITE, ENOSPC, plain);
        fail_each(WRITE, EIO, plain);
        fail_each(CLOSE, EIO, plain);
        fail_each(FSYNC, EIO, plain);
        fail_each(RENAME, EACCES, plain);
    }
}

/* Short and interrupted calls change nothing. */
static void test_short_and_interrupted(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        for (size_t most = 1013; most < 100000; most = most * 7 + 1) {
            arm(CALLS, 0, 0);
            plan.most = most;
            plan.interrupts = 3;
            int status = write_file(plain), count = read_file("out");
            disarm();
            assert_int_equal(status, 0);
            assert_int_equal(count, LINES);
        }
    }
    char line[LENGTH + 1] = "";
    make_line(line, 0);
    line[LENGTH] = '\n';
    scratch_write("one", line, sizeof line);
    arm(CALLS, 0, 0);
    plan.most = 1;
    int count = read_file("one");
    disarm();
    assert_int_equal(count, 1);
}

static void test_read_faults(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        assert_int_equal(write_file(plain), 0);
        for (int nth = 1;; nth++) {
            arm(READ, nth, EIO);
            int count = read_file("out");
            bool reached = plan.countdown <= 0;
            disarm();
            if (!reached) {
                assert_int_equal(count, LINES);
                assert_true(nth > 2);
                break;
            }
            assert_int_equal(count, -1);
            assert_memory_equal(tw_error(), "out: byte ", 10);
            assert_non_null(strstr(tw_error(), "cannot read: Input/output error"));
        }
    }
}

static tw_writer *half_written(void)
{
    static tw_writer *writer; /* reachable at exit, so no leak */
    writer = tw_writer_open(&(tw_writer_options){.path = "half"});
    if (!writer || tw_writer_line(writer, "a", 1) < 0 || access("half", F_OK) == 0)
        _exit(9);
    return writer;
}

static void die_by_signal(void)
{
    half_written();
    raise(SIGTERM);
}

static void exit_early(void)
{
    half_written();
    exit(7); // NOLINT(concurrency-mt-unsafe)
}

static void die_by_second_signal(void)
{
    tw_catch_signals();
    half_written();
    if (tw_interrupted())
        _exit(1);
    raise(SIGHUP); /* a terminal that goes may send it twice */
    raise(SIGHUP);
    if (!tw_interrupted())
        _exit(2);
    raise(SIGINT);
}

/* A child that exits has nothing to do with its parent's unfinished file. */
static void fork_and_finish(void)
{
    tw_writer *writer = half_written();
    pid_t child = fork();
    if (child == 0)
        exit(0); // NOLINT(concurrency-mt-unsafe)
    waitpid(child, NULL, 0);
    _exit(tw_writer_close(writer) == 0 ? 7 : 8);
}

static int run_child(void (*body)(void))
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(10);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_endings(void **state)
{
    (void)state;
    scratch_leave(state);
    scratch_enter(state);
    int status = run_child(die_by_signal);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(scratch_count(), 0);
    status = run_child(die_by_second_signal);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    assert_int_equal(scratch_count(), 0);
    status = run_child(exit_early);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_int_equal(scratch_count(), 0);
    status = run_child(fork_and_finish);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_int_equal(scratch_count(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_faults),
        cmocka_unit_test(test_short_and_interrupted),
        cmocka_unit_test(test_read_faults),
        cmocka_unit_test(test_endings),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
