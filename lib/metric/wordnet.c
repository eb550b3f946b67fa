#include "metric/wordnet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"

typedef struct span {
    const char *text;
    size_t length;
} span;

enum { NOUN, VERB, ADJ, ADV, PARTS };
enum { INDEX, DATA, EXCEPTIONS, FILES };

struct tw_wordnet {
    span files[PARTS][FILES];
    span index[PARTS]; /* the index files behind their licence */
};

static const char *const file_names[PARTS][FILES] = {{"index.noun", "data.noun", "noun.exc"},
                                                     {"index.verb", "data.verb", "verb.exc"},
                                                     {"index.adj", "data.adj", "adj.exc"},
                                                     {"index.adv", "data.adv", "adv.exc"}};

typedef struct ending {
    const char *old, *new;
} ending;

/* Rules of detachment (morphy(7WN)); NULL ends a list. */
enum { MAX_ENDINGS = 10 };
static const ending endings[PARTS][MAX_ENDINGS] = {
    {{"s", ""},
     {"ses", "s"},
     {"ves", "f"},
     {"xes", "x"},
     {"zes", "z"},
     {"ches", "ch"},
     {"shes", "sh"},
     {"men", "man"},
     {"ies", "y"}},
    {{"s", ""},
     {"ies", "y"},
     {"es", "e"},
     {"es", ""},
     {"ed", "e"},
     {"ed", ""},
     {"ing", "e"},
     {"ing", ""}},
    {{"er", ""}, {"est", ""}, {"er", "e"}, {"est", "e"}},
    {{NULL, NULL}}};

static int map_file(const char *folder, const char *name, span *file)
{
    struct stat status;
    int result = -1;
    char *path = tw_format("%s/%s", folder, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        tw_fail("%s: %s: METEOR needs WordNet 3.0: `apt install wordnet-base`, or set "
                "TOKENWISE_WORDNET to its folder",
                path, strerror(errno));
        goto out;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
        tw_fail("%s: not a WordNet file (empty or not a regular file)", path);
        goto out;
    }
    void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        tw_fail("%s: %s", path, strerror(errno));
        goto out;
    }
    *file = (span){map, (size_t)status.st_size};
    result = 0;
out:
    if (fd >= 0)
        close(fd);
    free(path);
    return result;
}

/* WordNet's index and data files begin with its licence, each line set off by
 * two spaces and a number; after it comes what can be searched. */
static int skip_licence(const char *name, span *searched)
{
    const char *at = searched->text, *end = at + searched->length;
    if (searched->length < 2 || memcmp(at, "  ", 2) != 0)
        return tw_fail("%s: not a WordNet 3.0 file (no licence lines at its start)", name);
    while (at < end && *at == ' ') {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        at = line_end ? line_end + 1 : end;
    }
    *searched = (span){at, (size_t)(end - at)};
    return 0;
}

/* Maps the files of one part of speech. */
static int open_part(tw_wordnet *wordnet, int part, const char *folder)
{
    span *files = wordnet->files[part];
    for (int kind = 0; kind < FILES; kind++) {
        if (map_file(folder, file_names[part][kind], &files[kind]) != 0)
            return -1;
        span searched = files[kind];
        if (kind != EXCEPTIONS && skip_licence(file_names[part][kind], &searched) != 0)
            return tw_fail_in("%s", folder);
        if (kind == INDEX)
            wordnet->index[part] = searched;
    }
    return 0;
}

tw_wordnet *tw_wordnet_open(const char *folder)
{
    if (!folder)
        folder = getenv("TOKENWISE_WORDNET");
    if (!folder || !*folder)
        folder = "/usr/share/wordnet";
    tw_wordnet *wordnet = tw_alloc(1, sizeof *wordnet);
    for (int part = 0; part < PARTS; part++)
        if (open_part(wordnet, part, folder) != 0) {
            tw_wordnet_close(wordnet);
            return NULL;
        }
    return wordnet;
}

void tw_wordnet_close(tw_wordnet *wordnet)
{
    if (!wordnet)
        return;
    for (int part = 0; part < PARTS; part++)
        for (int kind = 0; kind < FILES; kind++)
            if (wordnet->files[part][kind].text)
                munmap((void *)wordnet->files[part][kind].text, wordnet->files[part][kind].length);
    free(wordnet);
}

/* The line at or after `at`, without its end. */
static span line_at(span text, size_t at)
{
    const char *start = text.text + at;
    const char *end = memchr(start, '\n', text.length - at);
    return (span){start, end ? (size_t)(end - start) : text.length - at};
}

/* Orders word against a line's first field, byte by byte. */
static int compare_key(span word, span line)
{
    const char *blank = memchr(line.text, ' ', line.length);
    const size_t key = blank ? (size_t)(blank - line.text) : line.length;
    const int order = memcmp(word.text, line.text, word.length < key ? word.length : key);
    return order ? order : (word.length > key) - (word.length < key);
}

