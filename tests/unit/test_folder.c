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
#include "core/folder.h"
#include "core/memory.h"
#include "scratch.h"
#include "text/tokenizer-files.h"

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

static void put_model(const char *folder, const char *text)
{
    put(folder, "config.json", text);
    put(folder, "model.safetensors", text);
}

static tw_folder *begin(const char *path)
{
    tw_folder *folder = tw_folder_open(path, TW_FOLDER_MODEL);
    if (!folder)
        fail_msg("%s", tw_error());
    return folder;
}

static void write_whole(const char *path, const char *text)
{
    tw_folder *folder = begin(path);
    put_model(tw_folder_path(folder), text);
    if (tw_folder_commit(folder) < 0)
        fail_msg("%s", tw_error());
}

static void appears_whole(void **state)
{
    (void)state;
    char *path = in_base("model");
    tw_folder *folder = begin(path);
    char *temporary = tw_strdup(tw_folder_path(folder));
    put_model(temporary, "one");
    assert_int_equal(-1, access(path, F_OK));
    assert_int_equal(0, tw_folder_commit(folder));
    assert_int_equal(-1, access(temporary, F_OK));
    free(temporary);
    expect_text(path, "config.json", "one");
    struct stat status;
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(0, stat(path, &status));
    assert_int_equal(0777 & ~mask, status.st_mode & 0777);
    assert_int_equal(1, entries());
    scratch_remove(path);
    free(path);
}

static void replaces_ours(void **state)
{
    (void)state;
    char *path = in_base("model"), *slashes = in_base("model//");
    write_whole(path, "one");
    put(path, "guidance.json", "");
    write_whole(slashes, "two");
    expect_text(path, "config.json", "two");
    char *old = tw_join_path(path, "guidance.json");
    assert_int_equal(-1, access(old, F_OK));
    assert_int_equal(1, entries());
    /* One that lost its config.json, to make for example. */
    char *config = tw_join_path(path, "config.json");
    unlink(config);
    write_whole(path, "three");
    scratch_remove(path);

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
    /* A link to what is not there yet: it is made there. */
    scratch_remove(path);
    write_whole(link, "five");
    expect_text(path, "config.json", "five");
    unlink(link);
    assert_int_equal(1, entries());
    scratch_remove(path);
    free(link);
    free(config);
    free(old);
    free(slashes);
    free(path);
}

static void expect_refused(const char *path, tw_folder_kind kind, const char *message)
{
    tw_folder *folder = tw_folder_open(path, kind);
    if (folder)
        fail_msg("%s should have been refused: %s", path, message);
    if (!strstr(tw_error(), message))
        fail_msg("'%s' should contain '%s'", tw_error(), message);
}

/* What is not ours in a folder that is, in other respects: it is named, and all stays. */
static void refuses_foreign_entries(void **state)
{
    (void)state;
    static const char *const names[] = {"README.md",  ".git",       ".env", "model.safetensors.bak",
                                        "state.json", "config.JSON"};
    char *path = in_base("model");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_whole(path, "one");
        put(path, names[i], "mine");
        char *text = tw_format("model: it holds %s, which these programs do not write", names[i]);
        expect_refused(path, TW_FOLDER_MODEL, text);
        assert_int_equal(-1, tw_folder_try(path, TW_FOLDER_MODEL, 0));
        assert_int_equal(-1, tw_folder_remove(path, TW_FOLDER_MODEL));
        expect_text(path, names[i], "mine");
        expect_text(path, "config.json", "one");
        scratch_remove(path);
        free(text);
    }
    char *inner = tw_join_path(path, "tokenizer.json"), *own = in_base("weights");
    put(base, "weights", "mine");
    write_whole(path, "one");
    assert_int_equal(0, mkdir(inner, 0777));
    expect_refused(path, TW_FOLDER_MODEL, "it holds tokenizer.json, which is no regular file");
    rmdir(inner);
    assert_int_equal(0, symlink(own, inner));
    expect_refused(path, TW_FOLDER_MODEL, "it holds tokenizer.json, a link");
    expect_text(base, "weights", "mine");
    scratch_remove(path);
    unlink(own);
    assert_int_equal(0, entries());
    free(own);
    free(inner);
    free(path);
}

