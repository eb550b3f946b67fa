/* Available memory, by what the kernel's files say; and the text and the verdict of a plan. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/available.h"
#include "core/error.h"
#include "core/plan.h"
#include "scratch.h"

static const size_t MB = 1 << 20;

static void make_folders(void)
{
    static const char *const folders[] = {
        "proc",
        "proc/self",
        "sys",
        "sys/fs",
        "sys/fs/cgroup",
        "sys/fs/cgroup/memory",
        "sys/fs/cgroup/memory/a",
        "sys/fs/cgroup/memory/a/b",
        "sys/fs/cgroup/x",
        "sys/fs/cgroup/x/y",
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        mkdir(folders[i], 0700);
}

static int enter(void **state)
{
    if (scratch_enter(state) != 0)
        return -1;
    make_folders();
    scratch_text("proc/meminfo", "MemTotal:   4194304 kB\nMemAvailable:   1048576 kB\n");
    return 0;
}

static void the_system_says(void **state)
{
    (void)state;
    assert_int_equal(1024 * MB, tw_memory_available_in("."));
    scratch_text("proc/meminfo", "MemFree: 5 kB\n");
    assert_true(tw_memory_available_in(".") == SIZE_MAX);
    assert_true(tw_memory_available_in("none") == SIZE_MAX);
    assert_true(tw_memory_available() > MB && tw_memory_available() < SIZE_MAX);
}

static void version_1_sets_limits(void **state)
{
    (void)state;
    scratch_text("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/a/b\n0::/\n");
    assert_int_equal(1024 * MB, tw_memory_available_in("."));
    scratch_text("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    scratch_text("sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "104857600\n");
    assert_int_equal(1024 * MB, tw_memory_available_in("."));
    scratch_text("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "314572800\n");
    assert_int_equal(200 * MB, tw_memory_available_in("."));
    /* Pages of files can be given up; those that the group alone has are in the sum already. */
    scratch_text("sys/fs/cgroup/memory/a/b/memory.stat",
                 "inactive_file 7\nactive_file 7\ntotal_inactive_file 31457280\n"
                 "total_active_file 20971520\n");
    assert_int_equal(250 * MB, tw_memory_available_in("."));
    /* An ancestor's limit holds too. */
    scratch_text("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "209715200\n");
    scratch_text("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "104857600\n");
    assert_int_equal(100 * MB, tw_memory_available_in("."));
    /* In a container the mount may begin at the group itself. */
    scratch_text("proc/self/cgroup", "4:memory:/docker/0123\n");
    scratch_text("sys/fs/cgroup/memory/memory.limit_in_bytes", "52428800\n");
    scratch_text("sys/fs/cgroup/memory/memory.usage_in_bytes", "10485760\n");
    assert_int_equal(40 * MB, tw_memory_available_in("."));
}

static void version_2_sets_limits(void **state)
{
    (void)state;
    scratch_text("proc/self/cgroup", "0::/x/y\n");
    scratch_text("sys/fs/cgroup/x/y/memory.max", "max\n");
    scratch_text("sys/fs/cgroup/x/y/memory.current", "104857600\n");
    assert_int_equal(1024 * MB, tw_memory_available_in("."));
    scratch_text("sys/fs/cgroup/x/memory.max", "314572800\n");
    scratch_text("sys/fs/cgroup/x/memory.current", "209715200\n");
    scratch_text("sys/fs/cgroup/x/memory.stat", "anon 5\nfile 99\ninactive_file 10485760\n"
                                                "active_file 10485760\n");
    assert_int_equal(120 * MB, tw_memory_available_in("."));
    /* What is over the limit already leaves nothing. */
    scratch_text("sys/fs/cgroup/x/memory.current", "419430400\n");
    assert_int_equal(0, tw_memory_available_in("."));
    scratch_text("proc/self/cgroup", "no such line\n\n");
    assert_int_equal(1024 * MB, tw_memory_available_in("."));
}

static size_t available_under(int resource, size_t bytes)
{
    struct rlimit before, limit;
    assert_int_equal(0, getrlimit(resource, &before));
    limit = before;
    limit.rlim_cur = bytes;
    assert_int_equal(0, setrlimit(resource, &limit));
    const size_t available = tw_memory_available();
    assert_int_equal(0, setrlimit(resource, &before));
    return available;
}

/* A limit of 64 TB, above what sanitizers map, leaves something; one of 2 MB nothing. */
static void limits_of_the_process_hold(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* sanitizers map terabytes */
#endif
    static const int resources[] = {RLIMIT_AS, RLIMIT_DATA};
    for (int i = 0; i < 2; i++) {
        assert_true(available_under(resources[i], (size_t)1 << 46) > MB);
        assert_int_equal(0, available_under(resources[i], 2 * MB));
    }
}

static const tw_plan_advice advice = {"a smaller --batch-size", "--lora"};

static tw_plan example(void)
{
    tw_plan plan = {0};
    tw_plan_add(&plan, TW_PLAN_MAPPED, 2000 * MB);
    tw_plan_add(&plan, TW_PLAN_GRADIENTS, 4 * MB);
    tw_plan_add(&plan, TW_PLAN_ACTIVATIONS, 100 * MB);
    tw_plan_add(&plan, TW_PLAN_ACTIVATIONS, 28 * MB);
    tw_plan_begin(&plan, "guidance");
    tw_plan_add(&plan, TW_PLAN_MAPPED, 500 * MB);
    tw_plan_add(&plan, TW_PLAN_CROSS, 0);
    return plan;
}

static void a_plan_is_told(void **state)
{
    (void)state;
    tw_plan plan = example();
    assert_int_equal(0, tw_plan_check(&plan, 2632 * MB, &advice));
    assert_string_equal("memory: 2000 MB of mapped weights, 4.00 MB of gradients, 128 MB of "
                        "activations; guidance: 500 MB of mapped weights; 2632 MB in all, 2500 MB "
                        "of them mapped, 2632 MB are free",
                        plan.text);
    assert_int_equal(128 * MB, tw_plan_of(&plan, NULL, TW_PLAN_ACTIVATIONS));
    assert_int_equal(500 * MB, tw_plan_of(&plan, "guidance", TW_PLAN_MAPPED));
    assert_int_equal(0, tw_plan_of(&plan, "classifier", TW_PLAN_MAPPED));
}

static void ends_with(const char *end)
{
    const char *text = tw_error();
    assert_true(strlen(text) > strlen(end));
    assert_string_equal(end, text + strlen(text) - strlen(end));
}

static void what_helps_is_said(void **state)
{
    (void)state;
    static const tw_plan_advice none;
    tw_plan plan = example();
    assert_int_equal(-1, tw_plan_check(&plan, 2632 * MB - 1, &advice));
    assert_true(strncmp(tw_error(), "not enough memory: 2000 MB of mapped", 36) == 0);
    ends_with("are free; a smaller --batch-size takes less");
    /* No batch is small enough when the gradients are too much, no training when the weights are.
     */
    assert_int_equal(-1, tw_plan_check(&plan, 2502 * MB, &advice));
    ends_with("2502 MB are free; --lora takes less");
    assert_int_equal(-1, tw_plan_check(&plan, 2000 * MB, &advice));
    ends_with("2000 MB are free");
    assert_int_equal(-1, tw_plan_check(&plan, 2632 * MB - 1, &none));
    ends_with("MB are free");
}

static void too_many_bytes_to_count_do_not_fit(void **state)
{
    (void)state;
    tw_plan plan = example();
    tw_plan_add(&plan, TW_PLAN_CACHE, SIZE_MAX - 5);
    assert_true(plan.bytes == SIZE_MAX);
    assert_int_equal(-1, tw_plan_check(&plan, SIZE_MAX - 1, &advice));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_system_says, enter, scratch_leave),
        cmocka_unit_test_setup_teardown(version_1_sets_limits, enter, scratch_leave),
        cmocka_unit_test_setup_teardown(version_2_sets_limits, enter, scratch_leave),
        cmocka_unit_test(limits_of_the_process_hold),
        cmocka_unit_test(a_plan_is_told),
        cmocka_unit_test(what_helps_is_said),
        cmocka_unit_test(too_many_bytes_to_count_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
