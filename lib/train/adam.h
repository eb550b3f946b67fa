#ifndef TW_TRAIN_ADAM_H
#define TW_TRAIN_ADAM_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

/* Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019) with PyTorch's
 * semantics: bias correction of both moments, epsilon outside the square root. */

typedef struct tw_adam_options {
    double beta1, beta2, epsilon;
    double weight_decay; /* of rank-2 parameters only: never of biases and norms */
    bool decoupled;      /* AdamW: decay shrinks the weights; else it is added to the gradient */
} tw_adam_options;

/* beta 0.9 and 0.999, epsilon 1e-8, no decay, AdamW. */
extern const tw_adam_options tw_adam_defaults;

/* Moments in the layout of params->x. */
typedef struct tw_adam {
    tw_adam_options options;
    const tw_params *params;
    float *m, *v;  /* [params->size] each, in one buffer */
    uint64_t step; /* updates done */
} tw_adam;

/* params must be allocated as trainable and outlive adam. */
void tw_adam_init(tw_adam *adam, const tw_params *params, const tw_adam_options *options);
void tw_adam_free(tw_adam *adam);

/* One update of params->x from scale * params->dx, which it sets to zero. The
 * result does not depend on the number of threads. */
void tw_adam_step(tw_adam *adam, double learning_rate, double scale);

/* The 2-norm of params->dx, summed in double in an order that is always the same. */
double tw_gradient_norm(const tw_params *params);

/* What to multiply gradients of norm `norm` by so that it does not exceed limit
 * (torch.nn.utils.clip_grad_norm_): min(1, limit / (norm + 1e-6)); 1 for limit 0. */
double tw_clip_factor(double norm, double limit);

#endif
