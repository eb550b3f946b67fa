#ifndef TW_TEXT_LEAD_H
#define TW_TEXT_LEAD_H

#include <stdbool.h>
#include <stddef.h>

/* The lead of a text: how many bytes at its front stem from the first character of what it was
 * made from. A step that changes a text counts the lead of its result character by character,
 * as `tokenizers` 0.20 aligns the two: by place, so that where characters change their order or
 * several become one, a result belongs to the place that it takes. */
typedef struct tw_lead {
    size_t front; /* characters in the lead of the text that is changed */
    size_t taken; /* its characters that results stand for by now */
    size_t bytes; /* of the results that stem from the lead */
    size_t size;  /* bytes of the latest result, which is not counted yet; 0: none */
    size_t covers;
    bool closed;
} tw_lead;

/* text[lead] is the lead of what is changed. */
tw_lead tw_lead_begin(const char *text, size_t lead);

/* The next character of the result, of `size` bytes. It stands for `covers` characters, in
 * their order, or (0) is one more from what the last stood for. */
void tw_lead_put(tw_lead *lead, size_t size, size_t covers);

/* The latest result stands for `more` characters too; without one they go unnoticed. */
void tw_lead_cover(tw_lead *lead, size_t more);

/* Whether what follows may still belong to the lead. */
static inline bool tw_lead_open(const tw_lead *lead)
{
    return !lead->closed;
}

/* The lead of the result in bytes. */
size_t tw_lead_end(tw_lead *lead);

#endif
