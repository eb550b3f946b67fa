#ifndef TW_CORE_FOLDER_NAMES_H
#define TW_CORE_FOLDER_NAMES_H

#include <stdbool.h>

#include "core/folder.h"

/* The names of the files that these programs write into folders. */

/* True for a name that a folder of any kind may hold. */
bool tw_folder_name_known(const char *name);

/* Where the weights of a folder of this kind are. */
const char *tw_folder_weights(tw_folder_kind kind);

/* Why a folder is not one of this kind, whole or in part: "it holds notes.txt, which ...". NULL if
 * it is empty or all its entries are regular files of known names, weights among them. The caller
 * frees. */
char *tw_folder_foreign(const char *path, tw_folder_kind kind);

#endif
