/* Templates and lists of verbalizers: a line each, the rest of the input is text and prompt. What
 * is read must be filled with no byte lost, and every class found by its name. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/template.h"
#include "metric/verbalizers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Twice the same is put in, so the length is known. */
static void fill(const char *source, const char *given)
{
    tw_template *template = tw_template_parse(source);
    if (!template) {
        assert(*tw_error());
        return;
    }
    const tw_filling filling = {given, strlen(given), given};
    tw_bytes filled = {0}, head = {0};
    tw_template_fill(template, &filling, &filled);
    tw_template_head(template, &filling, &head);
    assert(filled.length ==
           strlen(source) + 2 * strlen(given) - strlen("{text}") - strlen("{prompt}"));
    assert(head.length <= filled.length);
    assert(head.length == 0 || memcmp(head.data, filled.data, head.length) == 0);
    free(filled.data);
    free(head.data);
    tw_template_free(template);
}

static void list(const char *source)
{
    tw_verbalizers verbalizers;
    if (tw_verbalizers_parse(source, &verbalizers) != 0) {
        assert(*tw_error());
        return;
    }
    for (size_t i = 0; i < verbalizers.count; i++) {
        json_t *name = json_string_nocheck(verbalizers.classes[i].name);
        assert(tw_verbalizers_class(&verbalizers, name) == (int)i);
        json_decref(name);
    }
    tw_verbalizers_clear(&verbalizers);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = tw_alloc(size + 1, 1), *rest = text;
    memcpy(text, bytes, size);
    const char *source = strsep(&rest, "\n"), *classes = strsep(&rest, "\n");
    fill(source, rest ? rest : "");
    list(classes ? classes : "");
    free(text);
    return 0;
}
