#include "metric/verbalizers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "stream/json.h"
#include "text/list.h"

/* METHOD: the lists of the published experiments. */
static const struct {
    const char *name, *list;
} published[] = {
    {"sst-2", " terrible, great"},
    {"yelp-2", " terrible, great"},
    {"mr", " terrible, great"},
    {"cr", " terrible, great"},
    {"sst-5", " terrible, bad, okay, good, great"},
    {"yelp-5", " terrible, bad, okay, good, great"},
    {"ag-news", "World,Sports,Business,Tech"},
    {"subj", " subjective, objective"},
};
enum { PUBLISHED = sizeof published / sizeof *published, MAX_CLASSES = 1000, SHOWN = 1000 };

/* part[length] is VERBALIZER or NAME=VERBALIZER. */
static int add_class(tw_verbalizers *verbalizers, const char *part, size_t length)
{
    const char *equals = memchr(part, '=', length);
    const char *verbalizer = equals ? equals + 1 : part;
    const size_t rest = length - (size_t)(verbalizer - part);
    tw_class *class = &verbalizers->classes[verbalizers->count++];
    class->verbalizer = tw_format("%.*s", (int)rest, verbalizer);
    class->name = equals ? tw_format("%.*s", (int)(equals - part), part)
                         : tw_strdup(class->verbalizer + strspn(class->verbalizer, " "));
    if (!*class->name || !class->verbalizer[strspn(class->verbalizer, " ")])
        return tw_fail("class %zu is empty", verbalizers->count - 1);
    for (size_t i = 0; i + 1 < verbalizers->count; i++)
        if (strcmp(verbalizers->classes[i].name, class->name) == 0)
            return tw_fail("class \"%.100s\" occurs twice", class->name);
    return 0;
}

static const char *list_of(const char *name)
{
    for (size_t i = 0; i < PUBLISHED; i++)
        if (strcmp(published[i].name, name) == 0)
            return published[i].list;
    return name;
}

int tw_verbalizers_parse(const char *list, tw_verbalizers *verbalizers)
{
    *verbalizers = (tw_verbalizers){0};
    list = list_of(list);
    if (!strchr(list, ','))
        return tw_fail("\"%.100s\": expected at least two classes, separated by commas, or one of "
                       "sst-2, yelp-2, mr, cr, sst-5, yelp-5, ag-news and subj",
                       list);
    size_t count = 1;
    for (const char *at = list; *at; at++)
        count += *at == ',';
    if (count > MAX_CLASSES)
        return tw_fail("%zu classes; expected at most %d", count, MAX_CLASSES);
    verbalizers->classes = tw_alloc(count, sizeof *verbalizers->classes);
    int status = 0;
    for (const char *at = list; status == 0 && verbalizers->count < count;) {
        const size_t length = strcspn(at, ",");
        status = add_class(verbalizers, at, length);
        at += length + 1;
    }
    if (status != 0)
        tw_verbalizers_clear(verbalizers);
    return status;
}

void tw_verbalizers_clear(tw_verbalizers *verbalizers)
{
    for (size_t i = 0; i < verbalizers->count; i++) {
        free(verbalizers->classes[i].name);
        free(verbalizers->classes[i].verbalizer);
    }
    free(verbalizers->classes);
    *verbalizers = (tw_verbalizers){0};
}

/* Whether a token adds exactly `text` to a text that it follows (the first token of a text may
 * lose its blank when decoded). */
static bool spells(const tw_tokenizer *tokenizer, int32_t id, const char *text)
{
    bool same = false;
    tw_ids before = {0};
    if (tw_tokenizer_encode(tokenizer, "a", 1, &before) != 0)
        return false;
    before.ids = tw_realloc(before.ids, before.count + 1, sizeof *before.ids);
    before.ids[before.count] = id;
    char *without = tw_tokenizer_decode(tokenizer, before.ids, before.count);
    char *with = tw_tokenizer_decode(tokenizer, before.ids, before.count + 1);
    if (without && with) {
        const size_t length = strlen(without);
        same = strncmp(with, without, length) == 0 && strcmp(with + length, text) == 0;
    }
    free(without);
    free(with);
    free(before.ids);
    return same;
}

