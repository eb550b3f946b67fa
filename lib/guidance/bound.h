#ifndef TW_GUIDANCE_BOUND_H
#define TW_GUIDANCE_BOUND_H

/* How the head's value z becomes a bounded reward (METHOD.md, "Guidance model"). The
 * softplus form is the published one to the letter: it levels off below at 1e-8 and
 * above at softplus(1) = 1.313, for the outer softplus lifts what the inner one capped. */

typedef enum tw_bound_kind {
    TW_BOUND_SOFTPLUS, /* y = 1 - softplus(1 - z), r = min + softplus(y - min), min = 1e-8 */
    TW_BOUND_SIGMOID
} tw_bound_kind;
#define TW_BOUND_NAMES "softplus|sigmoid"

/* The reward of z; of a NaN 0. */
double tw_bound(tw_bound_kind kind, double z);

/* d reward / d z; at a NaN 0. */
double tw_bound_slope(tw_bound_kind kind, double z);

#endif
