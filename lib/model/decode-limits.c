#include <inttypes.h>

#include "core/error.h"
#include "model/decode.h"

size_t tw_max_new_tokens(const tw_model *model, int64_t max_new_tokens)
{
    const bool apart = tw_has_encoder(&model->config);
    const size_t context = apart ? TW_MAX_GENERATION + 1 : model->config.max_positions;
    if (max_new_tokens == 0 && context >= 2)
        return context / 2 < 128 ? context / 2 : 128;
    if (max_new_tokens > 0 && (uint64_t)max_new_tokens < context)
        return (size_t)max_new_tokens;
    if (apart) {
        tw_fail("--max-new-tokens %" PRId64 ": expected at most %d", max_new_tokens,
                TW_MAX_GENERATION);
        return 0;
    }
    tw_fail("--max-new-tokens %" PRId64 " leaves no room for a prompt: the model's context is %zu "
            "tokens",
            max_new_tokens, context);
    return 0;
}
