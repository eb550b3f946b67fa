#include "stream/output.h"

#include <stdlib.h>
#include <string.h>

bool tw_output_named_plain(const char *path)
{
    const size_t length = path ? strlen(path) : 0;
    return length >= 6 && strcmp(path + length - 6, ".jsonl") == 0;
}

tw_writer *tw_output_open(const tw_common *common, const tw_usage *usage,
                          const char *const *model_digests, int models, tw_records *records)
{
    char *canonical = tw_canonical_options(usage);
    char *text = tw_provenance(canonical, model_digests, models, tw_records_provenance(records));
    const tw_writer_options options = {.path = common->output,
                                       .plain =
                                           common->plain || tw_output_named_plain(common->output),
                                       .provenance = common->no_provenance ? NULL : text};
    tw_writer *writer = text ? tw_writer_open(&options) : NULL;
    free(canonical);
    free(text);
    return writer;
}

int tw_output_close(tw_writer *writer, tw_progress *progress, int status)
{
    bool unread = writer && tw_writer_broken_pipe(writer), whole = status == 0;
    if (unread || whole)
        status = writer ? tw_writer_close(writer) : 0;
    else
        tw_writer_abort(writer);
    if (whole && status == 0)
        tw_progress_end(progress);
    else
        tw_progress_abandon(progress);
    return status;
}
