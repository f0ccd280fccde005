/* One instruction set's copy of the vector code; included by hawkes_lanes.h with DM_NAME, DM_TARGET
   and DM_WIDTH, the doubles of a register, set. The eight stretches run in groups of that width,
   one group after the other: no lane knows of another, so the width changes no bit. */

typedef double DM_NAME(dm_vd) __attribute__((vector_size(8 * DM_WIDTH)));
typedef uint64_t DM_NAME(dm_vu) __attribute__((vector_size(8 * DM_WIDTH)));

DM_TARGET DM_INLINE void DM_NAME(dm_exp_lanes)(DM_NAME(dm_vd)* value)
{
    DM_NAME(dm_vd) x = *value, shifted, k, r, y;
    DM_NAME(dm_vd) least = x - x + DM_EXP_LEAST;
    DM_NAME(dm_vu) low = (DM_NAME(dm_vu))(x < least);
    x = (DM_NAME(dm_vd))((low & (DM_NAME(dm_vu))least) | (~low & (DM_NAME(dm_vu))x));
    shifted = x * DM_LOG2E + DM_MAGIC;
    k = shifted - DM_MAGIC;
    r = (x - k * DM_LN2_HI) - k * DM_LN2_LO;
    y = 1.0 + (r + r * r * DM_EXP_POLYNOMIAL(r));
    *value = (DM_NAME(dm_vd))((DM_NAME(dm_vu))y + ((DM_NAME(dm_vu))shifted << 52));
}

DM_TARGET static void DM_NAME(dm_exp_block)(double* x, int64_t count)
{
    int64_t i;
    DM_NAME(dm_vd) value;
    for (i = 0; i + DM_WIDTH <= count; i += DM_WIDTH) {
        memcpy(&value, x + i, sizeof(value));
        DM_NAME(dm_exp_lanes)(&value);
        memcpy(x + i, &value, sizeof(value));
    }
    for (; i < count; i++)
        x[i] = dm_exp_near(x[i]);
}

DM_TARGET static void DM_NAME(dm_log_block)(double* x, int64_t count)
{
    int64_t i;
    DM_NAME(dm_vd) value, f, s, z, w, half, k;
    DM_NAME(dm_vu) bits;
    for (i = 0; i + DM_WIDTH <= count; i += DM_WIDTH) {
        memcpy(&value, x + i, sizeof(value));
        bits = (DM_NAME(dm_vu))value + DM_LOG_SHIFT;
        k = (DM_NAME(dm_vd))((bits >> 52) | DM_LOG_COUNT) - DM_LOG_BIAS;
        f = (DM_NAME(dm_vd))((bits & DM_LOG_MANTISSA) + DM_LOG_LEAST) - 1.0;
        DM_LOG_SERIES(f, s, z, w, half, k, value);
        memcpy(x + i, &value, sizeof(value));
    }
    for (; i < count; i++)
        x[i] = dm_log_near(x[i]);
}

/* Whether any time is below the one before; a NaN is, since it compares with nothing. */
DM_TARGET static int DM_NAME(dm_disorder)(const double* t, int64_t count)
{
    int64_t i;
    int lane, wrong = 0;
    DM_NAME(dm_vd) before, after;
    DM_NAME(dm_vu) bad = { 0 };
    for (i = 1; i + DM_WIDTH <= count; i += DM_WIDTH) {
        memcpy(&before, t + i - 1, sizeof(before));
        memcpy(&after, t + i, sizeof(after));
        bad |= ~(DM_NAME(dm_vu))(after >= before);
    }
    for (lane = 0; lane < DM_WIDTH; lane++)
        wrong |= bad[lane] != 0;
    for (; i < count; i++)
        wrong |= !(t[i] >= t[i - 1]);
    return wrong;
}

typedef struct {
    DM_NAME(dm_vd) time, a, b, c;
    DM_NAME(dm_vd) product;                     /* of the rates, as mantissa and exponent */
    DM_NAME(dm_vu) exponent;
    DM_NAME(dm_vd) one, sa, sb, sc, one_one, one_a, one_b, a_a, a_b, b_b;
} DM_NAME(dm_work);

