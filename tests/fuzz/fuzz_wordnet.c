/* WordNet's files: words to look up, an index, exceptions and data, with 0xFF between; the files
 * are those of all parts of speech. What is found are words of the data: the files have no NUL
 * byte, so one would be from behind their end. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/memory.h"
#include "expect.h"
#include "metric/lexicon.h"
#include "metric/word_lines.h"
#include "metric/wordnet.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { FILES = 3, PARTS = 4 };
static char folder[] = "/tmp/tokenwise-fuzz-XXXXXX";
static const char *const parts[PARTS] = {"noun", "verb", "adj", "adv"};
static const char *const formats[FILES] = {"index.%s", "%s.exc", "data.%s"};
static char *files[FILES][PARTS];

static void remove_folder(void)
{
    for (size_t i = 0; i < FILES; i++)
        for (size_t part = 0; part < PARTS; part++) {
            unlink(files[i][part]);
            free(files[i][part]);
        }
    rmdir(folder);
}

/* The first part's are files, the others links to them. */
static void make_folder(void)
{
    expect(mkdtemp(folder) != NULL, "mkdtemp");
    for (size_t i = 0; i < FILES; i++)
        for (size_t part = 0; part < PARTS; part++) {
            char name[16];
            snprintf(name, sizeof name, formats[i], parts[part]);
            files[i][part] = tw_join_path(folder, name);
            if (part > 0)
                expect(symlink(files[i][0], files[i][part]) == 0, "symlink");
        }
    atexit(remove_folder);
}

/* Without waiting for the disk. */
static void put(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    expect(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, "write");
}

static void visit(void *context, const char *name, size_t length)
{
    (void)context;
    for (size_t i = 0; i < length; i++)
        expect(name[i] && name[i] != ' ' && name[i] != '\n', "a name must be a field of the data");
}

static void look_up(tw_lexicon *lexicon, const tw_wordnet *wordnet, const char *word, size_t length)
{
    size_t count = 0, known = 0;
    tw_wordnet_synonyms(wordnet, word, length, visit, NULL);
    if (length == 0)
        return;
    const int32_t id = tw_lexicon_id(lexicon, word, length);
    const int32_t *synonyms = tw_lexicon_synonyms(lexicon, id, &count);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = 0;
        const char *text = tw_lexicon_text(lexicon, synonyms[i], &bytes);
        visit(NULL, text, bytes);
        for (size_t k = 0; k < i; k++)
            expect(synonyms[k] != synonyms[i], "a synonym comes once");
    }
    if (tw_utf8_valid(word, length)) /* as all words of texts are */
        tw_lexicon_stem(lexicon, id);
    expect(tw_lexicon_id(lexicon, word, length) == id, "a word keeps its id");
    tw_lexicon_synonyms(lexicon, id, &known);
    expect(known == count, "synonyms are remembered");
}

static void look_up_all(const tw_wordnet *wordnet, const char *words, size_t length)
{
    tw_lexicon *lexicon = tw_lexicon_new(wordnet);
    for (size_t at = 0, end; at <= length; at = end + 1) {
        const char *stop = memchr(words + at, '\n', length - at);
        end = stop ? (size_t)(stop - words) : length;
        look_up(lexicon, wordnet, words + at, end - at);
        tw_lexicon_trim(lexicon);
    }
    tw_lexicon_free(lexicon);
}

/* First by halving, then by the table that many searches bring, one at least for each part. */
static void look_up_twice(const tw_wordnet *wordnet, const char *words, size_t length)
{
    look_up_all(wordnet, words, length);
    for (int i = 0; i < TW_WORD_LINES_FEW / PARTS; i++)
        tw_wordnet_synonyms(wordnet, "~", 1, visit, NULL);
    look_up_all(wordnet, words, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { MOST = 2048 };
    if (size > MOST)
        return 0;
    if (!files[0][0])
        make_folder();
    char *copy = tw_alloc(size + 1, 1), *at = copy, *const end = copy + size;
    memcpy(copy, bytes, size);
    for (size_t i = 0; i < size; i++)
        if (!copy[i])
            copy[i] = '0';
    const char *middle = memchr(copy, 0xFF, size);
    const size_t words = middle ? (size_t)(middle - copy) : size;
    at += middle ? words + 1 : size;
    for (size_t i = 0; i < FILES; i++) {
        const char *stop = memchr(at, 0xFF, (size_t)(end - at));
        const size_t length = (size_t)((stop ? stop : end) - at);
        put(files[i][0], at, length);
        at += length + (stop != NULL);
    }
    tw_wordnet *wordnet = tw_wordnet_open(folder);
    if (wordnet)
        look_up_twice(wordnet, copy, words);
    tw_wordnet_close(wordnet);
    free(copy);
    return 0;
}