/* The one token that text encodes to, if it spells the verbalizer; -1 if not. */
static int32_t one_token(const tw_tokenizer *tokenizer, const char *text, const char *verbalizer)
{
    tw_ids ids = {0};
    if (tw_tokenizer_encode(tokenizer, text, strlen(text), &ids) != 0)
        return -1;
    const int32_t id =
        ids.count == 1 && spells(tokenizer, ids.ids[0], verbalizer) ? ids.ids[0] : -1;
    free(ids.ids);
    return id;
}

/* Fails with the pieces of a verbalizer that is not one token. */
static int fail_pieces(const tw_tokenizer *tokenizer, const char *verbalizer)
{
    tw_ids ids = {0};
    tw_bytes pieces = {0};
    if (tw_tokenizer_encode(tokenizer, verbalizer, strlen(verbalizer), &ids) != 0)
        return tw_fail_in("\"%.100s\"", verbalizer);
    for (size_t i = 0; i < ids.count && pieces.length < SHOWN; i++) {
        const char *piece = tw_tokenizer_piece(tokenizer, ids.ids[i]);
        char *quoted = tw_format("%s\"%s\"", i > 0 ? ", " : "", piece ? piece : "?");
        tw_bytes_put(&pieces, quoted, strlen(quoted));
        free(quoted);
    }
    char *shown = tw_bytes_take(&pieces);
    if (ids.count == 1)
        tw_fail("\"%.100s\": the tokenizer has it only as %.200s, %s a blank in front", verbalizer,
                shown, *verbalizer == ' ' ? "without" : "with");
    else
        tw_fail("\"%.100s\": expected one token, got %zu: %.1000s", verbalizer, ids.count, shown);
    free(shown);
    free(ids.ids);
    return -1;
}

/* A SentencePiece model puts a blank of its own in front, so the verbalizer's is left out in a
 * second try. */
static int32_t token_of(const tw_tokenizer *tokenizer, const char *verbalizer)
{
    const int32_t id = one_token(tokenizer, verbalizer, verbalizer);
    return id >= 0 || *verbalizer != ' ' ? id : one_token(tokenizer, verbalizer + 1, verbalizer);
}

int tw_verbalizers_tokens(const tw_verbalizers *verbalizers, const tw_tokenizer *tokenizer,
                          int32_t *ids)
{
    for (size_t c = 0; c < verbalizers->count; c++) {
        const char *verbalizer = verbalizers->classes[c].verbalizer;
        if ((ids[c] = token_of(tokenizer, verbalizer)) < 0)
            return fail_pieces(tokenizer, verbalizer);
        for (size_t d = 0; d < c; d++)
            if (ids[d] == ids[c])
                return tw_fail("\"%.100s\": the same token as \"%.100s\"", verbalizer,
                               verbalizers->classes[d].verbalizer);
    }
    return 0;
}

static int fail_label(const tw_verbalizers *verbalizers, const char *got)
{
    tw_bytes names = {0};
    for (size_t c = 0; c < verbalizers->count && names.length < SHOWN; c++) {
        tw_bytes_put(&names, c > 0 ? ", " : "", c > 0 ? 2 : 0);
        tw_bytes_put(&names, verbalizers->classes[c].name, strlen(verbalizers->classes[c].name));
    }
    char *shown = tw_bytes_take(&names);
    tw_fail("label: expected one of %.1000s, or a number from 0 to %zu, got %s", shown,
            verbalizers->count - 1, got);
    free(shown);
    return -1;
}

int tw_verbalizers_class(const tw_verbalizers *verbalizers, const json_t *label)
{
    char got[120];
    if (json_is_integer(label)) {
        const json_int_t value = json_integer_value(label);
        if (value >= 0 && (uint64_t)value < verbalizers->count)
            return (int)value;
        snprintf(got, sizeof got, "%lld", (long long)value);
        return fail_label(verbalizers, got);
    }
    if (!json_is_string(label))
        return fail_label(verbalizers, tw_json_kind(label));
    const char *name = json_string_value(label);
    for (size_t c = 0; c < verbalizers->count; c++)
        if (strcmp(name, verbalizers->classes[c].name) == 0)
            return (int)c;
    for (size_t c = 0; c < verbalizers->count; c++)
        if (strcmp(name, verbalizers->classes[c].verbalizer) == 0)
            return (int)c;
    snprintf(got, sizeof got, "\"%.100s\"", name);
    return fail_label(verbalizers, got);
}
