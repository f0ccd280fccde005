# How long one message travels, as a function of its number alone: the same bits on every machine
# and in any order of asking. That no message overtakes another on one connection is the caller's
# business (latency_arrival).
from libc.stdint cimport int64_t, uint64_t

from dreammaker._ext.mathx cimport dm_exp, dm_log
from dreammaker._ext.rng cimport rng_normal, rng_seed, rng_t

cdef enum:
    LATENCY_CONSTANT = 0
    LATENCY_LOGNORMAL = 1
    LATENCY_RECORDED = 2

cdef struct latency_t:
    int kind
    int64_t constant_ns
    double log_median_ns
    double log_sd
    uint64_t seed
    uint64_t stream           # of the direction
    const int64_t* samples    # LATENCY_RECORDED: borrowed
    int64_t sample_count

# The most a latency may be: an hour.
cdef enum:
    LATENCY_LIMIT_S = 3600

cdef inline latency_t latency_constant(int64_t ns) noexcept nogil:
    cdef latency_t latency
    latency.kind = LATENCY_CONSTANT
    latency.constant_ns = ns
    latency.log_median_ns = latency.log_sd = 0.0
    latency.seed = latency.stream = 0
    latency.samples = NULL
    latency.sample_count = 0
    return latency

cdef inline latency_t latency_lognormal(double median_ns, double p99_ns, uint64_t seed,
                                        uint64_t stream) noexcept nogil:
    # The 99th percentile of a standard normal variable is 2.326...
    cdef latency_t latency = latency_constant(0)
    latency.kind = LATENCY_LOGNORMAL
    latency.log_median_ns = dm_log(median_ns)
    latency.log_sd = dm_log(p99_ns / median_ns) / 2.3263478740408408
    latency.seed = seed
    latency.stream = stream
    return latency

cdef inline latency_t latency_recorded(const int64_t* samples, int64_t count) noexcept nogil:
    # Samples are taken in their order, again and again.
    cdef latency_t latency = latency_constant(0)
    latency.kind = LATENCY_RECORDED
    latency.samples = samples
    latency.sample_count = count
    return latency

cdef inline int64_t latency_ns(const latency_t* latency, int64_t number) noexcept nogil:
    # Of the message with this number, 0 or more.
    cdef rng_t rng
    cdef double drawn
    if latency.kind == LATENCY_CONSTANT:
        return latency.constant_ns
    if latency.kind == LATENCY_RECORDED:
        return latency.samples[number % latency.sample_count]
    rng_seed(&rng, latency.seed, (latency.stream << 56) ^ <uint64_t>number)
    drawn = dm_exp(latency.log_median_ns + latency.log_sd * rng_normal(&rng))
    if drawn > <double>LATENCY_LIMIT_S * 1e9:
        drawn = <double>LATENCY_LIMIT_S * 1e9
    return <int64_t>drawn

cdef inline int64_t latency_arrival(const latency_t* latency, int64_t number, int64_t sent_ns,
                                    int64_t* last_ns) noexcept nogil:
    # When a message arrives that follows one arriving at last_ns[0] on the same connection.
    cdef int64_t at = sent_ns + latency_ns(latency, number)
    if at < last_ns[0]:
        at = last_ns[0]
    last_ns[0] = at
    return at

cdef class Latency:
    cdef latency_t latency
    cdef object samples       # what latency_recorded borrows
