#include "metric/contrast.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"

/* Columns of the chosen rows, places[width] of the sheet's: [count, width]. The room is for twice
 * as many numbers. */
static tw_system gather(const tw_sheet *sheet, const size_t *rows, size_t count,
                        const size_t *places, size_t width, double *room)
{
    double *values = room, *weights = room + count * width;
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < width; c++) {
            const size_t from = rows[i] * sheet->stride + places[c];
            values[i * width + c] = sheet->values[from];
            weights[i * width + c] = sheet->weights[from];
        }
    return (tw_system){values, weights};
}

/* A figure of the corpus, of its parts, which follow its column. */
static void compare_figure(const tw_column *column, size_t place, const tw_sheet *a,
                           const tw_sheet *b, const tw_pairing *pairing, uint64_t seed,
                           tw_comparison *found)
{
    const size_t count = pairing->count, width = column->parts;
    size_t *places = tw_alloc(width, sizeof *places);
    double *room = tw_alloc(4 * count * width, sizeof *room);
    for (size_t i = 0; i < width; i++)
        places[i] = place + 1 + i;
    const tw_system one = gather(a, pairing->a, count, places, width, room);
    const tw_system two = gather(b, pairing->b, count, places, width, room + 2 * count * width);
    tw_compare_figure(&one, &two, count, width, column->figure, seed, found);
    free(room);
    free(places);
}

void tw_contrast_fill(tw_contrast *contrast, const tw_measures *measures, const tw_sheet *a,
                      const tw_sheet *b, const tw_pairing *pairing, uint64_t seed)
{
    const size_t count = pairing->count, width = measures->shown;
    double *room = tw_alloc(4 * count * width, sizeof *room);
    const tw_system one = gather(a, pairing->a, count, measures->places, width, room);
    const tw_system two =
        gather(b, pairing->b, count, measures->places, width, room + 2 * count * width);
    bool exponential[TW_SELECTION_MAX];
    for (size_t c = 0; c < width; c++)
        exponential[c] = measures->columns[c]->exponential;
    contrast->records = count;
    contrast->count = width;
    contrast->columns = measures->columns;
    tw_compare(&one, &two, count, width, exponential, seed, contrast->found);
    free(room);
    for (size_t c = 0; c < width; c++)
        if (measures->columns[c]->figure)
            compare_figure(measures->columns[c], measures->places[c], a, b, pairing, seed,
                           &contrast->found[c]);
}

static void put(json_t *entry, const char *name, double value)
{
    json_object_set_new(entry, name, isfinite(value) ? json_real(value) : json_null());
}

json_t *tw_contrast_json(const tw_contrast *contrast)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < contrast->count; i++) {
        const tw_comparison *found = &contrast->found[i];
        json_t *entry = json_object();
        json_object_set_new(entry, "records", json_integer((json_int_t)found->records));
        put(entry, "a", found->a);
        put(entry, "b", found->b);
        put(entry, "difference", found->difference.mean);
        put(entry, "low", found->difference.low);
        put(entry, "high", found->difference.high);
        put(entry, "p", found->p);
        json_object_set_new(metrics, contrast->columns[i]->name, entry);
    }
    json_t *json = json_object();
    json_object_set_new(json, "records", json_integer((json_int_t)contrast->records));
    json_object_set_new(json, "resamples", json_integer(TW_RESAMPLES));
    json_object_set_new(json, "trials", json_integer(TW_TRIALS));
    json_object_set_new(json, "metrics", metrics);
    return json;
}

enum { CELL = 24 };

/* A number of few places, however large it is. */
static const char *cell(char to[CELL], const char *sign, int digits, double value)
{
    char format[16];
    const bool plain = fabs(value) < 1e7;
    snprintf(format, sizeof format, "%%%s.%d%c", sign, digits, plain ? 'f' : 'g');
    snprintf(to, CELL, format, value);
    return to;
}

char *tw_contrast_table(const tw_contrast *contrast)
{
    enum { LINE = 256 }; /* more than six cells and a name */
    const size_t size = (contrast->count + 2) * LINE;
    char *text = tw_alloc(size, 1), a[CELL], b[CELL], difference[CELL], low[CELL], high[CELL];
    size_t length = (size_t)snprintf(text, size, "%-12s %10s %10s %10s   %-22s %7s\n", "metric",
                                     "A", "B", "B - A", "95 % bounds", "p");
    for (size_t i = 0; i < contrast->count; i++) {
        const tw_comparison *v = &contrast->found[i];
        const char *name = contrast->columns[i]->name;
        const int digits = fmax(fabs(v->a), fabs(v->b)) < 10 ? 4 : 2;
        if (v->records == 0) {
            length += (size_t)snprintf(text + length, LINE, "%-12.60s %10s\n", name, "none");
            continue;
        }
        length +=
            (size_t)snprintf(text + length, LINE, "%-12.60s %10s %10s %10s   %7s to %-11s %7.4f\n",
                             name, cell(a, "", digits, v->a), cell(b, "", digits, v->b),
                             cell(difference, "+", digits, v->difference.mean),
                             cell(low, "+", digits, v->difference.low),
                             cell(high, "+", digits, v->difference.high), v->p);
    }
    snprintf(text + length, LINE, "%-12s %10" PRIu64 "\n", "records", contrast->records);
    return text;
}
