/* Eight stretches of one event stream side by side, for the exponential Hawkes likelihood.

   Always eight stretches: in one AVX-512 register, two of AVX2, or four of SSE2 or NEON. The
   instructions are chosen at run time; no operation is contracted or reordered, so every level
   gives the same bits. Research fits only: against the one-by-one path
   the sums differ by rounding (their order is another).

   Compilers without vector extensions have DM_LANES 0: then only the one-by-one path exists. */
#ifndef DM_HAWKES_LANES_H
#define DM_HAWKES_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* exp for -708 <= x <= 708, below 1.5 ulp: x = k ln 2 + r, |r| <= ln(2)/2, and
   1 + r + r^2 q(r) with q of degree 9 through Chebyshev's points (truncation 4e-18). */
#define DM_MAGIC 6755399441055744.0
#define DM_LOG2E 1.44269504088896338700
#define DM_LN2_HI 6.93147180369123816490e-01
#define DM_LN2_LO 1.90821492927058770002e-10
#define DM_EXP_LEAST (-708.0)

#define DM_EXP_POLYNOMIAL(r) \
    (0.5000000000000001 + (r) * (0.16666666666666669 + (r) * (0.04166666666662413 \
    + (r) * (0.008333333333330062 + (r) * (0.0013888888917213717 \
    + (r) * (0.00019841269863053618 + (r) * (2.4801521295954376e-05 \
    + (r) * (2.7557268459997064e-06 + (r) * (2.7620088445409746e-07 \
    + (r) * 2.510038549551032e-08)))))))))

static inline double dm_exp_near(double x)
{
    double shifted, k, r, y;
    uint64_t bits, whole;
    x = x < DM_EXP_LEAST ? DM_EXP_LEAST : x;
    shifted = x * DM_LOG2E + DM_MAGIC;
    k = shifted - DM_MAGIC;
    r = (x - k * DM_LN2_HI) - k * DM_LN2_LO;
    y = 1.0 + (r + r * r * DM_EXP_POLYNOMIAL(r));
    memcpy(&bits, &y, 8);
    memcpy(&whole, &shifted, 8);
    bits += whole << 52;
    memcpy(&y, &bits, 8);
    return y;
}

/* log of a normal number above 0, below 1 ulp, as fdlibm has it (Sun Microsystems, e_log.c):
   x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)). Of 0 it gives a number below -700. */
#define DM_LOG_SHIFT 0x00095F6200000000ull
#define DM_LOG_LEAST 0x3FE6A09E00000000ull
#define DM_LOG_MANTISSA 0x000FFFFFFFFFFFFFull
#define DM_LOG_COUNT 0x4330000000000000ull      /* the bits of 2^52: k becomes a double */
#define DM_LOG_BIAS (4503599627370496.0 + 1023.0)

#define DM_LOG_SERIES(f, s, z, w, half, k, out) \
    half = 0.5 * (f) * (f); \
    s = (f) / (2.0 + (f)); \
    z = (s) * (s); \
    w = (z) * (z); \
    out = (z) * (6.666666666666735130e-01 + (w) * (2.857142874366239149e-01 \
        + (w) * (1.818357216161805012e-01 + (w) * 1.479819860511658591e-01))) \
        + (w) * (3.999999999940941908e-01 + (w) * (2.222219843214978396e-01 \
        + (w) * 1.531383769920937332e-01)); \
    out = (s) * ((half) + (out)) + (k) * DM_LN2_LO - (half) + (f) + (k) * DM_LN2_HI

static inline double dm_log_near(double x)
{
    double f, s, z, w, half, k, out;
    uint64_t bits, mantissa;
    memcpy(&bits, &x, 8);
    bits += DM_LOG_SHIFT;
    mantissa = (bits & DM_LOG_MANTISSA) + DM_LOG_LEAST;
    bits = (bits >> 52) | DM_LOG_COUNT;
    memcpy(&k, &bits, 8);
    memcpy(&f, &mantissa, 8);
    k -= DM_LOG_BIAS;
    f -= 1.0;
    DM_LOG_SERIES(f, s, z, w, half, k, out);
    return out;
}

/* Sums over events of one piece of constant base rate; A, B and C are the sums over earlier events
   of exp(-beta u), u exp(-beta u) and u^2 exp(-beta u), u the lag. */
typedef struct {
    double log_rates;                   /* log lambda */
    double one, a, b, c;                /* 1, A, B, C over lambda */
    double one_one, one_a, one_b;       /* 1, A, B over lambda^2 */
    double a_a, a_b, b_b;               /* their products over lambda^2 */
} dm_hawkes_sums;

