/* What an unknown option probably meant. */
#include <ctype.h>
#include <string.h>

#include "core/memory.h"
#include "core/option_text.h"

enum { NAME_MAX_LENGTH = 63 };

/* Levenshtein distance of two names of at most NAME_MAX_LENGTH bytes. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t row[NAME_MAX_LENGTH + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_length];
}

static const char *nearest_option(const tw_usage *usage, const char *name, size_t length)
{
    if (length < 2 || length > NAME_MAX_LENGTH)
        return NULL;
    const char *nearest = NULL;
    size_t best = length / 3 + 2; /* more edits than this are another word */
    for (const tw_option *option = usage->options; option->name || option->help; option++) {
        if (!option->name)
            continue;
        size_t size = strlen(option->name);
        if (size > NAME_MAX_LENGTH)
            continue;
        bool prefix = size > length && memcmp(option->name, name, length) == 0;
        size_t edits = prefix ? 0 : distance(name, length, option->name, size);
        if (edits < best) {
            best = edits;
            nearest = option->name;
        }
    }
    return nearest;
}

/* Names that other tools give to what has another name here; of several the first that the program
 * has. */
static const struct {
    const char *other, *ours;
} others[] = {
    {"n", "samples"},
    {"num-return-sequences", "samples"},
    {"num-samples", "samples"},
    {"num-generations", "samples"},
    {"num-generations", "group-size"},
    {"best-of", "samples"},
    {"max-length", "max-new-tokens"},
    {"max-length", "max-completion-tokens"},
    {"max-tokens", "max-new-tokens"},
    {"max-gen-len", "max-new-tokens"},
    {"n-predict", "max-new-tokens"},
    {"num-predict", "max-new-tokens"},
    {"max-completion-length", "max-completion-tokens"},
    {"max-completion-length", "max-new-tokens"},
    {"max-target-length", "max-completion-tokens"},
    {"max-prompt-length", "max-prompt-tokens"},
    {"max-source-length", "max-prompt-tokens"},
    {"max-seq-length", "max-prompt-tokens"},
    {"n-ctx", "max-prompt-tokens"},
    {"min-length", "min-new-tokens"},
    {"num-beams", "beams"},
    {"beam-size", "beams"},
    {"repeat-penalty", "repetition-penalty"},
    {"temp", "temperature"},
    {"do-sample", "greedy"},
    {"system", "prefix"},
    {"system-prompt", "prefix"},
    {"instruction", "prefix"},
    {"prompt-template", "prefix"},
    {"chat-template", "prefix"},
    {"m", "model"},
    {"model-name-or-path", "model"},
    {"model-name", "model"},
    {"model-id", "model"},
    {"model-path", "model"},
    {"pretrained", "model"},
    {"base-model", "model"},
    {"policy", "model"},
    {"reward-model", "guidance"},
    {"g", "guidance"},
    {"output-dir", "output"},
    {"save-dir", "output"},
    {"lr", "learning-rate"},
    {"lr-scheduler-type", "schedule"},
    {"lr-scheduler", "schedule"},
    {"warmup-steps", "warmup"},
    {"warmup-ratio", "warmup"},
    {"bs", "batch-size"},
    {"bsz", "batch-size"},
    {"train-batch-size", "batch-size"},
    {"micro-batch-size", "batch-size"},
    {"per-device-train-batch-size", "batch-size"},
    {"gradient-accumulation-steps", "accumulate"},
    {"grad-accum", "accumulate"},
    {"max-grad-norm", "clip"},
    {"grad-clip", "clip"},
    {"gradient-clip-val", "clip"},
    {"num-train-epochs", "epochs"},
    {"num-epochs", "epochs"},
    {"n-epochs", "epochs"},
    {"max-epochs", "epochs"},
    {"max-steps", "steps"},
    {"num-steps", "steps"},
    {"iters", "steps"},
    {"iterations", "steps"},
    {"wd", "weight-decay"},
    {"eval-steps", "eval-every"},
    {"save-steps", "save-every"},
    {"early-stopping-patience", "patience"},
    {"resume-from-checkpoint", "resume"},
    {"eval-dataset", "valid"},
    {"validation-file", "valid"},
    {"lora-r", "lora"},
    {"lora-rank", "lora"},
    {"lora-alpha", "lora"},
    {"r", "lora"},
    {"use-peft", "lora"},
    {"target-modules", "lora-targets"},
    {"lora-target-modules", "lora-targets"},
    {"merge-and-unload", "merge"},
    {"kl-coef", "entropy"},
    {"metric", "metrics"},
    {"metric", "by"},
    {"metrics", "by"},
    {"random-seed", "seed"},
    {"n-threads", "threads"},
    {"num-threads", "threads"},
    {"num-workers", "threads"},
    {"jobs", "threads"},
    {"cpus", "threads"},
    {"t", "threads"},
    {"logging-dir", "log"},
    {"log-file", "log"},
    {"silent", "quiet"},
};

/* What is given in another way, or not at all. */
static const struct {
    const char *other, *advice;
} notes[] = {
    {"input", "files are named without an option"},
    {"file", "files are named without an option"},
    {"data", "files are named without an option"},
    {"dataset", "files are named without an option"},
    {"dataset-name", "files are named without an option"},
    {"train-file", "files are named without an option"},
    {"device", "all is computed on the processor"},
    {"gpu", "all is computed on the processor"},
    {"cuda", "all is computed on the processor"},
    {"fp16", "weights are read in the type that they have, and trained in fp32"},
    {"bf16", "weights are read in the type that they have, and trained in fp32"},
    {"dtype", "weights are read in the type that they have, and trained in fp32"},
    {"torch-dtype", "weights are read in the type that they have, and trained in fp32"},
    {"json", "records are JSON lines already; --plain writes them without zstd"},
};

/* Letters in lower case, `_` as `-`: the same name to whoever types it. */
static bool alike(const char *name, size_t length, const char *other)
{
    if (strlen(other) != length)
        return false;
    for (size_t i = 0; i < length; i++) {
        const char letter = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
        if (letter != other[i])
            return false;
    }
    return true;
}

static bool has(const tw_usage *usage, const char *name)
{
    for (const tw_option *option = usage->options; option->name || option->help; option++)
        if (option->name && strcmp(option->name, name) == 0)
            return true;
    return false;
}

char *tw_option_advice(const tw_usage *usage, const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (alike(name, length, others[i].other) && has(usage, others[i].ours))
            return tw_format(": did you mean --%s?", others[i].ours);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (alike(name, length, notes[i].other))
            return tw_format(": %s", notes[i].advice);
    const char *nearest = nearest_option(usage, name, length);
    return nearest ? tw_format(": did you mean --%s?", nearest) : tw_strdup("");
}
