#ifndef TW_METRIC_HTML_H
#define TW_METRIC_HTML_H

#include "guidance/aggregate.h"
#include "stream/record.h"
#include "text/tokenizer.h"

/* A page for a browser: groups of samples side by side, best first by the true preference
 * (`rank` where all samples have it, else `score`, else as they came), their tokens shaded by
 * `rewards` on a scale of the group's own. It holds its styles and script itself, refers to
 * nothing and forbids itself the network. Whatever records hold is text in it: what HTML
 * gives a meaning is escaped, and characters that control or turn the writing round show
 * as U+FFFD. The page is head, records, foot, made one at a time; each a text of whole
 * lines, the caller's to free, NULL on failure. */

typedef struct tw_page {
    const tw_tokenizer *tokenizer;
    const tw_aggregate *aggregate; /* to show what the guidance makes of each sample; NULL: not */
} tw_page;

char *tw_page_head(const char *model); /* a path, whose last part is the title; NULL: none */
/* Fails, with line and field, as tw_rewarded_read does. */
char *tw_page_record(const tw_page *page, const tw_record *record);
char *tw_page_foot(void);

#endif
