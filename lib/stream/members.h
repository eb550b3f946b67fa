#ifndef TW_STREAM_MEMBERS_H
#define TW_STREAM_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

/* A walk over JSON text that is known to be well-formed. */

typedef struct tw_member {
    const char *start;          /* behind the `{` or `,` in front of it */
    const char *key, *key_stop; /* between its quotes, as written; unset in an array */
    const char *value, *stop;   /* [value, stop) */
    const char *end;            /* at the `,`, `}` or `]` behind it */
} tw_member;

/* The first member of the object, or element of the array, at `text`; false: it is empty,
 * and member->end is at its end. */
bool tw_member_first(const char *text, tw_member *member);
/* The one after *member; false: there is none. */
bool tw_member_next(tw_member *member);

/* Whether the member's key, its escapes read, is `key`. */
bool tw_member_is(const tw_member *member, const char *key);

#endif
