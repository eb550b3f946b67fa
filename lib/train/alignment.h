#ifndef TW_TRAIN_ALIGNMENT_H
#define TW_TRAIN_ALIGNMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guidance/guidance.h"
#include "guidance/plackett-luce.h"
#include "train/data.h"

/* Aligning a guidance model with ranked groups (METHOD.md, "Alignment loss"). A batch is
 * a forest: each group's prompt once, its generations as children. */

/* One visit to a group. Which generations take part and how ties fall is a function of
 * (seed, number, index). */
typedef struct tw_visit {
    const tw_group *group;
    uint32_t index;  /* of the group, < 2^24 - 1 */
    uint64_t number; /* of times it was visited before; TW_VISIT_VALIDATION */
} tw_visit;

/* Visits of a validation are all the same one, so that validations compare. */
#define TW_VISIT_VALIDATION UINT64_MAX

typedef struct tw_aligner {
    const tw_guidance *guidance;
    uint64_t seed;
    size_t group_size; /* generations of a visit, drawn at random; 0: all */
    tw_tape *tape;     /* recording or not */
    tw_batch batch;
} tw_aligner;

/* Sums over visits. */
typedef struct tw_alignment {
    double loss;
    tw_pairs pairs;
    size_t groups;
    uint64_t rows; /* computed */
} tw_alignment;

/* recording false: no gradients. */
void tw_aligner_init(tw_aligner *aligner, const tw_guidance *guidance, uint64_t seed,
                     size_t group_size, bool recording);
void tw_aligner_free(tw_aligner *aligner);

/* Adds the visits' losses, each times its group's weight, and pairs to *sums and, when the tape
 * records, the gradients of their share of the update's mean loss, over update_size visits, to
 * those of the guidance model's parameters. */
void tw_align(tw_aligner *aligner, const tw_visit *visits, size_t count, size_t update_size,
              tw_alignment *sums);

/* chosen[returned]: the generations that take part in a visit, in their order. At least
 * two of them differ in score if any two of the group do. */
size_t tw_choose_generations(const tw_visit *visit, uint64_t seed, size_t group_size,
                             uint32_t *chosen);

#endif
