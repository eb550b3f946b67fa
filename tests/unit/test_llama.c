/* Llama's family against transformers in double precision (tests/oracle/llama.py): logits,
 * losses, gradients, greedy continuations with the cache and an AdamW step of tiny models. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>

#include "model_tests.h"
#include "recorded_models.h"

/* Both sides compute norms and angles in fp32, which rounds to 6e-8, over sums of 40 to 120 terms
 * and 1 to 3 layers; gradients sum over 66 rows as well. The largest errors seen are less than half
 * of these bounds. */
static int load(void **state)
{
    within = (tolerances){.value = 2e-5, .gradient = 1e-4, .weight = 1e-4};
    return open_recorded("llama", "models", state);
}

#define TESTS(model)                                                                               \
    RECORDED_TEST(computes_logits, model), RECORDED_TEST(trains_on_the_mean, model),               \
        RECORDED_TEST(shares_a_prompt, model), RECORDED_TEST(continues_greedily, model),           \
        RECORDED_TEST(saves_what_it_opened, model)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS("llama3"), TESTS("tied"), TESTS("mistral"),
                                       TESTS("qwen2"), TESTS("qwen3")};
    return cmocka_run_group_tests(tests, load, close_recorded);
}
