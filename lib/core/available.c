#include "core/available.h"

#include <inttypes.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/memory.h"
#include "core/start.h"

/* What the two versions of control groups call the same things. */
typedef struct version {
    const char *mount, *limit, *usage;
    const char *pages[2]; /* fields of memory.stat: files' pages, of the group and those below */
} version;

static const version versions[] = {
    {"/sys/fs/cgroup/memory",
     "memory.limit_in_bytes",
     "memory.usage_in_bytes",
     {"total_inactive_file", "total_active_file"}},
    {"/sys/fs/cgroup", "memory.max", "memory.current", {"inactive_file", "active_file"}},
};

/* The first number after `field` at the start of a line, NULL: in the first line; `otherwise` when
 * there is none ("max"). */
static uint64_t number_in(const char *path, const char *field, uint64_t otherwise)
{
    const size_t length = field ? strlen(field) : 0;
    char line[256];
    FILE *file = fopen(path, "re");
    uint64_t number = otherwise;
    while (file && fgets(line, sizeof line, file)) {
        if (field && (strncmp(line, field, length) != 0 || !strchr(": \t", line[length])))
            continue;
        const char *at = line + length + strspn(line + length, ": \t");
        if (*at >= '0' && *at <= '9')
            number = strtoull(at, NULL, 10);
        break;
    }
    if (file)
        fclose(file);
    return number;
}

static uint64_t of_group(const char *folder, const char *name, const char *field,
                         uint64_t otherwise)
{
    char *path = tw_format("%s/%s", folder, name);
    const uint64_t number = number_in(path, field, otherwise);
    free(path);
    return number;
}

/* What is left of one group's limit. */
static uint64_t left_in(const char *folder, const version *version)
{
    const uint64_t limit = of_group(folder, version->limit, NULL, UINT64_MAX);
    uint64_t used = of_group(folder, version->usage, NULL, 0);
    if (limit == UINT64_MAX)
        return limit;
    for (int i = 0; i < 2; i++) {
        const uint64_t pages = of_group(folder, "memory.stat", version->pages[i], 0);
        used -= pages < used ? pages : used;
    }
    return limit > used ? limit - used : 0;
}

/* The least of what a group and its ancestors leave. In a container the path may begin above what
 * is mounted: what is not there sets no limit. */
static uint64_t left_along(const char *root, const char *path, const version *version)
{
    uint64_t least = UINT64_MAX;
    char *group = tw_strdup(path);
    for (;;) {
        char *folder = tw_format("%s%s%s", root, version->mount, group);
        const uint64_t left = left_in(folder, version);
        free(folder);
        least = left < least ? left : least;
        char *slash = strrchr(group, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    free(group);
    return least;
}

/* A line of /proc/self/cgroup, NUMBER:CONTROLLERS:PATH: of the memory controller, or, without
 * controllers, of version 2. */
static uint64_t left_by(const char *root, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : 0;
    if (!path)
        return UINT64_MAX;
    *path++ = '\0';
    if (*++controllers == '\0')
        return left_along(root, path, &versions[1]);
    for (char *rest = NULL, *name = strtok_r(controllers, ",", &rest); name;
         name = strtok_r(NULL, ",", &rest))
        if (strcmp(name, "memory") == 0)
            return left_along(root, path, &versions[0]);
    return UINT64_MAX;
}

static uint64_t left_by_groups(const char *root)
{
    uint64_t least = UINT64_MAX;
    char *path = tw_format("%s/proc/self/cgroup", root), *line = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "re");
    while (file && getline(&line, &size, file) > 0) {
        const uint64_t left = left_by(root, line);
        least = left < least ? left : least;
    }
    if (file)
        fclose(file);
    free(line);
    free(path);
    return least;
}

size_t tw_memory_available_in(const char *root)
{
    char *path = tw_format("%s/proc/meminfo", root);
    const uint64_t pages = number_in(path, "MemAvailable", UINT64_MAX / 1024);
    const uint64_t groups = left_by_groups(root);
    free(path);
    const uint64_t most = pages < UINT64_MAX / 1024 ? pages * 1024 : UINT64_MAX;
    const uint64_t least = groups < most ? groups : most;
    return least < SIZE_MAX ? (size_t)least : SIZE_MAX;
}

/* What a limit of the process leaves of a size in /proc/self/status. Threads still want stacks, and
 * OpenBLAS its buffers: one for each of its threads and one for the caller. */
static size_t left_by_limit(int resource, const char *size)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    const uint64_t stack = 8 << 20, threads = (uint64_t)omp_get_max_threads() + 1;
    const uint64_t used = number_in("/proc/self/status", size, 0) * 1024;
    const uint64_t taken = used + threads * (stack + TW_BLAS_BUFFER);
    return limit.rlim_cur > taken ? (size_t)(limit.rlim_cur - taken) : 0;
}

size_t tw_memory_available(void)
{
    const size_t sizes[] = {tw_memory_available_in(""), left_by_limit(RLIMIT_AS, "VmSize"),
                            left_by_limit(RLIMIT_DATA, "VmData")};
    const size_t process = sizes[1] < sizes[2] ? sizes[1] : sizes[2];
    return sizes[0] < process ? sizes[0] : process;
}
