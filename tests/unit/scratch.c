#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants some of the above. */
#include <cmocka.h>

static char folder[] = "/tmp/tokenwise-XXXXXX";
static int saved[3] = {-1, -1, -1};

int scratch_enter(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tokenwise-XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

int scratch_leave(void **state)
{
    (void)state;
    if (chdir("/") < 0)
        return -1;
    scratch_remove(folder);
    return 0;
}

void scratch_remove(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void scratch_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void scratch_text(const char *path, const char *text)
{
    scratch_write(path, text, strlen(text));
}

char *scratch_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct stat status;
    assert_int_equal(fstat(fileno(file), &status), 0);
    char *bytes = calloc((size_t)status.st_size + 1, 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)status.st_size, file), status.st_size);
    fclose(file);
    if (size)
        *size = (size_t)status.st_size;
    return bytes;
}

int scratch_count(void)
{
    DIR *open = opendir(".");
    assert_non_null(open);
    int count = -2;
    while (readdir(open))
        count++;
    closedir(open);
    return count;
}

void scratch_redirect(int fd, const char *path)
{
    fflush(NULL);
    saved[fd] = dup(fd);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(saved[fd] >= 0 && to >= 0);
    assert_int_equal(dup2(to, fd), fd);
    close(to);
}

void scratch_restore(int fd)
{
    fflush(NULL);
    dup2(saved[fd], fd);
    close(saved[fd]);
}
