#include "core/memory.h"
#include "model/lora.h"

#include <stdlib.h>

void tw_model_places(tw_places *places, const char *name, const char *folder)
{
    tw_places_input(places, name, folder);
    /* Of an adapter that cannot be read the program says so when it opens it. */
    struct tw_lora *lora = folder && tw_lora_is(folder) ? tw_lora_read_config(folder) : NULL;
    if (!lora)
        return;
    char *base = tw_format("the base of %s", name);
    tw_places_input(places, base, lora->base);
    free(base);
    tw_lora_free(lora);
}
