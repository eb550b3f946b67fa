#include "tensor/gemm.h"

#include <cblas.h>
#include <stdio.h>

void tw_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
             const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
             size_t ldc)
{
    if (m == 0 || n == 0)
        return;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, alpha,
                a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

const char *tw_gemm_backend(void)
{
    static char text[256];
    if (!text[0])
        snprintf(text, sizeof text, "%s, %d threads", openblas_get_config(),
                 openblas_get_num_threads());
    return text;
}
