#include "recorded_models.h"

#include <stdlib.h>

#include "core/memory.h"
#include "model_folder.h"
#include "recorded.h"

json_t *recorded_file;
const json_t *recorded;
char *recorded_path;

static const char *family, *key;

int open_recorded(const char *of, const char *where, void **state)
{
    family = of;
    key = where;
    json_error_t error;
    char *path = tw_format("tests/fixtures/%s.json", family);
    recorded_file = json_load_file(path, 0, &error);
    free(path);
    return recorded_file ? make_folder(state) : -1;
}

int close_recorded(void **state)
{
    json_decref(recorded_file);
    return remove_folder(state);
}

int choose_recorded(void **state)
{
    const char *name = *state;
    recorded = field(field(recorded_file, key), name);
    recorded_path = tw_format("tests/fixtures/%s/%s", family, name);
    return 0;
}

int leave_recorded(void **state)
{
    (void)state;
    free(recorded_path);
    return 0;
}
