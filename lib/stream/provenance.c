#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "stream/frame.h"
#include "stream/json.h"
#include "stream/record.h"

static json_t *load(const char *text, size_t size)
{
    return json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
}

bool tw_is_provenance(const char *text, size_t size)
{
    json_t *json = load(text, size);
    bool is = json_is_object(json);
    json_decref(json);
    return is;
}

/* {"path": base name, "xxh3_128": digest} of a line as xxh128sum prints it. */
static json_t *model_entry(const char *digest)
{
    size_t length = strcspn(digest, " ");
    json_t *entry = json_object();
    const char *path = digest + length + strspn(digest + length, " *");
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    size_t base = size;
    while (base > 0 && path[base - 1] != '/')
        base--;
    if (size > base)
        json_object_set_new(entry, "path", json_stringn(path + base, size - base));
    json_object_set_new(entry, "xxh3_128", json_stringn(digest, length));
    return entry;
}

/* NULL (left out) when there is none, or when it would not fit. */
static json_t *chained(const char *input)
{
    if (!input || !*input)
        return NULL;
    size_t size = strlen(input);
    if (size > TW_PROVENANCE_MAX / 2)
        return json_string("left out: too long");
    return load(input, size);
}

char *tw_provenance(const char *options, const char *const *model_digests, int models,
                    const char *input_provenance)
{
    json_t *json = json_object();
    json_object_set_new(json, "program", json_string(tw_program()));
    json_object_set_new(json, "version", json_string(TW_VERSION));
    /* Arguments need not be UTF-8; JSON text must. */
    json_t *given = json_string(options ? options : "");
    json_object_set_new(json, "options", given ? given : json_string("not UTF-8"));
    json_t *list = json_array();
    for (int i = 0; i < models; i++)
        json_array_append_new(list, model_entry(model_digests[i]));
    json_object_set_new(json, "models", list);
    json_t *input = chained(input_provenance);
    if (input)
        json_object_set_new(json, "input", input);
    char *text = tw_json_text(json, NULL);
    json_decref(json);
    return text ? text : tw_strdup("{}");
}