/* Where a stretch begins: time and left-hand sums of the last event before it.
   a = -1 says that there is no event yet. */
typedef struct {
    double time, a, b, c;
} dm_hawkes_state;

enum { DM_LIKELIHOOD = 0, DM_EM = 1, DM_CURVATURE = 2 };

#if defined(__GNUC__) || defined(__clang__)
#define DM_LANES 8

#define DM_INLINE static inline __attribute__((always_inline))

#define DM_TARGET
#define DM_WIDTH 2
#define DM_NAME(x) x##_base
#include "hawkes_lanes_body.h"
#undef DM_TARGET
#undef DM_WIDTH
#undef DM_NAME

#if defined(__x86_64__)
#include <cpuid.h>
#define DM_TARGET __attribute__((target("avx2")))
#define DM_WIDTH 4
#define DM_NAME(x) x##_avx2
#include "hawkes_lanes_body.h"
#undef DM_TARGET
#undef DM_WIDTH
#undef DM_NAME
#define DM_TARGET __attribute__((target("avx512f,avx512dq")))
#define DM_WIDTH 8
#define DM_NAME(x) x##_avx512
#include "hawkes_lanes_body.h"
#undef DM_TARGET
#undef DM_WIDTH
#undef DM_NAME

static int dm_simd_available(void)
{
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
        return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & (1u << 5)))
        return 0;
    if ((low & 0xe6) == 0xe6 && (b & (1u << 16)) && (b & (1u << 17)))
        return 2;
    return 1;
}

static void dm_exp_block(double* x, int64_t count, int level)
{
    if (level == 2)
        dm_exp_block_avx512(x, count);
    else if (level == 1)
        dm_exp_block_avx2(x, count);
    else
        dm_exp_block_base(x, count);
}

static void dm_log_block(double* x, int64_t count, int level)
{
    if (level == 2)
        dm_log_block_avx512(x, count);
    else if (level == 1)
        dm_log_block_avx2(x, count);
    else
        dm_log_block_base(x, count);
}

static int dm_disorder(const double* t, int64_t count, int level)
{
    if (level == 2)
        return dm_disorder_avx512(t, count);
    if (level == 1)
        return dm_disorder_avx2(t, count);
    return dm_disorder_base(t, count);
}

static void dm_hawkes_lanes(const double* t, int64_t length, dm_hawkes_state* states, double mu,
                            double alpha, double beta, int mode, dm_hawkes_sums* sums, int level)
{
    if (level == 2)
        dm_lanes_avx512(t, length, states, mu, alpha, beta, mode, sums);
    else if (level == 1)
        dm_lanes_avx2(t, length, states, mu, alpha, beta, mode, sums);
    else
        dm_lanes_base(t, length, states, mu, alpha, beta, mode, sums);
}

#else
static int dm_simd_available(void) { return 0; }

static void dm_exp_block(double* x, int64_t count, int level)
{
    (void)level;
    dm_exp_block_base(x, count);
}

static void dm_log_block(double* x, int64_t count, int level)
{
    (void)level;
    dm_log_block_base(x, count);
}

static int dm_disorder(const double* t, int64_t count, int level)
{
    (void)level;
    return dm_disorder_base(t, count);
}

static void dm_hawkes_lanes(const double* t, int64_t length, dm_hawkes_state* states, double mu,
                            double alpha, double beta, int mode, dm_hawkes_sums* sums, int level)
{
    (void)level;
    dm_lanes_base(t, length, states, mu, alpha, beta, mode, sums);
}
#endif

#else
#define DM_LANES 0

static int dm_simd_available(void) { return 0; }

static void dm_exp_block(double* x, int64_t count, int level)
{
    int64_t i;
    (void)level;
    for (i = 0; i < count; i++)
        x[i] = dm_exp_near(x[i]);
}

static void dm_log_block(double* x, int64_t count, int level)
{
    int64_t i;
    (void)level;
    for (i = 0; i < count; i++)
        x[i] = dm_log_near(x[i]);
}

static int dm_disorder(const double* t, int64_t count, int level)
{
    int64_t i;
    int wrong = 0;
    (void)level;
    for (i = 1; i < count; i++)
        wrong |= !(t[i] >= t[i - 1]);
    return wrong;
}

static void dm_hawkes_lanes(const double* t, int64_t length, dm_hawkes_state* states, double mu,
                            double alpha, double beta, int mode, dm_hawkes_sums* sums, int level)
{
    (void)t; (void)length; (void)states; (void)mu; (void)alpha; (void)beta; (void)mode;
    (void)sums; (void)level;
}
#endif
#endif
