# Exponential deviates by the ziggurat of Marsaglia and Tsang (2000) with 256 layers, in the form of
# Doornik (2005): exact, and a fifth of the time of -log(u). Tables and deviates are made of dm_exp,
# dm_log and plain arithmetic, so that they have the same bits on every machine.
from libc.stdint cimport int64_t, uint64_t

from dreammaker._ext.mathx cimport dm_exp, dm_log
from dreammaker._ext.rng cimport rng_next, rng_t, rng_uniform

cdef struct ziggurat_t:
    double edge[257]             # right edges of the layers, falling; edge[256] = 0
    double inside[256]           # share of a layer that lies under the curve for sure


cdef inline void ziggurat_init(ziggurat_t* z) noexcept nogil:
    cdef double start = 7.69711747013104972
    cdef double area = 0.0039496598225815571993
    cdef int i
    z.edge[0] = area / dm_exp(-start)
    z.edge[1] = start
    for i in range(1, 255):
        z.edge[i + 1] = -dm_log(area / z.edge[i] + dm_exp(-z.edge[i]))
    z.edge[256] = 0.0
    for i in range(256):
        z.inside[i] = z.edge[i + 1] / z.edge[i]


cdef inline bint ziggurat_under(const ziggurat_t* z, int layer, double x,
                                double height) noexcept nogil:
    # The rare case: the point lies where its layer meets the curve.
    cdef double low = dm_exp(x - z.edge[layer]), high = dm_exp(x - z.edge[layer + 1])
    return low + height * (high - low) < 1.0


cdef inline double ziggurat_exponential(const ziggurat_t* z, rng_t* rng) noexcept nogil:
    # Mean 1. The layer and the position use different bits of one number. The generator's address
    # goes nowhere from here, so that a caller's local one stays in registers.
    cdef double tail = 0.0, u, x
    cdef uint64_t bits
    cdef int layer
    while True:
        bits = rng_next(rng)
        layer = <int>(bits & 255)
        # Through a signed integer: one instruction where unsigned ones need several.
        u = <double>(<int64_t>(bits >> 11)) * 1.1102230246251565e-16
        x = u * z.edge[layer]
        if u < z.inside[layer]:
            return tail + x
        if layer == 0:
            # Beyond the last edge the distribution begins anew.
            tail += z.edge[1]
        elif ziggurat_under(z, layer, x, rng_uniform(rng)):
            return tail + x
