#include "recorded_tokenizers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "text/list.h"

json_t *load_recorded(const char *path)
{
    json_error_t error;
    json_t *all = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!all)
        fail_msg("%s: %s", path, error.text);
    return all;
}

tw_tokenizer *open_tokenizer(const char *folder, const char *name)
{
    char *path = tw_join_path(folder, name);
    tw_tokenizer *tokenizer = tw_tokenizer_open(path);
    if (!tokenizer)
        fail_msg("%s", tw_error());
    free(path);
    return tokenizer;
}

tw_ids ids_of(const json_t *list)
{
    tw_ids ids = {tw_alloc(json_array_size(list), sizeof *ids.ids), json_array_size(list)};
    for (size_t i = 0; i < ids.count; i++)
        ids.ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return ids;
}

void check_ids(const char *kind, size_t line, const json_t *expected, const tw_ids *found)
{
    tw_ids ids = ids_of(expected);
    for (size_t i = 0; i < ids.count || i < found->count; i++)
        if (i >= ids.count || i >= found->count || ids.ids[i] != found->ids[i])
            fail_msg("%s %zu: token %zu differs (%zu tokens, expected %zu)", kind, line, i,
                     found->count, ids.count);
    free(ids.ids);
}

void check_encoded(const tw_tokenizer *tokenizer, const char *kind, size_t line, const json_t *text,
                   const json_t *expected)
{
    tw_ids found = {0};
    if (tw_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), &found))
        fail_msg("%s %zu: %s", kind, line, tw_error());
    check_ids(kind, line, expected, &found);
    free(found.ids);
}

char *shown(const json_t *text)
{
    const char *from = json_string_value(text);
    tw_bytes bytes = {0};
    for (size_t i = 0; i < json_string_length(text); i++)
        tw_bytes_put(&bytes, from[i] ? &from[i] : "\xEF\xBF\xBD", from[i] ? 1 : 3);
    return tw_bytes_take(&bytes);
}

char *decoded(const tw_tokenizer *tokenizer, const json_t *ids)
{
    tw_ids list = ids_of(ids);
    char *text = tw_tokenizer_decode(tokenizer, list.ids, list.count);
    if (!text)
        fail_msg("%s", tw_error());
    free(list.ids);
    return text;
}

void check_decoded(const tw_tokenizer *tokenizer, const char *kind, size_t line, const json_t *ids,
                   const json_t *expected)
{
    char *found = decoded(tokenizer, ids), *wanted = shown(expected);
    if (strcmp(wanted, found) != 0)
        fail_msg("%s %zu: '%s', expected '%s'", kind, line, found, wanted);
    free(wanted);
    free(found);
}
