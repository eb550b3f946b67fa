#ifndef TW_METRIC_SHEET_H
#define TW_METRIC_SHEET_H

#include "metric/measure.h"

/* The rows that a run of `score` has found so far. Start from {.stride = ...}. */
typedef struct tw_sheet {
    size_t stride;            /* columns */
    double *values, *weights; /* [rows, stride] */
    size_t rows, capacity;
} tw_sheet;

/* Bytes that tw_sheet_next is going to take beside those it has; 0: none. */
size_t tw_sheet_growth(const tw_sheet *sheet, size_t count);

/* Where to put what `count` further records have: rows behind those there are, of
 * weight 1. They count when they are kept. */
tw_findings tw_sheet_next(tw_sheet *sheet, size_t count, char **errors);

/* Keeps row `row` as the next one (row >= sheet->rows). */
void tw_sheet_keep(tw_sheet *sheet, size_t row);

void tw_sheet_clear(tw_sheet *sheet); /* frees what it holds, not the struct */

#endif
