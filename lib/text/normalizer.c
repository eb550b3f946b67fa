#include "text/normalizer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/blank.h"
#include "text/character-steps.h"
#include "text/field.h"
#include "text/pattern.h"
#include "text/precompiled.h"
#include "text/unicode-form.h"
#include "text/utf8.h"

/* A text may grow to GROWTH times its length and SPARE bytes more: what real tokenizers do is
 * far below, and Replace after Replace could fill any memory. */
enum { STEPS = 32, DEPTH = 8, GROWTH = 64, SPARE = 1 << 16 };

typedef struct step step;

typedef struct output {
    tw_bytes text;
    size_t limit; /* more bytes are a failure */
    size_t lead;  /* of what a step is given, and then of the text (text/lead.h) */
} output;

/* Appends text[length], not empty, as the step changes it, and counts the lead. */
typedef int apply_step(const step *s, const char *text, size_t length, output *to);

struct step {
    apply_step *apply;
    tw_unicode_form form;
    tw_character_step *characters;
    tw_precompiled *table; /* owned, as the rest */
    tw_pattern *find;
    char *put;
    bool left, right;
};

struct tw_normalizer {
    step steps[STEPS];
    size_t count;
};

static bool is_ascii(const char *text, size_t length)
{
    unsigned char all = 0;
    for (size_t i = 0; i < length; i++)
        all |= (unsigned char)text[i];
    return all < 0x80;
}

