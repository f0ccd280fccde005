# Fixed-width fractional differencing: sum_k w_k x_{t-k}, in four fixed lanes.
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free

from dreammaker._ext.mathx cimport dm_nan

cdef inline int32_t fracdiff_width(double d, double threshold, int32_t limit) noexcept nogil:
    # How many weights are kept: up to the first below the threshold; -1 beyond the limit.
    cdef double w = 1.0
    cdef int32_t k = 0
    while (w if w >= 0.0 else -w) >= threshold:
        k += 1
        if k > limit:
            return -1
        w = -w * (d - <double>k + 1.0) / <double>k
    return k

cdef inline void fracdiff_fill(double* weights, int32_t width, double d) noexcept nogil:
    cdef int32_t k
    weights[0] = 1.0
    for k in range(1, width):
        weights[k] = -weights[k - 1] * (d - <double>k + 1.0) / <double>k

cdef inline double fracdiff_dot(const double* weights, int32_t width,
                                const double* newest) noexcept nogil:
    # newest points at x_t; x_{t-1} lies before it.
    cdef double a = 0.0, b = 0.0, c = 0.0, e = 0.0
    cdef int32_t k = 0
    while k + 4 <= width:
        a += weights[k] * newest[-k]
        b += weights[k + 1] * newest[-k - 1]
        c += weights[k + 2] * newest[-k - 2]
        e += weights[k + 3] * newest[-k - 3]
        k += 4
    while k < width:
        a += weights[k] * newest[-k]
        k += 1
    return (a + b) + (c + e)


cdef struct fracdiff_t:
    double* weights
    double* ring                 # every value twice, `width` apart, so a window is contiguous
    int32_t width
    int32_t pos
    int32_t count

cdef inline int fracdiff_init(fracdiff_t* s, double d, int32_t width) noexcept nogil:
    s.weights = <double*>calloc(width, sizeof(double))
    s.ring = <double*>calloc(2 * width, sizeof(double))
    s.width = width
    s.pos = 0
    s.count = 0
    if s.weights == NULL or s.ring == NULL:
        return -1
    fracdiff_fill(s.weights, width, d)
    return 0

cdef inline void fracdiff_free(fracdiff_t* s) noexcept nogil:
    free(s.weights)
    free(s.ring)
    s.weights = NULL
    s.ring = NULL

cdef inline void fracdiff_clear(fracdiff_t* s) noexcept nogil:
    s.pos = 0
    s.count = 0

cdef inline void fracdiff_push(fracdiff_t* s, double x) noexcept nogil:
    s.ring[s.pos] = x
    s.ring[s.pos + s.width] = x
    s.pos = s.pos + 1 if s.pos + 1 < s.width else 0
    if s.count < s.width:
        s.count += 1

cdef inline double fracdiff_value(const fracdiff_t* s) noexcept nogil:
    # NaN before `width` values.
    if s.count < s.width:
        return dm_nan()
    return fracdiff_dot(s.weights, s.width, s.ring + s.pos + s.width - 1)
