# Exponential Hawkes intensities by recursion: O(1) an event and reading.
# lambda_i(t) = mu_i + sum_j alpha_ij R_ij, where R_ij decays at beta_ij and rises by one at each
# event of type j (i excited, j source).
from libc.stdint cimport int32_t, int64_t

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

cdef inline void hawkes_decays(const hawkes_t* h, double seconds, double* factors) noexcept nogil:
    # exp(-beta_ij seconds) for every pair.
    cdef int32_t k, pairs = h.types * h.types
    cdef double one
    if h.one_decay:
        one = dm_exp(-h.beta[0] * seconds)
        for k in range(pairs):
            factors[k] = one
    else:
        for k in range(pairs):
            factors[k] = dm_exp(-h.beta[k] * seconds)

cdef inline void hawkes_advance(hawkes_t* h, double seconds) noexcept nogil:
    cdef double factors[64]
    cdef int32_t k
    hawkes_decays(h, seconds, factors)
    for k in range(h.types * h.types):
        h.r[k] *= factors[k]

cdef inline void hawkes_bump(hawkes_t* h, int32_t source) noexcept nogil:
    # An event of type `source` now.
    cdef int32_t i
    for i in range(h.types):
        h.r[i * h.types + source] += 1.0

cdef inline double hawkes_rate(const hawkes_t* h, int32_t i, const double* factors) noexcept nogil:
    # Intensity of type i, `factors` after the state's own time.
    cdef int32_t j
    cdef int32_t row = i * h.types
    cdef double rate = h.mu[i]
    for j in range(h.types):
        rate += h.alpha[row + j] * (h.r[row + j] * factors[row + j])
    return rate
