# One pair of a multivariate exponential Hawkes process: what the events of a source have left, with
# the moments that derivatives by the decay need. Moved lazily, to the times at which it is read.
from dreammaker._ext.mathx cimport dm_exp, dm_log

cdef struct entry_t:
    double r
    double b
    double c
    double x                     # what is left of the initial excitation, per second
    double then                  # time of the state


cdef inline void entry_move(entry_t* e, double beta, double t, bint moments) noexcept nogil:
    cdef double dt = t - e.then
    cdef double f = dm_exp(-beta * dt)
    if moments:
        e.c = f * (e.c + dt * (2.0 * e.b + dt * e.r))
        e.b = f * (e.b + dt * e.r)
    e.r *= f
    e.x *= f
    e.then = t


cdef inline void log_add(double* total, double* product, double value) noexcept nogil:
    # One logarithm for many factors.
    product[0] *= value
    if not 1e-150 < product[0] < 1e150:
        total[0] += dm_log(product[0])
        product[0] = 1.0