static void refuses_what_is_not_ours(void **state)
{
    (void)state;
    char *file = in_base("file"), *photos = in_base("photos"), *web = in_base("web");
    char *nowhere = in_base("none/model"), *link = in_base("link");
    put(base, "file", "text");
    assert_int_equal(0, mkdir(photos, 0777));
    put(photos, "1.jpg", "x");
    assert_int_equal(0, mkdir(web, 0777));
    put(web, "config.json", "{}");
    assert_int_equal(0, symlink("none/model", link));
    expect_refused(file, TW_FOLDER_MODEL, "file: is a file, expected a folder");
    expect_refused(photos, TW_FOLDER_MODEL, "photos: it holds 1.jpg");
    expect_refused(web, TW_FOLDER_MODEL, "web: it holds no weights");
    expect_refused(nowhere, TW_FOLDER_MODEL, "none/model: No such file");
    expect_refused(link, TW_FOLDER_MODEL, "link: No such file");
    expect_refused("/", TW_FOLDER_MODEL, "not a name for a folder");
    expect_refused("", TW_FOLDER_MODEL, "not a name for a folder");
    expect_refused("/proc", TW_FOLDER_MODEL, "/proc: something is mounted there");
    expect_text(base, "file", "text");
    expect_text(photos, "1.jpg", "x");
    expect_text(web, "config.json", "{}");
    scratch_remove(photos);
    scratch_remove(web);
    unlink(file);
    unlink(link);
    assert_int_equal(0, entries());
    free(link);
    free(nowhere);
    free(web);
    free(photos);
    free(file);
}

/* A file of a tokenizer that is written but not known would be found when all is computed. */
static void knows_the_files_of_tokenizers(void **state)
{
    (void)state;
    char *path = in_base("model");
    tw_folder *folder = begin(path);
    put_model(tw_folder_path(folder), "one");
    for (int i = 0; i < TW_FILES; i++)
        put(tw_folder_path(folder), tw_tokenizer_file_names[i], "");
    if (tw_folder_commit(folder) < 0)
        fail_msg("%s", tw_error());
    scratch_remove(path);
    free(path);
}

/* Neither kind takes the place of the other. */
static void tells_models_from_checkpoints(void **state)
{
    (void)state;
    char *path = in_base("run");
    assert_int_equal(0, mkdir(path, 0777));
    put(path, "state.json", "{}");
    put(path, "weights.safetensors", "");
    expect_refused(path, TW_FOLDER_MODEL, "it holds state.json");
    assert_int_equal(0, tw_folder_try(path, TW_FOLDER_CHECKPOINT, 0));
    expect_text(path, "state.json", "{}");
    /* As a kill during its removal may leave it. */
    char *name = tw_join_path(path, "state.json");
    unlink(name);
    assert_int_equal(0, tw_folder_try(path, TW_FOLDER_CHECKPOINT, 0));
    assert_int_equal(0, tw_folder_remove(path, TW_FOLDER_CHECKPOINT));
    assert_int_equal(0, tw_folder_remove(path, TW_FOLDER_CHECKPOINT));
    assert_int_equal(0, entries());
    write_whole(path, "model");
    expect_refused(path, TW_FOLDER_CHECKPOINT, "it holds config.json");
    scratch_remove(path);
    free(name);
    free(path);
}

/* Foreign entries that come while the result is made. */
static void finds_late_entries(void **state)
{
    (void)state;
    char *path = in_base("model");
    write_whole(path, "one");
    tw_folder *folder = begin(path);
    put_model(tw_folder_path(folder), "two");
    put(path, "notes.txt", "mine");
    assert_int_equal(-1, tw_folder_commit(folder));
    assert_non_null(strstr(tw_error(), "it holds notes.txt"));
    expect_text(path, "notes.txt", "mine");
    expect_text(path, "config.json", "one");
    assert_int_equal(1, entries());
    scratch_remove(path);

    /* And a name that no list has. */
    folder = begin(path);
    put_model(tw_folder_path(folder), "two");
    char *temporary = tw_strdup(tw_folder_path(folder));
    put(temporary, "poem.txt", "");
    assert_int_equal(-1, tw_folder_commit(folder));
    assert_non_null(strstr(tw_error(), "poem.txt"));
    scratch_remove(temporary);
    assert_int_equal(0, entries());
    free(temporary);
    free(path);
}

