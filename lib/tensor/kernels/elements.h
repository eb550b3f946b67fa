#ifndef TW_TENSOR_KERNELS_ELEMENTS_H
#define TW_TENSOR_KERNELS_ELEMENTS_H

#include <stddef.h>

/* Functions of single elements at each instruction level: an element's bits depend on that element
 * alone. op.h defines the activations. */

enum { TW_ELEMENT_KINDS = 4 };

/* y = f(x) */
typedef void tw_element_forward(const float *restrict x, float *restrict y, size_t n);
/* dx += dy f'(x) */
typedef void tw_element_backward(const float *restrict x, const float *restrict dy,
                                 float *restrict dx, size_t n);

typedef struct tw_element_kernels {
    tw_element_forward *forward[TW_ELEMENT_KINDS]; /* by tw_activation_kind */
    tw_element_backward *backward[TW_ELEMENT_KINDS];
    /* y = gate sigmoid(gate) up */
    void (*gated)(const float *restrict gate, const float *restrict up, float *restrict y,
                  size_t n);
    /* dup += dy gate sigmoid(gate) */
    void (*gated_up)(const float *restrict gate, const float *restrict dy, float *restrict dup,
                     size_t n);
    /* dgate += dy up d (gate sigmoid(gate)) / d gate */
    void (*gated_gate)(const float *restrict gate, const float *restrict up,
                       const float *restrict dy, float *restrict dgate, size_t n);
} tw_element_kernels;

#endif
