#ifndef TW_TEXT_LIST_H
#define TW_TEXT_LIST_H

#include <stddef.h>
#include <stdint.h>

/* Bytes and ids that grow at their end; zero-initialise, free data with free(). */

typedef struct tw_bytes {
    char *data; /* NULL while nothing was ever put */
    size_t length, capacity;
} tw_bytes;

typedef struct tw_id_list {
    int32_t *data;
    size_t count, capacity;
} tw_id_list;

void tw_bytes_put(tw_bytes *to, const void *bytes, size_t length);
void tw_ids_put(tw_id_list *to, const int32_t *ids, size_t count);

/* data with a NUL behind it, which is the caller's to free(); the list is empty again. */
char *tw_bytes_take(tw_bytes *from);

#endif