/* Returns the lead of what it appends. */
static size_t put_run(const step *s, const char *text, size_t length, size_t lead, tw_bytes *to)
{
    if (s->table)
        return tw_precompiled_put(s->table, text, length, lead, to);
    tw_unicode_form_put(s->form, text, length, to);
    return tw_unicode_form_lead(s->form, text, length, lead);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of the lead what belongs to text[from, from + length). */
static size_t lead_in(size_t lead, size_t from, size_t length)
{
    return lead > from ? least(lead - from, length) : 0;
}

/* Runs of UTF-8 change, what is between them stays. */
static int apply_to_runs(const step *s, const char *text, size_t length, output *to)
{
    const size_t lead = to->lead;
    if (!s->table && is_ascii(text, length)) {
        tw_bytes_put(&to->text, text, length);
        return 0;
    }
    to->lead = 0;
    for (size_t i = 0; i < length;) {
        const size_t run = tw_utf8_run(text + i, length - i);
        to->lead += put_run(s, text + i, run, lead_in(lead, i, run), &to->text);
        i += run;
        const size_t broken = i < length ? tw_utf8_broken(text + i, length - i) : 0;
        tw_bytes_put(&to->text, text + i, broken);
        to->lead += lead_in(lead, i, broken);
        i += broken;
    }
    return 0;
}

static int apply_characters(const step *s, const char *text, size_t length, output *to)
{
    const size_t lead = to->lead;
    s->characters(text, lead, &to->text);
    to->lead = to->text.length;
    s->characters(text + lead, length - lead, &to->text);
    return 0;
}

static int apply_strip(const step *s, const char *text, size_t length, output *to)
{
    size_t begin = s->left ? tw_blanks_behind(text, 0, length) : 0;
    size_t end = s->right ? tw_blanks_before(text, begin, length) : length;
    to->lead = lead_in(to->lead, begin, end - begin);
    tw_bytes_put(&to->text, text + begin, end - begin);
    return 0;
}

/* What is put there belongs to the character behind it. */
static int apply_prepend(const step *s, const char *text, size_t length, output *to)
{
    const size_t size = strlen(s->put);
    tw_bytes_put(&to->text, s->put, size);
    tw_bytes_put(&to->text, text, length);
    if (to->lead > 0)
        to->lead += size;
    else if (size == 0) /* `tokenizers` has it put anew in front of all text */
        to->lead = tw_utf8_broken(text, length);
    return 0;
}

static int check_growth(const output *to)
{
    return to->text.length <= to->limit
               ? 0
               : tw_fail("cannot tokenize: the normalizer makes more than %zu bytes of it",
                         to->limit);
}

typedef struct replacing {
    const char *text, *put;
    size_t lead; /* of the text */
    output *to;
} replacing;

/* What stands for a match belongs to the end of it. */
static int put_part(void *context, const char *part, size_t length, int matched)
{
    const replacing *r = context;
    const size_t size = matched ? strlen(r->put) : length, end = (size_t)(part - r->text) + length;
    tw_bytes_put(&r->to->text, matched ? r->put : part, size);
    if (!matched)
        r->to->lead += lead_in(r->lead, end - length, length);
    else if (end <= r->lead)
        r->to->lead += size;
    return check_growth(r->to);
}

static int apply_replace(const step *s, const char *text, size_t length, output *to)
{
    replacing r = {text, s->put, to->lead, to};
    to->lead = 0;
    return tw_pattern_split(s->find, text, length, put_part, &r);
}

static const struct {
    const char *type;
    step step;
} plain[] = {
    {"NFC", {.apply = apply_to_runs, .form = TW_NFC}},
    {"NFD", {.apply = apply_to_runs, .form = TW_NFD}},
    {"NFKC", {.apply = apply_to_runs, .form = TW_NFKC}},
    {"NFKD", {.apply = apply_to_runs, .form = TW_NFKD}},
    {"Lowercase", {.apply = apply_characters, .characters = tw_lowercase_put}},
    {"StripAccents", {.apply = apply_characters, .characters = tw_strip_accents_put}},
    {"Nmt", {.apply = apply_characters, .characters = tw_nmt_put}},
};

static int read_precompiled(step *made, const json_t *json)
{
    const char *map = NULL;
    made->apply = apply_to_runs;
    if (tw_field_text(json, "precompiled_charsmap", NULL, &map) < 0)
        return -1;
    if (!map)
        return tw_fail("precompiled_charsmap: expected base64");
    made->table = tw_precompiled_new(map);
    return made->table ? 0 : -1;
}

static int read_strip(step *made, const json_t *json)
{
    made->apply = apply_strip;
    return tw_field_bool(json, "strip_left", true, &made->left) < 0
               ? -1
               : tw_field_bool(json, "strip_right", true, &made->right);
}

static int read_prepend(step *made, const json_t *json)
{
    const char *before = NULL;
    made->apply = apply_prepend;
    if (tw_field_text(json, "prepend", "", &before) < 0)
        return -1;
    made->put = tw_strdup(before);
    return 0;
}

static int read_replace(step *made, const json_t *json)
{
    const char *put = NULL;
    made->apply = apply_replace;
    if (tw_field_text(json, "content", "", &put) < 0)
        return -1;
    made->put = tw_strdup(put);
    made->find = tw_pattern_read(json_object_get(json, "pattern"));
    return made->find ? 0 : tw_fail_in("pattern");
}

static int add(tw_normalizer *normalizer, const json_t *json, unsigned depth);

static int add_sequence(tw_normalizer *normalizer, const json_t *json, unsigned depth)
{
    const json_t *list = json_object_get(json, "normalizers"), *part;
    size_t i;
    if (!json_is_array(list) || depth == DEPTH)
        return tw_fail("normalizers: expected a list, at most %d deep", DEPTH);
    json_array_foreach(list, i, part)
    {
        if (add(normalizer, part, depth + 1) < 0)
            return tw_fail_in("normalizers[%zu]", i);
    }
    return 0;
}

static int add(tw_normalizer *normalizer, const json_t *json, unsigned depth)
{
    if (tw_field_is(json, "Sequence"))
        return add_sequence(normalizer, json, depth);
    if (normalizer->count == STEPS)
        return tw_fail("more than %d steps are not supported", STEPS);
    step *made = &normalizer->steps[normalizer->count++];
    if (tw_field_is(json, "Precompiled"))
        return read_precompiled(made, json);
    if (tw_field_is(json, "Strip"))
        return read_strip(made, json);
    if (tw_field_is(json, "Prepend"))
        return read_prepend(made, json);
    if (tw_field_is(json, "Replace"))
        return read_replace(made, json);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (tw_field_is(json, plain[i].type)) {
            *made = plain[i].step;
            return 0;
        }
    return tw_fail("type: '%s' is not supported", tw_field_type(json));
}

tw_normalizer *tw_normalizer_new(const json_t *json)
{
    tw_normalizer *normalizer = tw_alloc(1, sizeof *normalizer);
    if (!json || json_is_null(json) || add(normalizer, json, 0) == 0)
        return normalizer;
    tw_normalizer_free(normalizer);
    return NULL;
}

void tw_normalizer_free(tw_normalizer *normalizer)
{
    if (!normalizer)
        return;
    for (size_t i = 0; i < normalizer->count; i++) {
        tw_precompiled_free(normalizer->steps[i].table);
        tw_pattern_free(normalizer->steps[i].find);
        free(normalizer->steps[i].put);
    }
    free(normalizer);
}

int tw_normalize(const tw_normalizer *normalizer, const char *text, size_t length,
                 tw_normalized *normal)
{
    output next = {.limit = GROWTH * length + SPARE,
                   .lead = length > 0 ? tw_utf8_broken(text, length) : 0};
    *normal = (tw_normalized){.text = text, .length = length};
    for (size_t i = 0; i < normalizer->count && normal->length > 0; i++) {
        const step *s = &normalizer->steps[i];
        next.text = (tw_bytes){0};
        int status = s->apply(s, normal->text, normal->length, &next);
        free(normal->made.data);
        normal->made = next.text;
        normal->text = next.text.data ? next.text.data : "";
        normal->length = next.text.length;
        if (status < 0 || check_growth(&next) < 0)
            return -1;
    }
    normal->lead = next.lead;
    return 0;
}