/* Binary search for the last line whose first field is word, in text sorted by
 * first fields. */
static bool find_line(span text, span word, span *found)
{
    size_t low = 0, high = text.length; /* both at starts of lines */
    bool any = false;
    while (low < high) {
        size_t start = low + (high - low) / 2;
        while (start > low && text.text[start - 1] != '\n')
            start--;
        const span line = line_at(text, start);
        const int order = compare_key(word, line);
        if (order == 0) {
            *found = line;
            any = true;
        }
        if (order < 0)
            high = start;
        else
            low = start + line.length + (start + line.length < text.length);
    }
    return any;
}

/* The next field of a line (cut off from it); length 0 at its end. */
static span take_field(span *line)
{
    while (line->length > 0 && *line->text == ' ') {
        line->text++;
        line->length--;
    }
    const char *blank = memchr(line->text, ' ', line->length);
    const span field = {line->text, blank ? (size_t)(blank - line->text) : line->length};
    line->text += field.length;
    line->length -= field.length;
    return field;
}

/* A field as a number of the base, SIZE_MAX if it is none. */
static size_t number(span field, size_t base)
{
    size_t value = 0;
    if (field.length == 0 || field.length > 12)
        return SIZE_MAX;
    for (size_t i = 0; i < field.length; i++) {
        const char c = field.text[i];
        const size_t digit = c >= '0' && c <= '9'   ? (size_t)(c - '0')
                             : c >= 'a' && c <= 'f' ? (size_t)(c - 'a') + 10
                                                    : base;
        if (digit >= base)
            return SIZE_MAX;
        value = value * base + digit;
    }
    return value;
}

/* Visits the words of the synset at a byte of a data file:
 * `offset lexicographer type count(hex) word id word id ... | gloss`. */
static void visit_synset(span data, size_t offset, tw_synonym_visitor *visit, void *context)
{
    if (offset >= data.length)
        return;
    span line = line_at(data, offset);
    if (number(take_field(&line), 10) != offset)
        return;
    take_field(&line);
    take_field(&line);
    const size_t count = number(take_field(&line), 16);
    for (size_t i = 0; i < count; i++) {
        span name = take_field(&line);
        if (take_field(&line).length == 0)
            return;
        const char *marker = memchr(name.text, '(', name.length);
        if (marker && name.text[name.length - 1] == ')')
            name.length = (size_t)(marker - name.text);
        visit(context, name.text, name.length);
    }
}

/* Visits all synsets of one form: `lemma pos synsets pointers symbol*
 * senses tagged offset*`. */
static void visit_form(const tw_wordnet *wordnet, int part, span form, tw_synonym_visitor *visit,
                       void *context)
{
    span line = {NULL, 0};
    if (!find_line(wordnet->index[part], form, &line))
        return;
    take_field(&line);
    take_field(&line);
    const size_t synsets = number(take_field(&line), 10);
    const size_t pointers = number(take_field(&line), 10);
    if (synsets == SIZE_MAX || pointers == SIZE_MAX)
        return;
    for (size_t i = 0; i < pointers + 2 && line.length > 0; i++)
        take_field(&line);
    for (size_t i = 0; i < synsets && line.length > 0; i++)
        visit_synset(wordnet->files[part][DATA], number(take_field(&line), 10), visit, context);
}

static void visit_detached(const tw_wordnet *wordnet, int part, span word,
                           tw_synonym_visitor *visit, void *context)
{
    char *form = tw_alloc(word.length + 4, 1);
    for (const ending *e = endings[part]; e < endings[part] + MAX_ENDINGS && e->old; e++) {
        const size_t old = strlen(e->old), new = strlen(e->new);
        if (word.length < old || memcmp(word.text + word.length - old, e->old, old) != 0)
            continue;
        memcpy(form, word.text, word.length - old);
        memcpy(form + word.length - old, e->new, new);
        visit_form(wordnet, part, (span){form, word.length - old + new}, visit, context);
    }
    free(form);
}

void tw_wordnet_synonyms(const tw_wordnet *wordnet, const char *word, size_t length,
                         tw_synonym_visitor *visit, void *context)
{
    const span form = {word, length};
    if (length == 0)
        return;
    for (int part = 0; part < PARTS; part++) {
        span exception = {NULL, 0};
        visit_form(wordnet, part, form, visit, context);
        if (!find_line(wordnet->files[part][EXCEPTIONS], form, &exception)) {
            visit_detached(wordnet, part, form, visit, context);
            continue;
        }
        take_field(&exception);
        for (span base = take_field(&exception); base.length > 0; base = take_field(&exception))
            visit_form(wordnet, part, base, visit, context);
    }
}
