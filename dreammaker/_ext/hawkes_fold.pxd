# What one event adds to the sums of a Hawkes likelihood, and the memory of earlier events: shared
# by the kernels for one type of event and for several.
from libc.math cimport log
from libc.stdint cimport int64_t


# The rate at one event, its first derivatives in the kernel's parameters and its second.
cdef struct fold_t:
    int64_t count                # parameters of the kernel
    double* first                # (count,)
    double* second               # (count, count), upper triangle
    double* gradient             # (count,), sum of first / rate
    double* curvature            # (count, count), sum of second / rate - first first / rate^2
    double log_rates


cdef inline void fold_event(fold_t* f, double rate, double* piece, bint full) noexcept nogil:
    # `piece` belongs to the base rate: 1 / rate, 1 / rate^2, then first / rate^2.
    cdef int64_t i, j
    cdef int64_t p = f.count
    cdef double inverse, square
    f.log_rates += log(rate)
    if not full:
        return
    inverse = 1.0 / rate
    square = inverse * inverse
    piece[0] += inverse
    piece[1] += square
    for i in range(p):
        f.gradient[i] += f.first[i] * inverse
        piece[2 + i] += f.first[i] * square
        for j in range(i, p):
            f.curvature[i * p + j] += (f.second[i * p + j] * inverse
                                       - f.first[i] * f.first[j] * square)


# Sums over earlier events, one entry a component; `left` decays from an excitation at time 0.
cdef struct memory_t:
    int64_t count
    const double* rates
    double* a
    double* b
    double* c
    double* left
    double* decay                # (BLOCK, count)
    double fresh                 # events at the last time, not yet among the sums


cdef inline void memory_step(memory_t* m, const double* decay, double d, bint full) noexcept nogil:
    cdef int64_t i
    cdef double r
    for i in range(m.count):
        r = m.fresh + m.a[i]
        if full:
            m.c[i] = decay[i] * (m.c[i] + d * (2.0 * m.b[i] + d * r))
            m.b[i] = decay[i] * (m.b[i] + d * r)
        m.a[i] = decay[i] * r
        m.left[i] *= decay[i]
    m.fresh = 0.0


cdef inline double sum_event(memory_t* m, fold_t* f, const double* alphas, double t, double mu,
                             bint fitted_decays, bint full) noexcept nogil:
    cdef int64_t i
    cdef int64_t n = m.count
    cdef double rate = mu
    for i in range(n):
        rate += alphas[i] * m.a[i] + m.left[i]
    if not full:
        return rate
    for i in range(n):
        f.first[i] = m.a[i]
        if fitted_decays:
            f.first[n + i] = -alphas[i] * m.b[i] - t * m.left[i]
            f.second[i * f.count + n + i] = -m.b[i]
            f.second[(n + i) * f.count + n + i] = alphas[i] * m.c[i] + t * t * m.left[i]
    return rate


cdef inline void power_derivatives(fold_t* f, double alpha, double f0, double fb, double fp,
                                   double fbb, double fbp, double fpp) noexcept nogil:
    # Of alpha f(beta, p); fb and fbp are minus the derivatives in beta.
    f.first[0] = f0
    f.first[1] = -alpha * fb
    f.first[2] = alpha * fp
    f.second[0] = 0.0
    f.second[1] = -fb
    f.second[2] = fp
    f.second[f.count + 1] = alpha * fbb
    f.second[f.count + 2] = -alpha * fbp
    f.second[2 * f.count + 2] = alpha * fpp


cdef inline double power_event(memory_t* m, fold_t* f, const double* nodes, const double* weights,
                               double alpha, double mu, bint full) noexcept nogil:
    # phi = alpha sum_i c_i(p) exp(-beta s_i u); `weights` holds c, dc/dp, d2c/dp2.
    cdef int64_t i
    cdef int64_t n = m.count
    cdef double f0 = 0.0, fp = 0.0, fpp = 0.0, fb = 0.0, fbp = 0.0, fbb = 0.0, sb
    for i in range(n):
        f0 += weights[i] * m.a[i]
    if full:
        for i in range(n):
            sb = nodes[i] * m.b[i]
            fp += weights[n + i] * m.a[i]
            fpp += weights[2 * n + i] * m.a[i]
            fb += weights[i] * sb
            fbp += weights[n + i] * sb
            fbb += weights[i] * (nodes[i] * nodes[i] * m.c[i])
        power_derivatives(f, alpha, f0, fb, fp, fbb, fbp, fpp)
    return mu + alpha * f0
