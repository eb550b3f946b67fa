#ifndef TW_GUIDANCE_BOUND_H
#define TW_GUIDANCE_BOUND_H

/* How the head's value z becomes a reward in (0, 1) (METHOD.md, "Guidance model"). */

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
