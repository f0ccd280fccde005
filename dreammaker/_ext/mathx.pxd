# exp and log with the same bits on every machine: only + - * / and integer operations, in one
# fixed order, compiled without contraction. libm changes bits with the processor (FMA variants).
# The reductions and coefficients are those of fdlibm (Sun Microsystems, e_exp.c and e_log.c),
# whose errors are below 1 ulp.
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef inline double _from_bits(uint64_t bits) noexcept nogil:
    cdef double x
    memcpy(&x, &bits, 8)
    return x

cdef inline uint64_t _to_bits(double x) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, &x, 8)
    return bits

cdef inline double dm_nan() noexcept nogil:
    # The one NaN that reaches the journal.
    return _from_bits(<uint64_t>0x7FF8000000000000)

cdef inline double dm_exp(double x) noexcept nogil:
    # exp(x) for any finite x; overflows to inf above 709.78, to 0 below -708.39 (no denormals).
    cdef int64_t k
    cdef double hi, lo, c, t, r
    if x != x:
        return dm_nan()
    if x > 709.782712893384:
        return _from_bits(<uint64_t>0x7FF0000000000000)
    if x < -708.3964185322641:
        return 0.0
    if x >= 0.0:
        k = <int64_t>(1.44269504088896338700 * x + 0.5)
    else:
        k = -<int64_t>(0.5 - 1.44269504088896338700 * x)
    hi = x - <double>k * 6.93147180369123816490e-01
    lo = <double>k * 1.90821492927058770002e-10
    r = hi - lo
    t = r * r
    c = -1.65339022054652515390e-06 + t * 4.13813679705723846039e-08
    c = 6.61375632143793436117e-05 + t * c
    c = r - t * (1.66666666666666019037e-01 + t * (-2.77777777770155933842e-03 + t * c))
    r = 1.0 - ((lo - (r * c) / (2.0 - c)) - hi)
    if k > 1023:
        return r * 2.0 * _from_bits(<uint64_t>(k - 1 + 1023) << 52)
    return r * _from_bits(<uint64_t>(k + 1023) << 52)

cdef inline double dm_log(double x) noexcept nogil:
    # Natural logarithm; -inf at 0, NaN below. Denormals are scaled first.
    cdef uint64_t bits
    cdef int64_t k = 0
    cdef double f, s, z, w, t1, t2, R, hfsq, dk
    if x != x or x < 0.0:
        return dm_nan()
    if x == 0.0:
        return _from_bits(<uint64_t>0xFFF0000000000000)
    bits = _to_bits(x)
    if bits >= <uint64_t>0x7FF0000000000000:
        return x
    if bits < <uint64_t>0x0010000000000000:
        bits = _to_bits(x * 18014398509481984.0)
        k = -54
    # x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).
    bits += <uint64_t>(0x3FF00000 - 0x3FE6A09E) << 32
    k += <int64_t>(bits >> 52) - 1023
    bits = (bits & <uint64_t>0x000FFFFFFFFFFFFF) + (<uint64_t>0x3FE6A09E << 32)
    f = _from_bits(bits) - 1.0
    hfsq = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    t1 = 2.222219843214978396e-01 + w * 1.531383769920937332e-01
    t1 = w * (3.999999999940941908e-01 + w * t1)
    t2 = 1.818357216161805012e-01 + w * 1.479819860511658591e-01
    t2 = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * t2))
    R = t2 + t1
    dk = <double>k
    f = s * (hfsq + R) + dk * 1.90821492927058770002e-10 - hfsq + f
    return f + dk * 6.93147180369123816490e-01
