/* Outputs against inputs: the same file or folder under any name, one within the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/places.h"
#include "scratch.h"

/* A model folder with a link and a hard link into others, data, and links to all of them. */
static int enter(void **state)
{
    if (scratch_enter(state) < 0)
        return -1;
    mkdir("exp", 0777);
    mkdir("exp/model", 0777);
    mkdir("cache", 0777);
    mkdir("empty", 0777);
    scratch_text("exp/model/config.json", "{}");
    scratch_text("cache/blob", "weights");
    scratch_text("cache/twin", "tokens");
    scratch_text("data.jsonl", "{}");
    bool made = symlink("../../cache/blob", "exp/model/model.safetensors") == 0 &&
                link("cache/twin", "exp/model/tokenizer.json") == 0 &&
                link("data.jsonl", "hard") == 0 && symlink("data.jsonl", "soft") == 0 &&
                symlink("exp/model", "to-model") == 0 && symlink("exp", "to-exp") == 0 &&
                symlink("new", "dangling") == 0 && mkfifo("fifo", 0666) == 0;
    return made ? 0 : -1;
}

typedef enum kind { FILE_OUT, FOLDER_OUT } kind;

static int check(const char *input, kind kind, const char *output)
{
    tw_places places = {0};
    tw_places_input(&places, "-m", input);
    if (kind == FOLDER_OUT)
        tw_places_output_folder(&places, "-o", output);
    else
        tw_places_output(&places, "-o", output);
    return tw_places_check(&places);
}

static void refused(const char *input, kind kind, const char *output, const char *relation)
{
    if (check(input, kind, output) == 0)
        fail_msg("-o %s should be refused beside -m %s", output, input);
    if (!strstr(tw_error(), output) || !strstr(tw_error(), relation))
        fail_msg("'%s' should name %s and contain '%s'", tw_error(), output, relation);
}

static void accepted(const char *input, kind kind, const char *output)
{
    if (check(input, kind, output) < 0)
        fail_msg("-o %s beside -m %s: %s", output, input, tw_error());
}

static void test_the_same(void **state)
{
    (void)state;
    static const char *const files[] = {"data.jsonl", "./data.jsonl", "exp/../data.jsonl",
                                        "hard",       "soft",         "exp//..///soft"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        refused("data.jsonl", FILE_OUT, files[i], "would replace an input, -m data.jsonl");
        refused(files[i], FILE_OUT, "data.jsonl", "would replace an input");
    }
    static const char *const folders[] = {"exp/model", "exp/model/", "to-model", "to-exp/model",
                                          "exp/model/../model"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        refused("exp/model", FOLDER_OUT, folders[i], "would replace an input, -m exp/model");
        refused(folders[i], FOLDER_OUT, "exp/model", "would replace an input");
    }
    accepted("data.jsonl", FILE_OUT, "data.jsonl.new");
    accepted("data.jsonl", FILE_OUT, "exp/data.jsonl");
}

static void test_holds(void **state)
{
    (void)state;
    refused("exp/model", FOLDER_OUT, "exp", "holds an input, -m exp/model");
    refused("to-model", FOLDER_OUT, "to-exp", "holds an input");
    refused("to-model", FOLDER_OUT, ".", "holds an input");
    refused("data.jsonl", FOLDER_OUT, "exp/..", "holds an input");
    /* The files of the model are elsewhere. */
    refused("exp/model", FOLDER_OUT, "cache", "holds an input");
    accepted("exp/model", FOLDER_OUT, "exp/mode");
    accepted("exp/model", FOLDER_OUT, "exp/model2");
    accepted("exp/model", FOLDER_OUT, "empty");
}

