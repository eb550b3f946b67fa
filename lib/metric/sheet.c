#include "metric/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

tw_findings tw_sheet_next(tw_sheet *sheet, size_t count, char **errors)
{
    const size_t stride = sheet->stride;
    if (sheet->capacity - sheet->rows < count) {
        sheet->capacity = 2 * sheet->capacity + count;
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
