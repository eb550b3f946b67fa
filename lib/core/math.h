#ifndef TW_CORE_MATH_H
#define TW_CORE_MATH_H

/* Elementary functions whose bits are equal on every machine. They use nothing but
 * operations that IEEE 754 rounds exactly (+ - * /, fused multiply-add, integers), and
 * every sum of a product is an explicit fma, so neither the C library nor the compiler,
 * its options or the processor can change a result. The libm of C promises no such thing.
 *
 * Special values are those of C99, Annex F; results below DBL_MIN lose bits gradually.
 * No errno. The largest error against MPFR, in units in the last place:
 *
 *     exp 0.56   log, log1p, log2 0.51   pow 0.60   sin, cos 0.75
 *
 * (0.77 for results of exp and pow below DBL_MIN). sin and cos hold for 1e308 too. */

double tw_exp(double x);
double tw_log(double x);
double tw_log1p(double x); /* log(1 + x) */
double tw_log2(double x);
double tw_pow(double x, double y); /* x^y, NaN for x < 0: there is no rule for odd integers */
double tw_sin(double x);
double tw_cos(double x);

#endif
