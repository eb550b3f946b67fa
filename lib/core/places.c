#include "core/places.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/path.h"

/* What stdin and stdout are called where they are files. */
static const char STDIN[] = "/dev/stdin", STDOUT[] = "/dev/stdout";

/* Adds a place, unless it is neither a file nor a folder: nothing of a device or a pipe is lost.
 * What is not there is a place only if it is to be made. */
static void add(tw_place **list, size_t *count, const char *name, const char *path, bool made)
{
    const bool standard = path == STDIN || path == STDOUT;
    struct stat status;
    const bool exists = stat(path, &status) == 0;
    if (exists ? !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) : !made)
        return;
    tw_place place = {.resolved = tw_resolve_path(path),
                      .folder = exists && S_ISDIR(status.st_mode),
                      .standard = standard};
    if (standard)
        place.label = tw_strdup(path == STDIN ? "<stdin>" : "<stdout>");
    else
        place.label = tw_format("%s%s%s", name, *name ? " " : "", path);
    *list = tw_realloc(*list, *count + 1, sizeof **list);
    (*list)[(*count)++] = place;
}

/* Files of a model folder may be links to a cache. */
static void add_linked_files(tw_places *places, const char *name, const char *folder)
{
    DIR *stream = opendir(folder);
    for (const struct dirent *entry; stream && (entry = readdir(stream));) {
        struct stat status;
        if (fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            (!S_ISLNK(status.st_mode) && (!S_ISREG(status.st_mode) || status.st_nlink < 2)))
            continue;
        char *path = tw_join_path(folder, entry->d_name);
        add(&places->inputs, &places->input_count, name, path, false);
        free(path);
    }
    if (stream)
        closedir(stream);
}

void tw_places_input(tw_places *places, const char *name, const char *path)
{
    if (!path)
        return;
    add(&places->inputs, &places->input_count, name, strcmp(path, "-") == 0 ? STDIN : path, false);
    if (strcmp(path, "-") != 0)
        add_linked_files(places, name, path);
}

void tw_places_operands(tw_places *places, char *const *files, int count)
{
    for (int i = 0; i < count; i++)
        tw_places_input(places, "", files[i]);
    if (count == 0)
        tw_places_input(places, "", "-");
}

void tw_places_output(tw_places *places, const char *name, const char *path)
{
    if (path)
        add(&places->outputs, &places->output_count, name, strcmp(path, "-") == 0 ? STDOUT : path,
            true);
}

void tw_places_output_folder(tw_places *places, const char *name, const char *path)
{
    add(&places->outputs, &places->output_count, name, path, true);
    if (places->output_count > 0)
        places->outputs[places->output_count - 1].folder = true;
}

static bool same(const char *a, const char *b)
{
    struct stat x, y;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Whether path lies in folder, at any depth: one of the folders above it is that one. */
static bool lies_in(const char *path, const char *folder)
{
    bool found = false, top = false;
    char *at = tw_strdup(path);
    while (!found && !top) {
        char *parent = tw_parent_path(at);
        top = strcmp(parent, at) == 0; /* "/", or "." of what could not be resolved */
        found = same(parent, folder);
        free(at);
        at = parent;
    }
    free(at);
    return found;
}

static int refuse(const tw_place *output, const char *relation, const tw_place *other)
{
    return tw_fail("%s: %s %s: give the output another name", output->label, relation,
                   other->label);
}

static int check_input(const tw_place *output, const tw_place *input)
{
    if (same(output->resolved, input->resolved))
        return refuse(output, "would replace an input,", input);
    if (output->folder && lies_in(input->resolved, output->resolved))
        return refuse(output, "the folder holds an input,", input);
    /* What the shell opened is none of ours to judge, unless it is what we read. */
    if (input->folder && !output->standard && lies_in(output->resolved, input->resolved))
        return refuse(output, "lies in an input,", input);
    return 0;
}

static int check_output(const tw_place *output, const tw_place *other)
{
    if (same(output->resolved, other->resolved))
        return refuse(output, "is the same as", other);
    if (other->folder && lies_in(output->resolved, other->resolved))
        return refuse(output, "lies in a folder that will be replaced,", other);
    return 0;
}

static int check_all(const tw_places *places)
{
    for (size_t o = 0; o < places->output_count; o++) {
        const tw_place *output = &places->outputs[o];
        for (size_t i = 0; i < places->input_count; i++)
            if (check_input(output, &places->inputs[i]) < 0)
                return -1;
        for (size_t i = 0; i < places->output_count; i++)
            if (i != o && check_output(output, &places->outputs[i]) < 0)
                return -1;
    }
    return 0;
}

static void clear(tw_place *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i].label);
        free(list[i].resolved);
    }
    free(list);
}

int tw_places_check(tw_places *places)
{
    int status = check_all(places);
    clear(places->inputs, places->input_count);
    clear(places->outputs, places->output_count);
    *places = (tw_places){0};
    return status;
}
