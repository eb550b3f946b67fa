#include "text/pre-tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"
#include "text/list.h"
#include "text/pattern.h"

/* What ByteLevel splits by with use_regex, GPT-2's. */
static const char gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

enum { STEPS = 16, BLANK_MARK = 64 };

typedef enum behaviour { ISOLATED, REMOVED, WITH_NEXT } behaviour;
typedef enum prepend { NEVER, FIRST, ALWAYS } prepend;

/* A step puts something before the text, or replaces blanks in it, then splits it. */
typedef struct step {
    prepend prepend;
    char before[BLANK_MARK]; /* what, unless the text begins with it */
    bool marks;              /* blanks become `before` */
    tw_pattern *pattern;     /* NULL: not split */
    behaviour behaviour;
} step;

struct tw_pre_tokenizer {
    step steps[STEPS];
    size_t count;
    bool byte_level;
};

static int set_pattern(step *made, const char *expression, behaviour how)
{
    made->pattern = tw_pattern_new(expression);
    made->behaviour = how;
    return made->pattern ? 0 : -1;
}

static int add_byte_level(tw_pre_tokenizer *pre, step *made, const json_t *json)
{
    bool prefix, split;
    if (tw_field_bool(json, "add_prefix_space", true, &prefix) < 0 ||
        tw_field_bool(json, "use_regex", true, &split) < 0)
        return -1;
    pre->byte_level = true;
    made->prepend = prefix ? ALWAYS : NEVER;
    snprintf(made->before, sizeof made->before, " ");
    return split ? set_pattern(made, gpt2, ISOLATED) : 0;
}

static int add_split(step *made, const json_t *json)
{
    const char *how = NULL;
    bool invert;
    if (tw_field_text(json, "behavior", "", &how) < 0 ||
        tw_field_bool(json, "invert", false, &invert) < 0)
        return -1;
    if (strcmp(how, "Isolated") != 0 && strcmp(how, "Removed") != 0)
        return tw_fail("behavior: '%s' is not supported (Isolated and Removed are)", how);
    /* With invert the matches are what stays between. */
    if (invert && strcmp(how, "Removed") == 0)
        return tw_fail("invert: not supported");
    made->behaviour = strcmp(how, "Isolated") == 0 ? ISOLATED : REMOVED;
    made->pattern = tw_pattern_read(json_object_get(json, "pattern"));
    return made->pattern ? 0 : tw_fail_in("pattern");
}

static int add_metaspace(step *made, const json_t *json)
{
    const char *mark = NULL, *scheme = NULL;
    bool prefix, split;
    if (tw_field_text(json, "replacement", "\u2581", &mark) < 0 ||
        tw_field_bool(json, "add_prefix_space", true, &prefix) < 0 ||
        tw_field_text(json, "prepend_scheme", prefix ? "always" : "never", &scheme) < 0 ||
        tw_field_bool(json, "split", true, &split) < 0)
        return -1;
    if (!*mark || strlen(mark) >= BLANK_MARK / 2)
        return tw_fail("replacement: expected one character");
    if (strcmp(scheme, "always") != 0 && strcmp(scheme, "first") != 0 &&
        strcmp(scheme, "never") != 0)
        return tw_fail("prepend_scheme: '%s' is not supported", scheme);
    made->prepend = *scheme == 'a' ? ALWAYS : *scheme == 'f' ? FIRST : NEVER;
    snprintf(made->before, sizeof made->before, "%s", mark);
    made->marks = true;
    made->behaviour = WITH_NEXT;
    if (split)
        made->pattern = tw_pattern_literal(mark);
    return !split || made->pattern ? 0 : tw_fail_in("replacement");
}

static int add_digits(step *made, const json_t *json)
{
    bool each;
    if (tw_field_bool(json, "individual_digits", false, &each) < 0)
        return -1;
    return set_pattern(made, each ? "\\p{N}" : "\\p{N}+", ISOLATED);
}

static int add_sequence(tw_pre_tokenizer *pre, const json_t *json);

static int add(tw_pre_tokenizer *pre, const json_t *json)
{
    if (tw_field_is(json, "Sequence"))
        return add_sequence(pre, json);
    if (pre->count == STEPS)
        return tw_fail("more than %d steps are not supported", STEPS);
    if (pre->byte_level)
        return tw_fail("%s behind ByteLevel is not supported", tw_field_type(json));
    step *made = &pre->steps[pre->count++];
    if (tw_field_is(json, "ByteLevel"))
        return add_byte_level(pre, made, json);
    if (tw_field_is(json, "Split"))
        return add_split(made, json);
    if (tw_field_is(json, "Digits"))
        return add_digits(made, json);
    if (tw_field_is(json, "WhitespaceSplit"))
        return set_pattern(made, "\\s+", REMOVED);
    if (tw_field_is(json, "Metaspace"))
        return add_metaspace(made, json);
    return tw_fail("type: '%s' is not supported", tw_field_type(json));
}

