# Random numbers with the same bits on every machine: xoshiro256** (Blackman and Vigna 2018) seeded
# through splitmix64, uniforms of 53 bits, and deviates made of dm_log, dm_exp and sqrt alone.
from libc.math cimport sqrt
from libc.stdint cimport uint64_t

from dreammaker._ext.mathx cimport dm_log

cdef struct rng_t:
    uint64_t s[4]
    double spare       # second deviate of the polar method
    bint has_spare


cdef inline uint64_t splitmix64(uint64_t* state) noexcept nogil:
    cdef uint64_t z
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef inline void rng_seed(rng_t* rng, uint64_t seed, uint64_t stream) noexcept nogil:
    # Streams of one seed are independent: the stream number is hashed before it is mixed in.
    cdef uint64_t mixed = stream
    cdef uint64_t state = seed ^ splitmix64(&mixed)
    cdef int i
    for i in range(4):
        rng.s[i] = splitmix64(&state)
    rng.spare = 0.0
    rng.has_spare = False


cdef inline uint64_t rng_next(rng_t* rng) noexcept nogil:
    cdef uint64_t x = rng.s[1] * <uint64_t>5
    cdef uint64_t result = ((x << 7) | (x >> 57)) * <uint64_t>9
    cdef uint64_t t = rng.s[1] << 17
    rng.s[2] ^= rng.s[0]
    rng.s[3] ^= rng.s[1]
    rng.s[1] ^= rng.s[2]
    rng.s[0] ^= rng.s[3]
    rng.s[2] ^= t
    rng.s[3] = (rng.s[3] << 45) | (rng.s[3] >> 19)
    return result


cdef inline double rng_uniform(rng_t* rng) noexcept nogil:
    # 53 bits in [0, 1).
    return <double>(rng_next(rng) >> 11) * 1.1102230246251565e-16


cdef inline double rng_exponential(rng_t* rng) noexcept nogil:
    # Mean 1; 1 - u lies in (0, 1], so the logarithm is finite.
    return -dm_log(1.0 - rng_uniform(rng))


cdef inline double rng_normal(rng_t* rng) noexcept nogil:
    # Marsaglia's polar method; the second deviate is kept for the next call.
    cdef double x, y, r, scale
    if rng.has_spare:
        rng.has_spare = False
        return rng.spare
    while True:
        x = 2.0 * rng_uniform(rng) - 1.0
        y = 2.0 * rng_uniform(rng) - 1.0
        r = x * x + y * y
        if 0.0 < r < 1.0:
            break
    scale = sqrt(-2.0 * dm_log(r) / r)
    rng.spare = y * scale
    rng.has_spare = True
    return x * scale
