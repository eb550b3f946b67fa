#ifndef TW_METRIC_HTML_PARTS_H
#define TW_METRIC_HTML_PARTS_H

/* The fixed parts of the page (html.h): styles with a class a..i for each shade of a token,
 * and the script, without which the page shows all the same. */
extern const char tw_page_style[], tw_page_script[];

#endif
