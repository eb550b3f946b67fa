/* Lines found by their first field, before and after the table is made: against a plain scan. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "metric/word_lines.h"

static tw_span span_of(const char *text)
{
    return (tw_span){text, strlen(text)};
}

/* Where the last line whose first field is the word begins; NULL if none does. */
static const char *scan(tw_span text, tw_span word)
{
    const char *found = NULL, *end = text.text + text.length;
    for (const char *line = text.text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const size_t length = (size_t)((stop ? stop : end) - line);
        const char *blank = memchr(line, ' ', length);
        const size_t key = blank ? (size_t)(blank - line) : length;
        if (key == word.length && memcmp(line, word.text, key) == 0)
            found = line;
        line += length + 1;
    }
    return found;
}

static void check(tw_word_lines *lines, const tw_span *texts, size_t text, tw_span word)
{
    tw_span found = {NULL, 0};
    const char *wanted = scan(texts[text], word);
    assert_int_equal(tw_word_lines_find(lines, text, word, &found), wanted != NULL);
    assert_ptr_equal(found.text, wanted);
    if (wanted)
        assert_ptr_equal(found.text + found.length, texts[text].text + texts[text].length);
}

static void few_lines(void **state)
{
    (void)state;
    const tw_span texts[] = {
        span_of("a 1\nab 2\nab 3\nab_c 4\nabc 5\nabcdefgh 6\nabcdefghi 7\nabcdefghij 8\nb"),
        span_of("ab_c\n"), span_of(""), span_of("\xC3\xA9t\xC3\xA9 9\n")};
    const char *const words[] = {
        "a",    "ab", "abc", "ab_c", "b",   "abcdefgh", "abcdefghi",        "abcdefghij",
        "abcd", "",   "aa",  "ba",   "a 1", "c",        "\xC3\xA9t\xC3\xA9"};
    tw_word_lines *lines = tw_word_lines_new(texts, 4);
    for (size_t round = 0; round < 2 + TW_WORD_LINES_FEW / (4 * sizeof words / sizeof *words);
         round++)
        for (size_t text = 0; text < 4; text++)
            for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                check(lines, texts, text, span_of(words[i]));
    tw_word_lines_free(lines);
}

/* So many lines, shorter than usual ones, that the table must grow; every other number is there,
 * each eighth twice. */
static void many_lines(void **state)
{
    (void)state;
    enum { NUMBERS = 8000, WIDTH = 8, FIRST = 1000 };
    char *text = tw_alloc((size_t)NUMBERS * WIDTH * 2 + 1, 1);
    size_t length = 0;
    for (int i = 0; i < NUMBERS; i += 2)
        for (int times = i % 8 == 0 ? 2 : 1; times > 0; times--)
            length += (size_t)snprintf(text + length, WIDTH + 1, "%d\n", FIRST + i);
    const tw_span texts[] = {{text, length}};
    tw_word_lines *lines = tw_word_lines_new(texts, 1);
    for (int i = 0; i < NUMBERS; i += 7) {
        char word[16];
        snprintf(word, sizeof word, "%d", FIRST + i);
        check(lines, texts, 0, span_of(word));
    }
    for (int i = 0; i < TW_WORD_LINES_FEW; i++)
        check(lines, texts, 0, span_of("1004"));
    for (int i = 0; i < NUMBERS; i += 7) {
        char word[16];
        snprintf(word, sizeof word, "%d", FIRST + i);
        check(lines, texts, 0, span_of(word));
    }
    tw_word_lines_free(lines);
    free(text);
}

typedef struct searcher {
    tw_word_lines *lines;
    tw_span text;
    size_t wrong;
} searcher;

static void *search(void *argument)
{
    searcher *s = argument;
    const char *const words[] = {"ab", "abc", "b", "c", "abcdefghi", "ab_c"};
    for (int i = 0; i < 2 * TW_WORD_LINES_FEW; i++) {
        tw_span found = {NULL, 0};
        const tw_span word = span_of(words[i % 6]);
        const char *wanted = scan(s->text, word);
        s->wrong += tw_word_lines_find(s->lines, 0, word, &found) != (wanted != NULL);
        s->wrong += found.text != wanted;
    }
    return NULL;
}

/* Some threads search while one makes the table. */
static void threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    const tw_span text = span_of("a 1\nab 2\nab 3\nab_c 4\nabc 5\nabcdefghi 7\nb");
    pthread_t thread[THREADS];
    searcher all[THREADS];
    tw_word_lines *lines = tw_word_lines_new(&text, 1);
    for (int i = 0; i < THREADS; i++) {
        all[i] = (searcher){lines, text, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, search, &all[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(all[i].wrong, 0);
    }
    tw_word_lines_free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(few_lines), cmocka_unit_test(many_lines),
                                       cmocka_unit_test(threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