static void test_lies_in(void **state)
{
    (void)state;
    refused("exp/model", FOLDER_OUT, "exp/model/new", "lies in an input, -m exp/model");
    refused("exp/model", FILE_OUT, "exp/model/config.json", "lies in an input");
    refused("exp/model", FILE_OUT, "exp/model/log", "lies in an input");
    refused("exp", FILE_OUT, "to-model/log", "lies in an input");
    refused("exp/model", FILE_OUT, "cache/blob", "would replace an input");
    refused("exp/model", FILE_OUT, "cache/twin", "would replace an input");
    refused("exp/model", FILE_OUT, "exp/model/model.safetensors", "an input");
    accepted("exp/model", FILE_OUT, "exp/log");
    accepted("exp/model", FILE_OUT, "cache/other");
}

/* A link that leads nowhere stands for what it leads to. */
static void test_to_be(void **state)
{
    (void)state;
    accepted("data.jsonl", FILE_OUT, "dangling");
    accepted("data.jsonl", FILE_OUT, "no/such/folder");
    accepted("no-such", FILE_OUT, "no-such"); /* opening it says so */
    tw_places places = {0};
    tw_places_output_folder(&places, "-o", "new");
    tw_places_output(&places, "--log", "dangling");
    assert_int_equal(tw_places_check(&places), -1);
    assert_non_null(strstr(tw_error(), "is the same as"));
}

static void test_outputs(void **state)
{
    (void)state;
    static const char *const logs[] = {"out/log", "out/../out/log", "./out//log"};
    for (size_t i = 0; i < 3; i++) {
        tw_places places = {0};
        tw_places_output_folder(&places, "-o", "out");
        tw_places_output(&places, "--log", logs[i]);
        assert_int_equal(tw_places_check(&places), -1);
        mkdir("out", 0777);
        tw_places_output_folder(&places, "-o", "out/");
        tw_places_output(&places, "--log", logs[i]);
        assert_int_equal(tw_places_check(&places), -1);
        assert_non_null(strstr(tw_error(), "lies in a folder that will be replaced, -o out/"));
        rmdir("out");
    }
}

/* Devices and pipes lose nothing; standard input and output are files where they are redirected. */
static void test_streams(void **state)
{
    (void)state;
    accepted("/dev/null", FILE_OUT, "/dev/null");
    accepted("fifo", FILE_OUT, "fifo");
    int in = dup(STDIN_FILENO), out = dup(STDOUT_FILENO);
    int data = open("data.jsonl", O_RDWR), other = open("other", O_RDWR | O_CREAT, 0666);
    dup2(data, STDIN_FILENO);
    refused("-", FILE_OUT, "hard", "would replace an input, <stdin>");
    accepted("-", FILE_OUT, "other");
    dup2(other, STDOUT_FILENO);
    int apart = check("-", FILE_OUT, "-"), in_folder = check(".", FILE_OUT, "-");
    dup2(data, STDOUT_FILENO);
    int same = check("-", FILE_OUT, "-");
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    close(in);
    close(out);
    close(data);
    close(other);
    assert_int_equal(apart, 0);
    assert_int_equal(in_folder, 0);
    assert_int_equal(same, -1);
    assert_non_null(strstr(tw_error(), "<stdout>: would replace an input, <stdin>"));
}

static void test_operands(void **state)
{
    (void)state;
    char *files[] = {"empty", "soft"};
    tw_places places = {0};
    tw_places_operands(&places, files, 2);
    tw_places_input(&places, "-g", NULL);
    tw_places_output(&places, "--log", "hard");
    tw_places_output(&places, "-o", NULL);
    assert_int_equal(tw_places_check(&places), -1);
    assert_string_equal(tw_error(), "--log hard: would replace an input, soft: give the output "
                                    "another name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_same, enter, scratch_leave),
        cmocka_unit_test_setup_teardown(test_holds, enter, scratch_leave),
        cmocka_unit_test_setup_teardown(test_lies_in, enter, scratch_leave),
        cmocka_unit_test_setup_teardown(test_to_be, enter, scratch_leave),
        cmocka_unit_test_setup_teardown(test_outputs, enter, scratch_leave),
        cmocka_unit_test_setup_teardown(test_streams, enter, scratch_leave),
        cmocka_unit_test_setup_teardown(test_operands, enter, scratch_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
