/* A main for fuzz targets without libFuzzer: runs the target over the files
 * named, and prints TAP. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int done;

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        printf("not ok %d - %s: %s\n", ++done, path, strerror(errno));
        return -1;
    }
    uint8_t *data = NULL;
    size_t size = 0;
    size_t room = 0;
    do {
        room = room ? 2 * room : 4096;
        uint8_t *grown = realloc(data, room);
        if (!grown)
            abort();
        data = grown;
        size += fread(data + size, 1, room - size, file);
    } while (size == room);
    fclose(file);
    /* An exact allocation, so that a read past the end is seen. */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        abort();
    memcpy(exact, data, size);
    free(data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    printf("ok %d - %s\n", ++done, path);
    return 0;
}

int main(int argc, char **argv)
{
    int status = 0;
    /* A finding ends the process; what ran so far should be on record. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* Nothing at all is the first thing to survive. */
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("ok %d - empty input\n", ++done);
    for (int i = 1; i < argc; i++)
        status |= run_file(argv[i]);
    printf("1..%d\n", done);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
