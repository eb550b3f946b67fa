#include "metric/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Rows of the sheet once it has room for `count` more. */
static size_t grown(const tw_sheet *sheet, size_t count)
{
    return sheet->capacity - sheet->rows < count ? 2 * sheet->capacity + count : sheet->capacity;
}

size_t tw_sheet_growth(const tw_sheet *sheet, size_t count)
{
    return (grown(sheet, count) - sheet->capacity) * sheet->stride * 2 * sizeof(double);
}

tw_findings tw_sheet_next(tw_sheet *sheet, size_t count, char **errors)
{
    const size_t stride = sheet->stride;
    if (grown(sheet, count) > sheet->capacity) {
        sheet->capacity = grown(sheet, count);
        sheet->values = tw_realloc(sheet->values, sheet->capacity * stride, sizeof(double));
        sheet->weights = tw_realloc(sheet->weights, sheet->capacity * stride, sizeof(double));
    }
    for (size_t i = sheet->rows * stride; i < (sheet->rows + count) * stride; i++)
        sheet->weights[i] = 1;
    return (tw_findings){sheet->values + sheet->rows * stride,
                         sheet->weights + sheet->rows * stride, stride, errors};
}

void tw_sheet_keep(tw_sheet *sheet, size_t row)
{
    const size_t stride = sheet->stride, bytes = stride * sizeof(double);
    memmove(sheet->values + sheet->rows * stride, sheet->values + row * stride, bytes);
    memmove(sheet->weights + sheet->rows * stride, sheet->weights + row * stride, bytes);
    sheet->rows++;
}

void tw_sheet_clear(tw_sheet *sheet)
{
    free(sheet->values);
    free(sheet->weights);
    *sheet = (tw_sheet){.stride = sheet->stride};
}