static int add_sequence(tw_pre_tokenizer *pre, const json_t *json)
{
    const json_t *list = json_object_get(json, "pretokenizers"), *part;
    size_t i;
    if (!json_is_array(list))
        return tw_fail("pretokenizers: expected a list");
    json_array_foreach(list, i, part)
    {
        if (tw_field_is(part, "Sequence"))
            return tw_fail("pretokenizers[%zu]: type: a Sequence within one", i);
        if (add(pre, part) < 0)
            return tw_fail_in("pretokenizers[%zu]", i);
    }
    return 0;
}

tw_pre_tokenizer *tw_pre_tokenizer_new(const json_t *json)
{
    tw_pre_tokenizer *pre = tw_alloc(1, sizeof *pre);
    if (!json || json_is_null(json) || add(pre, json) == 0)
        return pre;
    tw_pre_tokenizer_free(pre);
    return NULL;
}

void tw_pre_tokenizer_free(tw_pre_tokenizer *pre)
{
    if (!pre)
        return;
    for (size_t i = 0; i < pre->count; i++)
        tw_pattern_free(pre->steps[i].pattern);
    free(pre);
}

bool tw_pre_tokenizer_byte_level(const tw_pre_tokenizer *pre)
{
    return pre->byte_level;
}

/* One pass over a text: what is left to do with each part. */
typedef struct pass {
    const tw_pre_tokenizer *pre;
    size_t next;       /* step */
    const char *begin; /* of the text that is split */
    const char *held;  /* WITH_NEXT: where a part begins that is not given on yet */
    size_t lead;
    tw_word *word;
    void *context;
} pass;

static int run(const tw_pre_tokenizer *pre, size_t next, const char *text, size_t length,
               size_t lead, tw_word *word, void *context);

static int go_on(const pass *p, const char *text, size_t length)
{
    if (length == 0)
        return 0;
    size_t before = (size_t)(text - p->begin), lead = p->lead > before ? p->lead - before : 0;
    return run(p->pre, p->next, text, length, lead, p->word, p->context);
}

static int take_part(void *context, const char *text, size_t length, int matched)
{
    pass *p = context;
    behaviour how = p->pre->steps[p->next - 1].behaviour;
    if (how == ISOLATED)
        return go_on(p, text, length);
    if (how == REMOVED)
        return matched ? 0 : go_on(p, text, length);
    /* A match begins the next part. */
    if (!matched)
        return 0;
    const char *from = p->held;
    p->held = text;
    return go_on(p, from, (size_t)(text - from));
}

static bool begins_with(const char *text, size_t length, const char *with)
{
    size_t size = strlen(with);
    return length >= size && memcmp(text, with, size) == 0;
}

/* The text of a step that changes it, else NULL; data is the caller's to free(). *lead: of the
 * text, then of the result. */
static const tw_bytes *changed(const step *s, const char *text, size_t length, size_t *lead,
                               tw_bytes *made)
{
    const size_t mark = strlen(s->before), front = *lead;
    bool begun = begins_with(text, length, s->before) || (s->marks && *text == ' ');
    bool prepends = !begun && (s->prepend == ALWAYS || (s->prepend == FIRST && front > 0));
    if (!prepends && !(s->marks && memchr(text, ' ', length)))
        return NULL;
    if (prepends)
        tw_bytes_put(made, s->before, mark);
    for (size_t i = 0; i < length; i++) {
        bool blank = s->marks && text[i] == ' ';
        tw_bytes_put(made, blank ? s->before : text + i, blank ? mark : 1);
        if (i + 1 == front)
            *lead = made->length;
    }
    return made;
}

static int run(const tw_pre_tokenizer *pre, size_t next, const char *text, size_t length,
               size_t lead, tw_word *word, void *context)
{
    if (next == pre->count)
        return word(context, text, length);
    const step *s = &pre->steps[next];
    tw_bytes made = {0};
    if (changed(s, text, length, &lead, &made)) {
        text = made.data;
        length = made.length;
    }
    pass p = {pre, next + 1, text, text, lead, word, context};
    int status = 0;
    if (s->pattern)
        status = tw_pattern_split(s->pattern, text, length, take_part, &p);
    if (status == 0 && (!s->pattern || s->behaviour == WITH_NEXT))
        status = go_on(&p, p.held, (size_t)(text + length - p.held));
    free(made.data);
    return status;
}

int tw_pre_tokenize(const tw_pre_tokenizer *pre, const char *text, size_t length, size_t lead,
                    tw_word *word, void *context)
{
    return length > 0 ? run(pre, 0, text, length, lead, word, context) : 0;
}
