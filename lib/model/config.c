#include "model/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"

enum { MAX_FILE = 16 << 20 };

int tw_config_size(const json_t *json, const char *key, size_t most, size_t *value)
{
    const json_t *field = json_object_get(json, key);
    if (!field || json_is_null(field))
        return 0;
    json_int_t number = json_integer_value(field);
    if (!json_is_integer(field) || number < 1 || (uint64_t)number > most)
        return tw_fail("%s: expected an integer from 1 to %zu", key, most);
    *value = (size_t)number;
    return 0;
}

int tw_config_real(const json_t *json, const char *key, bool zero, double *value)
{
    const json_t *field = json_object_get(json, key);
    if (!field || json_is_null(field))
        return 0;
    double number = json_number_value(field);
    if (!json_is_number(field) || !isfinite(number) || number < 0 || (number == 0 && !zero))
        return tw_fail("%s: expected a %s number", key, zero ? "non-negative" : "positive");
    *value = number;
    return 0;
}

int tw_config_flag(const json_t *json, const char *key, bool *value)
{
    const json_t *field = json_object_get(json, key);
    if (!field || json_is_null(field))
        return 0;
    if (!json_is_boolean(field))
        return tw_fail("%s: expected true or false", key);
    *value = json_is_true(field);
    return 0;
}

int tw_config_text(const json_t *json, const char *key, const char **value)
{
    const json_t *field = json_object_get(json, key);
    if (!field || json_is_null(field))
        return 0;
    if (!json_is_string(field))
        return tw_fail("%s: expected text", key);
    *value = json_string_value(field);
    return 0;
}

int tw_config_fixed(const json_t *json, const char *key, bool value)
{
    bool found = value;
    if (tw_config_flag(json, key, &found) < 0)
        return -1;
    return found == value ? 0 : tw_fail("%s: %s is not supported", key, value ? "false" : "true");
}

int tw_config_refuse(const json_t *json, const tw_fixed_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tw_config_fixed(json, fields[i].key, fields[i].value) < 0)
            return -1;
    if (json_object_size(json_object_get(json, "pruned_heads")) > 0)
        return tw_fail("pruned_heads: pruned models are not supported");
    const json_t *quantized = json_object_get(json, "quantization_config");
    if (quantized && !json_is_null(quantized))
        return tw_fail("quantization_config: quantized models are not supported");
    return 0;
}

bool tw_config_vocabulary_fits(size_t pieces, size_t vocab_size)
{
    if (pieces > vocab_size)
        return false;
    size_t padding = vocab_size - pieces, tight = (pieces + 127) / 128 * 128;
    return vocab_size <= tight || (vocab_size % 64 == 0 && padding <= vocab_size / 32);
}

int32_t tw_config_token(const json_t *json, const char *key, size_t vocab_size)
{
    const json_t *field = json_object_get(json, key);
    json_int_t number = json_is_integer(field) ? json_integer_value(field) : -1;
    return number >= 0 && (uint64_t)number < vocab_size ? (int32_t)number : -1;
}

json_t *tw_json_read(const char *path)
{
    size_t size = 0;
    char *bytes = tw_read_file(path, MAX_FILE, &size);
    if (!bytes)
        return NULL;
    json_error_t error;
    json_t *json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
    free(bytes);
    if (!json) {
        tw_fail("%s:%d: not JSON: %s", path, error.line, error.text);
    } else if (!json_is_object(json)) {
        tw_fail("%s: not a JSON object", path);
        json_decref(json);
        json = NULL;
    }
    return json;
}

/* 15 digits spell 0.02 and 1e-05 as people do; where they lose something, 17 do not. */
static char *spell(const json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    json_t *again = json_loads(text, 0, NULL);
    if (!json_equal(json, again)) {
        free(text);
        text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    }
    json_decref(again);
    return text;
}

int tw_json_write(const char *path, const json_t *json)
{
    char *text = spell(json);
    char *line = tw_format("%s\n", text);
    int status = tw_write_file(path, line, strlen(line));
    free(line);
    free(text);
    return status;
}