static void tries_without_a_trace(void **state)
{
    (void)state;
    char *path = in_base("model");
    assert_int_equal(0, tw_folder_try(path, TW_FOLDER_MODEL, 1 << 20));
    assert_int_equal(0, entries());
    write_whole(path, "one");
    assert_int_equal(0, tw_folder_try(path, TW_FOLDER_MODEL, 1 << 20));
    expect_text(path, "config.json", "one");
    assert_int_equal(1, entries());
    /* More than any disk has. */
    assert_int_equal(-1, tw_folder_try(path, TW_FOLDER_MODEL, (size_t)1 << 62));
    assert_non_null(strstr(tw_error(), "cannot write"));
    assert_int_equal(1, entries());
    scratch_remove(path);
    assert_int_equal(0, mkdir(path, 0777));
    assert_int_equal(0, tw_folder_try(path, TW_FOLDER_MODEL, 0));
    assert_int_equal(0, rmdir(path));
    free(path);
}

static void discards_without_a_trace(void **state)
{
    (void)state;
    char *path = in_base("model");
    write_whole(path, "one");
    tw_folder *folder = begin(path);
    put(tw_folder_path(folder), "config.json", "two");
    tw_folder_discard(folder);
    expect_text(path, "config.json", "one");
    assert_int_equal(1, entries());
    tw_folder_discard(NULL);
    scratch_remove(path);
    free(path);
}

/* What a killed process left is removed by the next; what a live one works on is not. */
static void removes_stale_temporaries(void **state)
{
    (void)state;
    char *path = in_base("model");
    pid_t child = fork();
    if (child == 0) {
        tw_folder *folder = tw_folder_open(path, TW_FOLDER_MODEL);
        if (folder == NULL)
            _exit(1);
        put(tw_folder_path(folder), "config.json", "lost");
        _exit(0);
    }
    int status = -1;
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_int_equal(0, status);
    assert_int_equal(1, entries());

    tw_folder *first = begin(path);
    assert_int_equal(1, entries());
    tw_folder *second = begin(path);
    assert_int_equal(2, entries());
    put_model(tw_folder_path(first), "first");
    assert_int_equal(0, tw_folder_commit(first));
    tw_folder_discard(second);
    expect_text(path, "config.json", "first");
    assert_int_equal(1, entries());
    scratch_remove(path);
    free(path);
}

/* Names that only look like temporaries, one of a living process, and one with a file of the user's
 * in it. */
static void leaves_other_names_alone(void **state)
{
    (void)state;
    char *path = in_base("model");
    char *alive = tw_format("%s/.model.partial-%ld-0", base, (long)getppid());
    char *names[] = {in_base(".model.partial-x-0"), in_base(".model.partial-999999-0.bak"),
                     in_base(".model2.partial-999999-0"), alive,
                     in_base(".model.partial-999999-1")};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(0, mkdir(names[i], 0777));
        put(names[i], "config.json", "");
    }
    put(names[4], "notes.txt", "mine");
    tw_folder_discard(begin(path));
    for (int i = 0; i < 4; i++)
        expect_text(names[i], "config.json", "");
    expect_text(names[4], "notes.txt", "mine");
    for (int i = 0; i < 5; i++) {
        scratch_remove(names[i]);
        free(names[i]);
    }
    free(path);
}

/* Killed between the two renames of a file system that has no exchange. */
static void puts_the_old_back(void **state)
{
    (void)state;
    char *path = in_base("model"), *old = in_base(".model.partial-999999-3-old");
    write_whole(old, "old");
    tw_folder_discard(begin(path));
    expect_text(path, "config.json", "old");
    write_whole(old, "older");
    tw_folder_discard(begin(path));
    expect_text(path, "config.json", "old");
    assert_int_equal(1, entries());
    scratch_remove(path);
    free(old);
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
        cmocka_unit_test(appears_whole),
        cmocka_unit_test(replaces_ours),
        cmocka_unit_test(refuses_foreign_entries),
        cmocka_unit_test(refuses_what_is_not_ours),
        cmocka_unit_test(knows_the_files_of_tokenizers),
        cmocka_unit_test(tells_models_from_checkpoints),
        cmocka_unit_test(finds_late_entries),
        cmocka_unit_test(tries_without_a_trace),
        cmocka_unit_test(discards_without_a_trace),
        cmocka_unit_test(removes_stale_temporaries),
        cmocka_unit_test(leaves_other_names_alone),
        cmocka_unit_test(puts_the_old_back),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
