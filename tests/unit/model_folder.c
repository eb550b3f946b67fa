#include "model_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "errors.h"

char folder[] = "/tmp/test_model.XXXXXX";

char *in_folder(const char *name)
{
    return tw_join_path(folder, name);
}

void empty_folder(void)
{
    DIR *stream = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.') {
            char *path = in_folder(entry->d_name);
            remove(path);
            free(path);
        }
    closedir(stream);
}

int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

int remove_folder(void **state)
{
    (void)state;
    empty_folder();
    return rmdir(folder);
}

void folder_put(const char *name, const void *bytes, size_t size)
{
    char *path = in_folder(name);
    assert_int_equal(0, tw_write_file(path, bytes, size));
    free(path);
}

char *folder_get(const char *in, const char *name, size_t *size)
{
    char *path = tw_join_path(in, name);
    char *bytes = tw_read_file(path, 1 << 22, size);
    if (!bytes)
        fail_msg("%s", tw_error());
    free(path);
    return bytes;
}

void folder_copy(const char *from, const char *name)
{
    size_t size = 0;
    char *bytes = folder_get(from, name, &size);
    folder_put(name, bytes, size);
    free(bytes);
}

void fresh_folder(void)
{
    empty_folder();
    folder_copy(GPT2, "config.json");
    folder_copy(GPT2, "model.safetensors");
    folder_copy(GPT2, "spiece.model");
}

tw_model *open_folder(const char *path, tw_use use)
{
    tw_model *model = tw_model_open(path, use);
    if (!model)
        fail_msg("%s", tw_error());
    return model;
}

void expect_refused(const char *message)
{
    for (int use = TW_USE_FROZEN; use <= TW_USE_TRAINABLE; use++) {
        tw_model *model = tw_model_open(folder, (tw_use)use);
        if (model) {
            tw_model_free(model);
            fail_msg("opened what should fail with '%s'", message);
        }
        expect_error(message);
        expect_error(folder);
    }
}

void set_config(const char *key, const char *value)
{
    json_t *json = json_load_file(GPT2 "/config.json", 0, NULL);
    json_object_del(json, key);
    if (value)
        json_object_set_new(json, key, json_loads(value, JSON_DECODE_ANY, NULL));
    char *text = json_dumps(json, 0);
    folder_put("config.json", text, strlen(text));
    free(text);
    json_decref(json);
}

arrays open_arrays(void)
{
    arrays found = {.file = tw_safetensors_open(GPT2 "/model.safetensors")};
    assert_non_null(found.file);
    found.count = tw_safetensors_count(found.file);
    found.all = tw_alloc(found.count + 4, sizeof *found.all);
    for (size_t i = 0; i < found.count; i++)
        found.all[i] = *tw_safetensors_at(found.file, i);
    return found;
}

void write_arrays(const arrays *changed)
{
    char *path = in_folder("model.safetensors");
    assert_int_equal(0, tw_safetensors_write(path, changed->all, changed->count));
    free(path);
}

void close_arrays(arrays *open)
{
    tw_safetensors_close(open->file);
    free(open->all);
}
