#include "text/normalizer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"
#include "text/unicode-form.h"
#include "text/utf8.h"

enum { STEPS = 16 };

typedef enum kind { UNICODE_FORM, PREPEND, REPLACE } kind;

typedef struct step {
    kind kind;
    tw_unicode_form form;
    char *find, *put; /* owned */
} step;

struct tw_normalizer {
    step steps[STEPS];
    size_t count;
};

static const struct {
    const char *type;
    tw_unicode_form form;
} forms[] = {{"NFC", TW_NFC}, {"NFD", TW_NFD}, {"NFKC", TW_NFKC}, {"NFKD", TW_NFKD}};

static int add_prepend(step *made, const json_t *json)
{
    const char *before = NULL;
    if (tw_field_text(json, "prepend", "", &before) < 0)
        return -1;
    *made = (step){.kind = PREPEND, .put = tw_strdup(before)};
    return 0;
}

static int add_replace(step *made, const json_t *json)
{
    const json_t *pattern = json_object_get(json, "pattern");
    const char *find = json_string_value(json_object_get(pattern, "String")), *put = NULL;
    if (tw_field_text(json, "content", "", &put) < 0)
        return -1;
    if (!find || !*find)
        return tw_fail("pattern: expected a String (nothing else is supported)");
    *made = (step){.kind = REPLACE, .find = tw_strdup(find), .put = tw_strdup(put)};
    return 0;
}

static int add(tw_normalizer *normalizer, const json_t *json)
{
    if (normalizer->count == STEPS)
        return tw_fail("more than %d steps are not supported", STEPS);
    step *made = &normalizer->steps[normalizer->count++];
    if (tw_field_is(json, "Prepend"))
        return add_prepend(made, json);
    if (tw_field_is(json, "Replace"))
        return add_replace(made, json);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (tw_field_is(json, forms[i].type)) {
            *made = (step){.kind = UNICODE_FORM, .form = forms[i].form};
            return 0;
        }
    return tw_fail("type: '%s' is not supported", tw_field_type(json));
}

static int add_all(tw_normalizer *normalizer, const json_t *json)
{
    const json_t *list = json_object_get(json, "normalizers"), *part;
    size_t i;
    if (!json || json_is_null(json))
        return 0;
    if (!tw_field_is(json, "Sequence"))
        return add(normalizer, json);
    if (!json_is_array(list))
        return tw_fail("normalizers: expected a list");
    json_array_foreach(list, i, part)
    {
        if (add(normalizer, part) < 0)
            return tw_fail_in("normalizers[%zu]", i);
    }
    return 0;
}

tw_normalizer *tw_normalizer_new(const json_t *json)
{
    tw_normalizer *normalizer = tw_alloc(1, sizeof *normalizer);
    if (add_all(normalizer, json) == 0)
        return normalizer;
    tw_normalizer_free(normalizer);
    return NULL;
}

void tw_normalizer_free(tw_normalizer *normalizer)
{
    if (!normalizer)
        return;
    for (size_t i = 0; i < normalizer->count; i++) {
        free(normalizer->steps[i].find);
        free(normalizer->steps[i].put);
    }
    free(normalizer);
}

static bool is_ascii(const char *text, size_t length)
{
    unsigned char all = 0;
    for (size_t i = 0; i < length; i++)
        all |= (unsigned char)text[i];
    return all < 0x80;
}

static void apply_form(const step *s, const char *text, size_t length, tw_bytes *to)
{
    if (is_ascii(text, length)) {
        tw_bytes_put(to, text, length);
        return;
    }
    for (size_t i = 0; i < length;) {
        size_t run = tw_utf8_run(text + i, length - i);
        tw_unicode_form_put(s->form, text + i, run, to);
        i += run;
        size_t broken = i < length ? tw_utf8_broken(text + i, length - i) : 0;
        tw_bytes_put(to, text + i, broken);
        i += broken;
    }
}

static void apply_replace(const step *s, const char *text, size_t length, tw_bytes *to)
{
    size_t size = strlen(s->find), i = 0;
    for (const char *at; (at = memmem(text + i, length - i, s->find, size));) {
        tw_bytes_put(to, text + i, (size_t)(at - text) - i);
        tw_bytes_put(to, s->put, strlen(s->put));
        i = (size_t)(at - text) + size;
    }
    tw_bytes_put(to, text + i, length - i);
}

static void apply(const step *s, const char *text, size_t length, tw_bytes *to)
{
    switch (s->kind) {
    case UNICODE_FORM:
        apply_form(s, text, length, to);
        break;
    case PREPEND:
        tw_bytes_put(to, s->put, length > 0 ? strlen(s->put) : 0);
        tw_bytes_put(to, text, length);
        break;
    case REPLACE:
        apply_replace(s, text, length, to);
        break;
    }
}

void tw_normalize(const tw_normalizer *normalizer, const char *text, size_t length, tw_bytes *made,
                  const char **normal, size_t *result)
{
    *normal = text;
    *result = length;
    for (size_t i = 0; i < normalizer->count; i++) {
        tw_bytes next = {0};
        apply(&normalizer->steps[i], *normal, *result, &next);
        free(made->data);
        *made = next;
        *normal = next.data ? next.data : "";
        *result = next.length;
    }
}
