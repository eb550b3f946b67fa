#ifndef TW_CORE_PLACES_H
#define TW_CORE_PLACES_H

#include <stdbool.h>
#include <stddef.h>

/* What a program reads and where it writes, so that no output destroys an input or another output.
 * Zero-initialise; add inputs and outputs, then check. A name is what the user knows a path by:
 * "-m", "--log"; "" for an operand.
 *
 * Two places are one when their resolved paths are, or their device and inode: through links, "..",
 * hard links and mounts alike. Only files and folders count: devices, pipes and terminals are read
 * and written side by side. */

typedef struct tw_place {
    char *label;           /* "-m base" */
    char *resolved;        /* core/path.h */
    bool folder, standard; /* standard: stdin or stdout */
} tw_place;

typedef struct tw_places {
    tw_place *inputs, *outputs;
    size_t input_count, output_count;
} tw_places;

/* A file or a folder that is read; path NULL, or nothing at path: none; "-": standard input. Of a
 * folder its files count too, where links or hard links of them are elsewhere. */
void tw_places_input(tw_places *places, const char *name, const char *path);

/* The operands of a program that reads standard input where there are none. */
void tw_places_operands(tw_places *places, char *const *files, int count);

/* A file that is written; path NULL: none; "-": standard output. */
void tw_places_output(tw_places *places, const char *name, const char *path);

/* A folder that is replaced as a whole. */
void tw_places_output_folder(tw_places *places, const char *name, const char *path);

/* 0, or -1 when an output is, holds or lies in an input, or lies in another output; the message
 * names both. Frees what the struct holds in any case. */
int tw_places_check(tw_places *places);

#endif
