/* records number < STREAM > TEXT: plain lines, those that are objects without `id` with
 * their line number as one, as the programs would give it to them. What is no record is left
 * for the program to complain of. */
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "records.h"
#include "stream/origin.h"
#include "stream/parse.h"
#include "stream/stream.h"

/* The line with an id; NULL: it needs none. The caller frees. */
static char *numbered(const char *line, size_t *length, uint64_t number)
{
    json_error_t error;
    json_t *json = strncmp(line, "{\"id\":", 6) == 0 ? NULL : tw_json_parse(line, *length, &error);
    char *text = NULL;
    if (json_is_object(json) && !json_object_get(json, "id")) {
        tw_origin *origin = tw_origin_new(line, *length, json, NULL);
        json_object_set_new(json, "id", json_integer((json_int_t)number));
        text = tw_origin_text(origin, json, length);
        tw_origin_free(origin);
    }
    json_decref(json);
    return text;
}

int number_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    tw_set_program("map");
    tw_reader *reader = tw_reader_open(NULL);
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.plain = true});
    char *line = NULL;
    size_t length = 0;
    int status = reader && writer ? 1 : -1;
    while (status > 0 && (status = tw_reader_line(reader, &line, &length)) > 0) {
        char *text = numbered(line, &length, tw_reader_line_number(reader));
        if (tw_writer_line(writer, text ? text : line, length) < 0)
            status = -1;
        free(text);
    }
    if (status == 0)
        status = tw_writer_close(writer);
    else
        tw_writer_abort(writer);
    if (status < 0)
        tw_warn("%s", tw_error());
    tw_reader_close(reader);
    return status < 0 ? TW_EXIT_DATA : TW_EXIT_OK;
}
