#include "recorded_models.h"

#include <stdlib.h>

#include "core/memory.h"
#include "model_folder.h"
#include "recorded.h"

json_t *recorded_file;
const json_t *recorded;
char *recorded_path;

static const char *chosen_family, *chosen_key;

int open_recorded(const char *family, const char *key, void **state)
{
    chosen_family = family;
    chosen_key = key;
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
    if (chosen_key) {
        recorded = field(field(recorded_file, chosen_key), name);
        recorded_path = tw_format("tests/fixtures/%s/%s", chosen_family, name);
    } else {
        recorded = recorded_file;
        recorded_path = tw_format("tests/fixtures/%s", chosen_family);
    }
    return 0;
}

int leave_recorded(void **state)
{
    (void)state;
    free(recorded_path);
    return 0;
}