DM_TARGET DM_INLINE void DM_NAME(dm_step)(DM_NAME(dm_work)* w, const double* t, int64_t length,
                                          double mu, double alpha, double beta, int mode)
{
#if DM_WIDTH == 8
    DM_NAME(dm_vd) now = { t[0], t[length], t[2 * length], t[3 * length],
                           t[4 * length], t[5 * length], t[6 * length], t[7 * length] };
#elif DM_WIDTH == 4
    DM_NAME(dm_vd) now = { t[0], t[length], t[2 * length], t[3 * length] };
#else
    DM_NAME(dm_vd) now = { t[0], t[length] };
#endif
    DM_NAME(dm_vd) d = now - w->time;
    DM_NAME(dm_vd) e = d * -beta;
    DM_NAME(dm_vd) r = 1.0 + w->a;
    DM_NAME(dm_vd) rate, inverse, a_rate, b_rate;
    DM_NAME(dm_exp_lanes)(&e);
    w->time = now;
    if (mode == DM_CURVATURE)
        w->c = e * (w->c + d * (2.0 * w->b + d * r));
    if (mode != DM_LIKELIHOOD)
        w->b = e * (w->b + d * r);
    w->a = e * r;
    rate = mu + alpha * w->a;
    w->product *= rate;
    if (mode == DM_LIKELIHOOD)
        return;
    inverse = 1.0 / rate;
    a_rate = w->a * inverse;
    b_rate = w->b * inverse;
    w->one += inverse;
    w->sa += a_rate;
    w->sb += b_rate;
    if (mode == DM_CURVATURE) {
        w->sc += w->c * inverse;
        w->one_one += inverse * inverse;
        w->one_a += a_rate * inverse;
        w->one_b += b_rate * inverse;
        w->a_a += a_rate * a_rate;
        w->a_b += a_rate * b_rate;
        w->b_b += b_rate * b_rate;
    }
}

DM_TARGET DM_INLINE void DM_NAME(dm_fold)(DM_NAME(dm_work)* w)
{
    DM_NAME(dm_vu) bits = (DM_NAME(dm_vu))w->product;
    w->exponent += bits >> 52;
    w->product = (DM_NAME(dm_vd))((bits & 0x000FFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
}

DM_TARGET DM_INLINE void DM_NAME(dm_run)(const double* t, int64_t length, dm_hawkes_state* states,
                                         double mu, double alpha, double beta, int mode,
                                         dm_hawkes_sums* sums)
{
    DM_NAME(dm_work) w;
    int64_t i, j, folds = 0;
    int lane;
    memset(&w, 0, sizeof(w));
    w.product = w.product + 1.0;
    for (lane = 0; lane < DM_WIDTH; lane++) {
        w.time[lane] = states[lane].time;
        w.a[lane] = states[lane].a;
        w.b[lane] = states[lane].b;
        w.c[lane] = states[lane].c;
    }
    /* Eight rates between 1e-37 and 1e37 cannot leave the range of a double. */
    for (i = 0; i + 8 <= length; i += 8) {
        for (j = 0; j < 8; j++)
            DM_NAME(dm_step)(&w, t + i + j, length, mu, alpha, beta, mode);
        DM_NAME(dm_fold)(&w);
        folds++;
    }
    for (; i < length; i++) {
        DM_NAME(dm_step)(&w, t + i, length, mu, alpha, beta, mode);
        DM_NAME(dm_fold)(&w);
        folds++;
    }
    for (lane = 0; lane < DM_WIDTH; lane++) {
        states[lane].time = w.time[lane];
        states[lane].a = w.a[lane];
        states[lane].b = w.b[lane];
        states[lane].c = w.c[lane];
        sums->log_rates += (double)((int64_t)w.exponent[lane] - 1023 * folds)
            * 0.693147180559945309417 + log(w.product[lane]);
        sums->one += w.one[lane];
        sums->a += w.sa[lane];
        sums->b += w.sb[lane];
        sums->c += w.sc[lane];
        sums->one_one += w.one_one[lane];
        sums->one_a += w.one_a[lane];
        sums->one_b += w.one_b[lane];
        sums->a_a += w.a_a[lane];
        sums->a_b += w.a_b[lane];
        sums->b_b += w.b_b[lane];
    }
}

DM_TARGET static void DM_NAME(dm_lanes)(const double* t, int64_t length, dm_hawkes_state* states,
                                        double mu, double alpha, double beta, int mode,
                                        dm_hawkes_sums* sums)
{
    int lane;
    for (lane = 0; lane < 8; lane += DM_WIDTH, t += DM_WIDTH * length, states += DM_WIDTH) {
        if (mode == DM_LIKELIHOOD)
            DM_NAME(dm_run)(t, length, states, mu, alpha, beta, DM_LIKELIHOOD, sums);
        else if (mode == DM_EM)
            DM_NAME(dm_run)(t, length, states, mu, alpha, beta, DM_EM, sums);
        else
            DM_NAME(dm_run)(t, length, states, mu, alpha, beta, DM_CURVATURE, sums);
    }
}
