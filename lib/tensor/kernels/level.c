/* The set of this level. */

#include "tensor/kernels/kernels.h"
#include "tensor/kernels/lanes.h"

void TW_AT_LEVEL(tw_product_part)(const tw_product *product, const tw_product_part *part);
extern const tw_row_kernels TW_AT_LEVEL(tw_row_kernels);
extern const tw_element_kernels TW_AT_LEVEL(tw_element_kernels);
extern const tw_norm_kernels TW_AT_LEVEL(tw_norm_kernels);

#define TW_TEXT(name) #name
#define TW_NAME(name) TW_TEXT(name)

const tw_kernels TW_AT_LEVEL(tw_kernels) = {
    TW_NAME(TW_LEVEL), TW_AT_LEVEL(tw_product_part), &TW_AT_LEVEL(tw_row_kernels),
    &TW_AT_LEVEL(tw_element_kernels), &TW_AT_LEVEL(tw_norm_kernels)};
