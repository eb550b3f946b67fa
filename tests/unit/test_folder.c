/* Folders that appear whole. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/model.h"

static char base[] = "/tmp/test_folder.XXXXXX";

static char *in_base(const char *name)
{
    return tw_join_path(base, name);
}

static void put(const char *folder, const char *name, const char *text)
{
    char *path = tw_join_path(folder, name);
    assert_int_equal(0, tw_write_file(path, text, strlen(text)));
    free(path);
}

static void expect_text(const char *folder, const char *name, const char *text)
{
    char *path = tw_join_path(folder, name);
    size_t size = 0;
    char *found = tw_read_file(path, 1 << 10, &size);
    if (!found)
        fail_msg("%s", tw_error());
    assert_string_equal(text, found);
    free(found);
    free(path);
}

/* Entries of the base folder, hidden ones included. */
static size_t entries(void)
{
    size_t count = 0;
    DIR *stream = opendir(base);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count - 2;
}

static void write_whole(const char *path, const char *text)
{
    char *temporary = tw_folder_begin(path);
    assert_non_null(temporary);
    put(temporary, "config.json", text);
    if (tw_folder_commit(temporary, path) < 0)
        fail_msg("%s", tw_error());
    free(temporary);
}

static void clean(const char *path)
{
    char *config = tw_join_path(path, "config.json");
    unlink(config);
    assert_int_equal(0, rmdir(path));
    free(config);
}

static void appears_whole(void **state)
{
    (void)state;
    char *path = in_base("model");
    char *temporary = tw_folder_begin(path);
    assert_non_null(temporary);
    put(temporary, "config.json", "one");
    assert_int_equal(-1, access(path, F_OK));
    assert_int_equal(0, tw_folder_commit(temporary, path));
    assert_int_equal(-1, access(temporary, F_OK));
    free(temporary);
    expect_text(path, "config.json", "one");
    struct stat status;
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(0, stat(path, &status));
    assert_int_equal(0777 & ~mask, status.st_mode & 0777);
    assert_int_equal(1, entries());
    clean(path);
    free(path);
}

static void replaces_ours(void **state)
{
    (void)state;
    char *path = in_base("model"), *slashes = in_base("model//");
    write_whole(path, "one");
    put(path, "old", "");
    write_whole(slashes, "two");
    expect_text(path, "config.json", "two");
    char *old = tw_join_path(path, "old");
    assert_int_equal(-1, access(old, F_OK));
    assert_int_equal(1, entries());
    clean(path);

    /* An empty folder, and a link to a folder, whose target is replaced. */
    assert_int_equal(0, mkdir(path, 0777));
    write_whole(path, "three");
    char *link = in_base("link");
    assert_int_equal(0, symlink("model", link));
    write_whole(link, "four");
    expect_text(path, "config.json", "four");
    struct stat status;
    assert_int_equal(0, lstat(link, &status));
    assert_true(S_ISLNK(status.st_mode));
    unlink(link);
    assert_int_equal(1, entries());
    clean(path);
    free(link);
    free(old);
    free(slashes);
    free(path);
}

static void replaces_a_checkpoint(void **state)
{
    (void)state;
    char *path = in_base("run.checkpoint"), *file = in_base("run.checkpoint/state.json");
    assert_int_equal(0, mkdir(path, 0777));
    put(path, "state.json", "{}");
    write_whole(path, "new");
    assert_int_equal(-1, access(file, F_OK));
    clean(path);
    free(file);
    free(path);
}

static void expect_refused(const char *path, const char *message)
{
    char *temporary = tw_folder_begin(path);
    if (temporary)
        fail_msg("%s should have been refused: %s", path, message);
    if (!strstr(tw_error(), message))
        fail_msg("'%s' should contain '%s'", tw_error(), message);
}

static void refuses_what_is_not_ours(void **state)
{
    (void)state;
    char *file = in_base("file"), *photos = in_base("photos"), *picture = in_base("photos/1.jpg");
    char *nowhere = in_base("none/model");
    put(base, "file", "text");
    assert_int_equal(0, mkdir(photos, 0777));
    put(photos, "1.jpg", "x");
    expect_refused(file, "file: is a file, expected a folder");
    expect_refused(photos, "photos: holds neither a model nor a checkpoint");
    expect_refused(nowhere, "none/model: No such file");
    expect_refused("/", "not a name for a folder");
    expect_refused("", "not a name for a folder");
    expect_text(base, "file", "text");
    expect_text(photos, "1.jpg", "x");
    unlink(picture);
    rmdir(photos);
    unlink(file);
    assert_int_equal(0, entries());
    free(nowhere);
    free(picture);
    free(photos);
    free(file);
}

static void aborts_without_a_trace(void **state)
{
    (void)state;
    char *path = in_base("model");
    write_whole(path, "one");
    char *temporary = tw_folder_begin(path);
    put(temporary, "config.json", "two");
    char *inner = tw_join_path(temporary, "inner");
    assert_int_equal(0, mkdir(inner, 0777));
    put(inner, "file", "");
    tw_folder_abort(temporary);
    expect_text(path, "config.json", "one");
    assert_int_equal(1, entries());
    tw_folder_abort(NULL);
    clean(path);
    free(inner);
    free(temporary);
    free(path);
}

/* What a killed process left is removed by the next; what a live one works on is not. */
static void removes_stale_temporaries(void **state)
{
    (void)state;
    char *path = in_base("model");
    pid_t child = fork();
    if (child == 0) {
        char *temporary = tw_folder_begin(path);
        if (temporary == NULL)
            _exit(1);
        put(temporary, "config.json", "lost");
        _exit(0);
    }
    int status = -1;
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_int_equal(0, status);
    assert_int_equal(1, entries());

    char *first = tw_folder_begin(path);
    assert_int_equal(1, entries());
    char *second = tw_folder_begin(path);
    assert_int_equal(2, entries());
    put(first, "config.json", "first");
    assert_int_equal(0, tw_folder_commit(first, path));
    tw_folder_abort(second);
    expect_text(path, "config.json", "first");
    assert_int_equal(1, entries());
    clean(path);
    free(first);
    free(second);
    free(path);
}

static int make_base(void **state)
{
    (void)state;
    return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state)
{
    (void)state;
    return rmdir(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appears_whole),          cmocka_unit_test(replaces_ours),
        cmocka_unit_test(replaces_a_checkpoint),  cmocka_unit_test(refuses_what_is_not_ours),
        cmocka_unit_test(aborts_without_a_trace), cmocka_unit_test(removes_stale_temporaries),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
