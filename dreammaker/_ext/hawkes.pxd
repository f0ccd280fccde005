# Exponential Hawkes intensities by recursion: O(1) an event and reading.
# lambda_i(t) = mu_i + sum_j alpha_ij R_ij, where R_ij decays at beta_ij and rises by one at each
# event of type j (i excited, j source).
from libc.stdint cimport int32_t, int64_t, uint64_t

from dreammaker._ext.mathx cimport dm_exp

cdef enum:
    HAWKES_MAX = 8

cdef struct hawkes_t:
    int32_t types
    int32_t one_decay            # all beta equal: one exponential serves every pair
    double mu[8]
    double alpha[64]             # row i = excited
    double beta[64]
    double r[64]

cdef inline void hawkes_clear(hawkes_t* h) noexcept nogil:
    cdef int32_t k
    for k in range(h.types * h.types):
        h.r[k] = 0.0

cdef inline void hawkes_advance(hawkes_t* h, double seconds) noexcept nogil:
    cdef int32_t k, pairs = h.types * h.types
    cdef double one
    if h.one_decay:
        one = dm_exp(-h.beta[0] * seconds)
        for k in range(pairs):
            h.r[k] *= one
    else:
        for k in range(pairs):
            h.r[k] *= dm_exp(-h.beta[k] * seconds)

cdef inline void hawkes_bump(hawkes_t* h, int32_t source) noexcept nogil:
    # An event of type `source` now.
    cdef int32_t i
    for i in range(h.types):
        h.r[i * h.types + source] += 1.0

cdef inline double hawkes_rate(const hawkes_t* h, int32_t i) noexcept nogil:
    # Intensity of type i at the state's own time.
    cdef int32_t j
    cdef int32_t row = i * h.types
    cdef double rate = h.mu[i]
    for j in range(h.types):
        rate += h.alpha[row + j] * h.r[row + j]
    return rate


# exp(-beta t) of whole nanoseconds: the product over t's bytes, each byte's factor from a table.
# Three ulp or so from the true value, and a quarter of the time of an exponential.
cdef struct decay_t:
    double beta
    double factors[5][256]

cdef inline void decay_init(decay_t* d, double beta) noexcept nogil:
    cdef int digit, byte
    cdef double unit = 1e-9
    d.beta = beta
    for digit in range(5):
        for byte in range(256):
            d.factors[digit][byte] = dm_exp(-beta * (<double>byte * unit))
        unit *= 256.0

cdef inline double decay_after(const decay_t* d, int64_t ns) noexcept nogil:
    cdef uint64_t t = <uint64_t>ns
    if t >> 40 != 0:
        return dm_exp(-d.beta * (<double>ns * 1e-9))
    return ((d.factors[0][t & 255] * d.factors[1][(t >> 8) & 255])
            * (d.factors[2][(t >> 16) & 255] * d.factors[3][(t >> 24) & 255])
            * d.factors[4][(t >> 32) & 255])


# A bivariate process on a nanosecond clock, as the feature pipeline keeps it.
cdef struct hawkes_clock_t:
    hawkes_t process
    decay_t decay                # of beta_00; serves every pair where all decays are equal
    int64_t t_ns                 # time of the state

cdef inline void hawkes_clock_event(hawkes_clock_t* c, int64_t t_ns, int32_t source) noexcept nogil:
    cdef double one
    cdef int32_t k
    if t_ns > c.t_ns:
        if c.process.one_decay:
            one = decay_after(&c.decay, t_ns - c.t_ns)
            for k in range(4):
                c.process.r[k] *= one
        else:
            hawkes_advance(&c.process, <double>(t_ns - c.t_ns) * 1e-9)
        c.t_ns = t_ns
    c.process.r[source] += 1.0
    c.process.r[2 + source] += 1.0

cdef inline void hawkes_clock_read(const hawkes_clock_t* c, int64_t t_ns, double* first,
                                   double* second, double* own) noexcept nogil:
    # Both intensities at t, at or after the state's time, and what of them each type's own events
    # excite.
    cdef const hawkes_t* h = &c.process
    cdef double f0, f1, f2, f3, own0, own1, seconds
    if h.one_decay:
        f0 = f1 = f2 = f3 = decay_after(&c.decay, t_ns - c.t_ns)
    else:
        seconds = <double>(t_ns - c.t_ns) * 1e-9
        f0 = dm_exp(-h.beta[0] * seconds)
        f1 = dm_exp(-h.beta[1] * seconds)
        f2 = dm_exp(-h.beta[2] * seconds)
        f3 = dm_exp(-h.beta[3] * seconds)
    own0 = h.alpha[0] * (h.r[0] * f0)
    own1 = h.alpha[3] * (h.r[3] * f3)
    first[0] = h.mu[0] + own0 + h.alpha[1] * (h.r[1] * f1)
    second[0] = h.mu[1] + own1 + h.alpha[2] * (h.r[2] * f2)
    own[0] = own0 + own1
