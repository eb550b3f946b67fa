#ifndef TW_METRIC_EXPRESSION_H
#define TW_METRIC_EXPRESSION_H

#include <stdbool.h>

/* Arithmetic over named values: `rouge1 + 2*rouge2 - (length - 10)/4`.
 *
 *     sum     = product { ("+" | "-") product }
 *     product = factor { ("*" | "/") factor }
 *     factor  = ("+" | "-") factor | number | name | "(" sum ")"
 *     number  = digits [ "." digits ] [ ("e" | "E") [ "+" | "-" ] digits ], or "." digits ...
 *     name    = letter { letter | digit | "_" }
 *
 * Blanks are free. Operators of one rank group from the left. */

typedef struct tw_expression tw_expression;

/* names[count] are the values there are. NULL on failure; the message says
 * where and what was expected, and lists the names if one is unknown. */
tw_expression *tw_expression_parse(const char *text, const char *const *names, int count);
void tw_expression_free(tw_expression *expression); /* accepts NULL */

bool tw_expression_uses(const tw_expression *expression, int name);

/* The value with values[count] for the names; only those used are read. It is
 * not finite where something was divided by zero or grew too large. */
double tw_expression_value(const tw_expression *expression, const double *values);

#endif
