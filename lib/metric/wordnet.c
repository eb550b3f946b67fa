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
#include "metric/word_lines.h"

typedef tw_span span;

enum { NOUN, VERB, ADJ, ADV, PARTS };
enum { INDEX, EXCEPTIONS, SEARCHED, DATA = SEARCHED, FILES };

struct tw_wordnet {
    span files[PARTS][FILES];
    tw_word_lines *lines; /* of the files searched: text SEARCHED part + INDEX or EXCEPTIONS */
};

static const char *const file_names[PARTS][FILES] = {{"index.noun", "noun.exc", "data.noun"},
                                                     {"index.verb", "verb.exc", "data.verb"},
                                                     {"index.adj", "adj.exc", "data.adj"},
                                                     {"index.adv", "adv.exc", "data.adv"}};

typedef struct ending {
    const char *old, *new;
} ending;

/* Rules of detachment (morphy(7WN)); NULL ends a list. */
enum { MAX_ENDINGS = 10, MAX_NEW = 3 };
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

/* Maps the files of one part of speech; what of them is searched. */
static int open_part(span *files, int part, const char *folder, span *searched)
{
    for (int kind = 0; kind < FILES; kind++) {
        if (map_file(folder, file_names[part][kind], &files[kind]) != 0)
            return -1;
        span behind = files[kind];
        if (kind != EXCEPTIONS && skip_licence(file_names[part][kind], &behind) != 0)
            return tw_fail_in("%s", folder);
        if (kind < SEARCHED)
            searched[kind] = behind;
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
    span searched[PARTS * SEARCHED];
    for (size_t part = 0; part < PARTS; part++)
        if (open_part(wordnet->files[part], (int)part, folder, searched + part * SEARCHED) != 0) {
            tw_wordnet_close(wordnet);
            return NULL;
        }
    wordnet->lines = tw_word_lines_new(searched, PARTS * SEARCHED);
    return wordnet;
}

void tw_wordnet_close(tw_wordnet *wordnet)
{
    if (!wordnet)
        return;
    tw_word_lines_free(wordnet->lines);
    for (int part = 0; part < PARTS; part++)
        for (int kind = 0; kind < FILES; kind++)
            if (wordnet->files[part][kind].text)
                munmap((void *)wordnet->files[part][kind].text, wordnet->files[part][kind].length);
    free(wordnet);
}

/* The line of a word in the index or the exceptions of a part. */
static bool find(const tw_wordnet *wordnet, int part, int kind, span word, span *line)
{
    return tw_word_lines_find(wordnet->lines, (size_t)part * SEARCHED + (size_t)kind, word, line);
}

/* The next field of the line that text begins with (cut off from it); length 0 at its end. */
static span take_field(span *text)
{
    const char *at = text->text, *end = at + text->length;
    while (at < end && *at == ' ')
        at++;
    const char *start = at;
    while (at < end && *at != ' ' && *at != '\n')
        at++;
    *text = (span){at, (size_t)(end - at)};
    return (span){start, (size_t)(at - start)};
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
    span line = {data.text + offset, data.length - offset};
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

/* Visits the synsets whose offsets the fields of a line are. They lie far apart in memory, so
 * that some are asked for before the first is read. */
static void visit_synsets(span data, span line, size_t count, tw_synonym_visitor *visit,
                          void *context)
{
    enum { AHEAD = 8 };
    size_t offsets[AHEAD], known = 0;
    for (size_t i = 0; i < count && line.length > 0; i += known) {
        for (known = 0; known < AHEAD && i + known < count && line.length > 0; known++) {
            offsets[known] = number(take_field(&line), 10);
            if (offsets[known] < data.length)
                __builtin_prefetch(data.text + offsets[known]);
        }
        for (size_t k = 0; k < known; k++)
            visit_synset(data, offsets[k], visit, context);
    }
}

/* Visits all synsets of one form: `lemma pos synsets pointers symbol*
 * senses tagged offset*`. */
static void visit_form(const tw_wordnet *wordnet, int part, span form, tw_synonym_visitor *visit,
                       void *context)
{
    span line = {NULL, 0};
    if (!find(wordnet, part, INDEX, form, &line))
        return;
    take_field(&line);
    take_field(&line);
    const size_t synsets = number(take_field(&line), 10);
    const size_t pointers = number(take_field(&line), 10);
    if (synsets == SIZE_MAX || pointers == SIZE_MAX)
        return;
    for (size_t i = 0; i < pointers + 2 && line.length > 0; i++)
        take_field(&line);
    visit_synsets(wordnet->files[part][DATA], line, synsets, visit, context);
}

static void visit_detached(const tw_wordnet *wordnet, int part, span word,
                           tw_synonym_visitor *visit, void *context)
{
    char few[64];
    const bool fits = word.length + MAX_NEW <= sizeof few;
    char *form = fits ? few : tw_alloc(word.length + MAX_NEW, 1);
    for (const ending *e = endings[part]; e < endings[part] + MAX_ENDINGS && e->old; e++) {
        const size_t old = strlen(e->old), new = strlen(e->new);
        if (word.length < old || memcmp(word.text + word.length - old, e->old, old) != 0)
            continue;
        memcpy(form, word.text, word.length - old);
        memcpy(form + word.length - old, e->new, new);
        visit_form(wordnet, part, (span){form, word.length - old + new}, visit, context);
    }
    if (!fits)
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
        if (!find(wordnet, part, EXCEPTIONS, form, &exception)) {
            visit_detached(wordnet, part, form, visit, context);
            continue;
        }
        take_field(&exception);
        for (span base = take_field(&exception); base.length > 0; base = take_field(&exception))
            visit_form(wordnet, part, base, visit, context);
    }
}
