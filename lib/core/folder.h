#ifndef TW_CORE_FOLDER_H
#define TW_CORE_FOLDER_H

#include <stddef.h>

/* Folders that appear whole: written under a temporary name beside their place
 * (`.NAME.partial-PID-N`) and renamed, or exchanged with the old one, when complete.
 *
 * An older folder in the place is replaced only if it is empty or consists of files that these
 * programs write: each entry is a regular file of a known name, and weights are among them.
 * Anything else in it is refused by name. What is removed is removed file by file under those
 * names, so what is not ours stays, whatever happens meanwhile. */

typedef enum tw_folder_kind {
    TW_FOLDER_MODEL,     /* model, adapter or guidance */
    TW_FOLDER_CHECKPOINT /* of a training, see train/checkpoint.h */
} tw_folder_kind;

typedef struct tw_folder tw_folder;

/* Makes the temporary folder, and removes those that dead processes left. A link at path is
 * followed. NULL on failure: the place cannot be written, or what is there is not replaced. */
tw_folder *tw_folder_open(const char *path, tw_folder_kind kind);

/* Where to write the files; valid until commit or discard. Only names that a folder of this kind
 * may hold (folder.c): another one fails the commit. */
const char *tw_folder_path(const tw_folder *folder);

/* fsyncs all, puts it in place, removes the old one. -1 on failure, and then the old one is what is
 * there. Frees in any case. */
int tw_folder_commit(tw_folder *folder);

/* Removes the temporary and frees; accepts NULL. */
void tw_folder_discard(tw_folder *folder);

/* Tries whether a folder with `bytes` in it can be put at path, by doing so as far as nothing is
 * changed: found before hours of work rather than after. -1 with the reason. */
int tw_folder_try(const char *path, tw_folder_kind kind, size_t bytes);

/* Removes a folder of ours; one that is not there is a success. It is renamed first, so that after
 * a kill it is whole or gone, and the next tw_folder_open at path removes the rest. */
int tw_folder_remove(const char *path, tw_folder_kind kind);

#endif
