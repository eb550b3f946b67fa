/* What the machine can do, for shares of it: "GFLOP/s GB/s", the best of several seconds of
 * OpenBLAS's sgemm and of reading memory with all threads. Usage: bench_machine */
#include <cblas.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 2048, ROUNDS = 8 };

/* FLOP/s of C = A B with matrices of SIZE rows and columns. */
static double sgemm_rate(const float *a, const float *b, float *c)
{
    double start = omp_get_wtime();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIZE, SIZE, SIZE, 1, a, SIZE, b, SIZE, 0,
                c, SIZE);
    return 2.0 * SIZE * SIZE * SIZE / (omp_get_wtime() - start);
}

/* Bytes a second. */
static double read_rate(const uint64_t *values, size_t count)
{
    double start = omp_get_wtime();
    uint64_t total = 0;
#pragma omp parallel for simd reduction(^ : total) schedule(static)
    for (size_t i = 0; i < count; i++)
        total ^= values[i];
    double seconds = omp_get_wtime() - start;
    return total == 1 ? 0 : (double)(count * sizeof *values) / seconds;
}

int main(void)
{
    size_t matrix = (size_t)SIZE * SIZE, count = (size_t)1 << 28; /* 1 GiB */
    float *values = malloc(count * sizeof *values);
    if (!values)
        return 1;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i % 7) - 3;
    double sgemm = 0, reading = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double rate = sgemm_rate(values, values + matrix, values + 2 * matrix);
        sgemm = rate > sgemm ? rate : sgemm;
        rate = read_rate((const uint64_t *)(const void *)(values + 4 * matrix),
                         (count - 4 * matrix) / 2);
        reading = rate > reading ? rate : reading;
    }
    printf("%.1f %.2f\n", sgemm / 1e9, reading / 1e9);
    free(values);
    return 0;
}
