#ifndef TW_TRAIN_SCHEDULE_H
#define TW_TRAIN_SCHEDULE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Learning rates over a run, and when to stop it. */

typedef enum tw_schedule_kind {
    TW_SCHEDULE_CONSTANT,
    TW_SCHEDULE_LINEAR, /* falls to 0 at the last step */
    TW_SCHEDULE_COSINE, /* the same along half a cosine */
    TW_SCHEDULE_PLATEAU /* falls when the validation does not improve */
} tw_schedule_kind;
#define TW_SCHEDULE_NAMES "constant|linear|cosine|plateau"

/* ReduceLROnPlateau of PyTorch (relative threshold, no cooldown). */
typedef struct tw_plateau {
    double factor, floor, threshold;
    int64_t patience;
    bool maximise;
    double rate, best; /* state */
    int64_t bad;       /* validations since the last improvement or reduction */
} tw_plateau;

/* METHOD.md: factor 0.8, patience 2, floor 1e-6, threshold 1e-4. */
void tw_plateau_init(tw_plateau *plateau, double rate, bool maximise);

/* Takes a validation's value (NaN is no improvement); true when the rate was reduced. */
bool tw_plateau_update(tw_plateau *plateau, double value);

typedef struct tw_schedule {
    tw_schedule_kind kind;
    double rate;            /* peak */
    uint64_t warmup, total; /* updates; the rate rises linearly over the first `warmup` ones */
    tw_plateau plateau;     /* state, used by its kind only */
} tw_schedule;

void tw_schedule_init(tw_schedule *schedule, tw_schedule_kind kind, double rate, uint64_t warmup,
                      uint64_t total, bool maximise);

/* The rate of update `step`, from 0. Update i of the warm-up has rate (i + 1) / warmup. */
double tw_schedule_rate(const tw_schedule *schedule, uint64_t step);

/* The best validation and how many there were since. */
typedef struct tw_best {
    bool maximise, any;
    double value;
    uint64_t step; /* updates done when it was reached */
    int64_t stale; /* validations since */
} tw_best;

/* True when value is better than all before (NaN never is). */
bool tw_best_update(tw_best *best, double value, uint64_t step);

/* State as JSON, to the last bit. From JSON: -1 on a missing or mistyped field. */
json_t *tw_plateau_to_json(const tw_plateau *plateau);
int tw_plateau_from_json(tw_plateau *plateau, const json_t *json);
json_t *tw_best_to_json(const tw_best *best);
int tw_best_from_json(tw_best *best, const json_t *json);

#endif
