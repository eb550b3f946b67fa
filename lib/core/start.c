#include "core/start.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/error.h"

/* The C library has no environment before its own constructor: getenv finds nothing here, and what
 * setenv sets is lost. */
static char **find_in(char **envp, const char *name)
{
    const size_t length = strlen(name);
    for (; *envp; envp++)
        if (strncmp(*envp, name, length) == 0 && (*envp)[length] == '=')
            return envp;
    return NULL;
}

static bool is_limited(int resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/* How many buffers OpenBLAS is going to take. */
static size_t threads_in(char **envp)
{
    static const char *const names[] = {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS",
                                        "OMP_NUM_THREADS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char **entry = find_in(envp, names[i]);
        const long threads = entry ? strtol(*entry + strlen(names[i]) + 1, NULL, 10) : 0;
        if (threads > 0 && threads < 4096)
            return (size_t)threads;
    }
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (size_t)CPU_COUNT(&allowed) : 1;
}

static void check_address_space(char **argv, char **envp)
{
    if (!is_limited(RLIMIT_AS) && !is_limited(RLIMIT_DATA))
        return;
    const size_t threads = threads_in(envp), slack = 16 << 20;
    const size_t wanted = threads * TW_BLAS_BUFFER + slack;
    void *room = mmap(NULL, wanted, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room != MAP_FAILED) {
        munmap(room, wanted);
        return;
    }
    const char *slash = argv[0] ? strrchr(argv[0], '/') : NULL;
    tw_set_program(slash ? slash + 1 : argv[0] ? argv[0] : "tokenwise");
    tw_warn("the limit on memory (ulimit -v or -d) leaves less than the %zu MB of address space "
            "that OpenBLAS takes for %zu threads; raise it, or set OMP_NUM_THREADS lower",
            wanted >> 20, threads);
    _exit(TW_EXIT_DATA);
}

/* A wait spins for some 50 microseconds, about as long as one product of a token takes, and then
 * sleeps: going to sleep and waking at once costs a third of the speed of decoding. */
static char brief[] = "GOMP_SPINCOUNT=2000";
static char *lent; /* the entry of the environment whose place `brief` has meanwhile */

/* The environment cannot grow yet, but an entry that no library reads can make room until
 * all have started. */
static void wait_briefly(char **envp)
{
    static const char *const unread[] = {"_",    "SHLVL", "OLDPWD",  "PWD",   "USER",
                                         "TERM", "HOME",  "LOGNAME", "SHELL", "PATH"};
    if (find_in(envp, "OMP_WAIT_POLICY") || find_in(envp, "GOMP_SPINCOUNT"))
        return;
    for (size_t i = 0; i < sizeof unread / sizeof *unread && !lent; i++) {
        char **entry = find_in(envp, unread[i]);
        if (entry) {
            lent = *entry;
            *entry = brief;
        }
    }
}

/* The program's own constructors run after those of all libraries. */
__attribute__((constructor)) static void restore_environment(void)
{
    for (char **entry = environ; entry && *entry; entry++)
        if (*entry == brief)
            *entry = lent;
}

void tw_before_libraries(int argc, char **argv, char **envp)
{
    (void)argc;
    check_address_space(argv, envp);
    wait_briefly(envp);
}

__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(int, char **,
                                                            char **) = tw_before_libraries;
