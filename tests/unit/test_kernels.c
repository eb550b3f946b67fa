/* The kernels of every level that this processor has compute one and the same bits: those of the
 * definitions in lib/tensor/kernels, which are written out here once more. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "tensor/gemm.h"
#include "tensor/kernels/kernels.h"

static bool same_bits(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t one, other;
        memcpy(&one, a + i, sizeof one);
        memcpy(&other, b + i, sizeof other);
        if (one != other)
            return false;
    }
    return true;
}

static float *numbers(uint32_t seed, size_t count)
{
    float *x = tw_alloc(count, sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)tw_normal(seed, TW_RNG_INIT, 0, 0, (uint32_t)i);
    return x;
}

static uint16_t *halves(const float *x, size_t count)
{
    uint16_t *half = tw_alloc(count, sizeof *half);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        half[i] = (uint16_t)(bits >> 16);
    }
    return half;
}

static float widened(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* {m, n, k}: below, at and above tiles, panels and blocks of every level. */
static const size_t shapes[][3] = {{1, 1, 1},     {1, 48, 160},  {3, 33, 5},    {6, 16, 64},
                                   {7, 31, 321},  {12, 32, 320}, {13, 95, 100}, {250, 40, 9},
                                   {13, 70, 650}, {5, 7, 0}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct operands {
    tw_product product; /* with a, and b or b16, and c to be set */
    float *a, *b, *c;
    uint16_t *b16;
} operands;

/* Variant bits: A transposed, B transposed, bf16, added to, alpha not 1. Leading dimensions are
 * larger than rows are. */
static operands make(const size_t *shape, int variant)
{
    const size_t m = shape[0], n = shape[1], k = shape[2];
    operands o = {0};
    tw_product *p = &o.product;
    p->m = m, p->n = n, p->k = k;
    p->transpose_a = variant & 1;
    p->transpose_b = variant & 2;
    p->add = variant & 8;
    p->alpha = variant & 16 ? 0.3F : 1;
    p->lda = (p->transpose_a ? m : k) + 3;
    p->ldb = (p->transpose_b ? k : n) + 5;
    p->ldc = n + 1;
    const size_t b_count = (p->transpose_b ? n : k) * p->ldb;
    o.a = numbers(1, (p->transpose_a ? k : m) * p->lda + 1);
    o.b = numbers(2, b_count + 1);
    o.b16 = halves(o.b, b_count + 1);
    o.c = numbers(3, m * p->ldc);
    p->a = o.a;
    p->b = variant & 4 ? NULL : o.b;
    p->b16 = variant & 4 ? o.b16 : NULL;
    return o;
}

static void free_operands(operands *o)
{
    free(o->a);
    free(o->b);
    free(o->b16);
    free(o->c);
}

/* One element, by the definition. */
static float element(const tw_product *p, size_t i, size_t j, float before)
{
    float sum = p->add ? before : 0;
    for (size_t l = 0; l < p->k; l++) {
        const size_t at = p->transpose_b ? j * p->ldb + l : l * p->ldb + j;
        const float b = p->b ? p->b[at] : p->b16 ? widened(p->b16[at]) : 0;
        sum = fmaf(p->a[p->transpose_a ? l * p->lda + i : i * p->lda + l], p->alpha * b, sum);
    }
    return sum;
}

static void check_product(const operands *o, float *c)
{
    tw_product p = o->product;
    memcpy(c, o->c, p.m * p.ldc * sizeof *c);
    p.c = c;
    tw_product_run(&p);
    for (size_t i = 0; i < p.m; i++) {
        for (size_t j = 0; j < p.n; j++) {
            const float expected = element(&p, i, j, o->c[i * p.ldc + j]);
            if (!same_bits(&expected, &c[i * p.ldc + j], 1))
                fail_msg("%s: %zu x %zu x %zu, element (%zu, %zu) is %.9g, defined as %.9g",
                         tw_kernel->name, p.m, p.n, p.k, i, j, (double)c[i * p.ldc + j],
                         (double)expected);
        }
        assert_true(c[i * p.ldc + p.n] == o->c[i * p.ldc + p.n]); /* beside C */
    }
}

static void products_are_as_defined(void **state)
{
    (void)state;
    const tw_kernels *level, *chosen = tw_kernel;
    for (size_t s = 0; s < SHAPES; s++)
        for (int variant = 0; variant < 32; variant++) {
            operands o = make(shapes[s], variant);
            float *c = tw_alloc(o.product.m * o.product.ldc, sizeof *c);
            for (size_t l = 0; (level = tw_kernels_at(l)); l++)
                for (int threads = 1; threads <= 3; threads++) {
                    if (threads > 1 && (variant % 4 != 3 || strcmp(level->name, "scalar") == 0))
                        continue;
                    assert_true(tw_kernels_choose(level->name));
                    omp_set_num_threads(threads);
                    check_product(&o, c);
                }
            free(c);
            free_operands(&o);
        }
    tw_kernel = chosen;
}

/* Another library's products agree but for rounding: of k products of order 1 a sum is of order
 * sqrt(k), each of k additions rounds it by 6e-8, and they do not all err the same way. */
static void openblas_agrees(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (int variant = 0; variant < 32; variant++) {
            if (variant & 4)
                continue;
            operands o = make(shapes[s], variant);
            const size_t count = o.product.m * o.product.ldc;
            float *c = tw_alloc(2 * count, sizeof *c);
            for (int backend = 0; backend < 2; backend++) {
                tw_product p = o.product;
                p.c = c + (size_t)backend * count;
                memcpy(p.c, o.c, count * sizeof *c);
                tw_gemm_use(backend ? TW_GEMM_OPENBLAS : TW_GEMM_OWN);
                tw_product_run(&p);
            }
            const double bound = 4e-7 * (double)(o.product.k + 4);
            for (size_t i = 0; i < count; i++)
                assert_true(fabs((double)c[i] - (double)c[count + i]) <= bound);
            free(c);
            free_operands(&o);
        }
    tw_gemm_use(TW_GEMM_OWN);
}

/* A sum in 16 lanes, added in halves, by the definition. */
static float lane_sum(const float *a, const float *b, size_t n)
{
    float lanes[TW_SUM_LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lanes[i % TW_SUM_LANES] = fmaf(a[i], b ? b[i] : 1, lanes[i % TW_SUM_LANES]);
    for (size_t half = TW_SUM_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

static void rows_are_summed_as_defined(void **state)
{
    (void)state;
    enum { MOST = 1100 };
    const tw_kernels *level, *chosen = tw_kernel;
    float *x = numbers(4, MOST), *y = numbers(5, MOST), *work = tw_alloc(MOST, sizeof *work);
    for (size_t l = 0; (level = tw_kernels_at(l)); l++) {
        assert_true(tw_kernels_choose(level->name));
        for (size_t n = 1; n <= MOST; n += n < 70 ? 1 : 103) {
            float max = x[0];
            for (size_t i = 0; i < n; i++)
                max = x[i] > max ? x[i] : max;
            assert_true(tw_row_max(x, n) == max);
            assert_true(tw_row_sum(x, n) == lane_sum(x, NULL, n));
            assert_true(tw_row_dot(x, y, n) == lane_sum(x, y, n));
            memcpy(work, x, n * sizeof *work);
            const float sum = tw_row_exp(work, n, max);
            assert_true(sum == lane_sum(work, NULL, n));
            assert_true(sum == tw_row_exp_sum(x, n, max));
            assert_true(sum == tw_kernel->row->exp_sums(x, n, max).sum);
        }
    }
    free(x);
    free(y);
    free(work);
    tw_kernel = chosen;
}

/* Each kernel of rows and elements over the same input, into out[MOST]. */
enum { MOST = 777, KINDS = 4, OUTPUTS = 16 };

static void run_elements(const float *x, const float *y, float (*out)[MOST])
{
    const tw_element_kernels *element = tw_kernel->element;
    for (int kind = 0; kind < KINDS; kind++) {
        element->forward[kind](x, out[2 * kind], MOST);
        element->backward[kind](x, y, out[2 * kind + 1], MOST);
    }
    element->gated(x, y, out[8], MOST);
    element->gated_up(x, y, out[9], MOST);
    element->gated_gate(x, y, x, out[10], MOST);
    const tw_norm_row layer = {MOST, x, y, 0.1F, 1.3F}, rms = {MOST, x, y, 0, 1.3F};
    tw_kernel->norm->forward(&layer, x, out[11]);
    tw_kernel->norm->backward(&layer, &(tw_norm_gradient){x, out[12], out[13], out[14]});
    tw_kernel->norm->backward(&rms, &(tw_norm_gradient){y, out[12], out[13], NULL});
    memcpy(out[15], x, sizeof out[15]);
    tw_kernel->row->logit_gradient(out[15], MOST, &(tw_logit_gradient){3, 1.5F, 0.7F, -0.2F});
    tw_row_axpy(out[15], y, MOST, 0.77F);
    out[15][0] += tw_kernel->row->exp_sums(x, MOST, 3).weighted;
    out[15][1] += tw_kernel->row->squares(x, MOST, 0.3F);
}

static void levels_agree(void **state)
{
    (void)state;
    const tw_kernels *level, *chosen = tw_kernel;
    float *x = numbers(6, MOST), *y = numbers(7, MOST);
    float(*first)[MOST] = tw_alloc(OUTPUTS, sizeof *first);
    for (size_t i = 0; i < MOST; i++)
        x[i] *= i % 7 ? 2.0F : 40.0F;
    for (size_t l = 0; (level = tw_kernels_at(l)); l++) {
        float(*out)[MOST] = tw_alloc(OUTPUTS, sizeof *out);
        assert_true(tw_kernels_choose(level->name));
        run_elements(x, y, l ? out : first);
        for (size_t k = 0; l && k < OUTPUTS; k++)
            if (!same_bits(out[k], first[k], MOST))
                fail_msg("output %zu differs between %s and %s", k, level->name,
                         tw_kernels_at(0)->name);
        free(out);
    }
    free(first);
    free(x);
    free(y);
    tw_kernel = chosen;
}

static void a_level_is_chosen_by_name(void **state)
{
    (void)state;
    const tw_kernels *chosen = tw_kernel;
    assert_true(tw_kernels_choose("scalar"));
    assert_string_equal(tw_kernel->name, "scalar");
    assert_false(tw_kernels_choose("v9"));
    assert_string_equal(tw_kernel->name, "scalar");
    tw_kernel = chosen;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_as_defined), cmocka_unit_test(openblas_agrees),
        cmocka_unit_test(rows_are_summed_as_defined), cmocka_unit_test(levels_agree),
        cmocka_unit_test(a_level_is_chosen_by_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
