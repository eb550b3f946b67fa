/* records: the commands that pipelines/map and pipelines/import run. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "records.h"

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {{"number", number_main},
                    {"check", check_main},
                    {"join", join_main},
                    {"protect", protect_main},
                    {"restore", restore_main}};
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fputs("usage: records number|check|join|protect|restore ... (see pipelines/records)\n", stderr);
    return TW_EXIT_USAGE;
}
