# The exponential Hawkes likelihood over one piece of constant base rate; see ext/hawkes_lanes.h.
from libc.stdint cimport int64_t


cdef extern from "hawkes_lanes.h" nogil:
    enum:
        DM_LANES
        DM_LIKELIHOOD
        DM_EM
        DM_CURVATURE

    ctypedef struct dm_hawkes_sums:
        double log_rates
        double one
        double a
        double b
        double c
        double one_one
        double one_a
        double one_b
        double a_a
        double a_b
        double b_b

    ctypedef struct dm_hawkes_state:
        double time
        double a
        double b
        double c

    double dm_exp_near(double x) noexcept
    int dm_simd_available() noexcept
    int dm_disorder(const double* t, int64_t count, int level) noexcept
    void dm_exp_block(double* x, int64_t count, int level) noexcept
    void dm_log_block(double* x, int64_t count, int level) noexcept
    void dm_hawkes_lanes(const double* t, int64_t length, dm_hawkes_state* states, double mu,
                         double alpha, double beta, int mode, dm_hawkes_sums* sums,
                         int level) noexcept

cdef void state_clear(dm_hawkes_state* state) noexcept nogil
cdef void state_step(dm_hawkes_state* state, double t, double beta) noexcept nogil
cdef void exp_piece(const double* t, int64_t count, dm_hawkes_state* state, double mu,
                    double alpha, double beta, int mode, dm_hawkes_sums* sums) noexcept nogil
