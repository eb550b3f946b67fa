#include "metric/contrast.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"

static tw_system system_of(const tw_sheet *sheet, const size_t *rows, const size_t *places)
{
    return (tw_system){sheet->values, sheet->weights, sheet->stride, rows, places};
}

/* A figure of the corpus, of its parts, which follow its column. */
static void compare_figure(const tw_column *column, size_t place, const tw_sheet *a,
                           const tw_sheet *b, const tw_pairing *pairing, uint64_t seed,
                           tw_comparison *found)
{
    size_t *places = tw_alloc(column->parts, sizeof *places);
    for (size_t i = 0; i < column->parts; i++)
        places[i] = place + 1 + i;
    const tw_system one = system_of(a, pairing->a, places), two = system_of(b, pairing->b, places);
    tw_compare_figure(&one, &two, pairing->count, column->parts, column->figure, seed, found);
    free(places);
}

void tw_contrast_fill(tw_contrast *contrast, const tw_measures *measures, const tw_sheet *a,
                      const tw_sheet *b, const tw_pairing *pairing, uint64_t seed)
{
    const size_t width = measures->shown;
    const tw_system one = system_of(a, pairing->a, measures->places);
    const tw_system two = system_of(b, pairing->b, measures->places);
    bool exponential[TW_SELECTION_MAX] = {0};
    for (size_t c = 0; c < width; c++)
        exponential[c] = measures->columns[c]->exponential;
    contrast->records = pairing->count;
    contrast->count = width;
    contrast->columns = measures->columns;
    tw_compare(&one, &two, pairing->count, width, exponential, seed, contrast->found);
    for (size_t c = 0; c < width; c++)
        if (measures->columns[c]->figure)
            compare_figure(measures->columns[c], measures->places[c], a, b, pairing, seed,
                           &contrast->found[c]);
}

size_t tw_contrast_bytes(const tw_measures *measures, size_t pairs)
{
    size_t most = measures->shown * TW_COMPARE_BYTES;
    for (size_t c = 0; c < measures->shown; c++) {
        const size_t figure = measures->columns[c]->parts * TW_COMPARE_FIGURE_BYTES;
        most = figure > most ? figure : most;
    }
    const size_t drawn = (size_t)omp_get_max_threads() * sizeof(uint32_t);
    return pairs * (most + drawn + sizeof(bool)) + tw_pairing_bytes(pairs);
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
