"""Multivariate exponential Hawkes processes: the E-step of EM, residuals, intensities.

State and conventions are those of `hawkes_multivariate`: i = excited, j = source, lazy decays,
O(N d). Faces in `dreammaker.hawkes` validate; nothing here does.
"""
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free

from dreammaker._ext.hawkes_entry cimport entry_move, entry_t, log_add
from dreammaker._ext.mathx cimport dm_exp, dm_log


# hot: begin
cdef double _em(const double[::1] times, const int32_t[::1] marks, const double[::1] mu,
                const double[:, ::1] alpha, const double[:, ::1] beta, bint shared, entry_t* e,
                double[::1] background, double[:, ::1] triggered,
                double[:, ::1] lag) noexcept nogil:
    cdef Py_ssize_t n = times.shape[0], d = mu.shape[0], k, i, j
    cdef int32_t m
    cdef double rate, inverse, total = 0.0, product = 1.0, dt, f, before = 0.0
    cdef entry_t* row
    for k in range(n):
        m = marks[k]
        rate = mu[m]
        if shared:
            row = e
            dt = times[k] - before
            before = times[k]
            f = dm_exp(-beta[0, 0] * dt)
            for j in range(d):
                row[j].b = f * (row[j].b + dt * row[j].r)
                row[j].r *= f
                rate += alpha[m, j] * row[j].r
        else:
            row = e + m * d
            for j in range(d):
                entry_move(&row[j], beta[m, j], times[k], True)
                rate += alpha[m, j] * row[j].r
        log_add(&total, &product, rate)
        inverse = 1.0 / rate
        background[m] += inverse
        for j in range(d):
            triggered[m, j] += inverse * row[j].r
            lag[m, j] += inverse * row[j].b
        if shared:
            e[m].r += 1.0
            continue
        for i in range(d):
            if i != m:
                entry_move(&e[i * d + m], beta[i, m], times[k], True)
            e[i * d + m].r += 1.0
    return total + dm_log(product)
# hot: end


def em_sweep(const double[::1] times, const int32_t[::1] marks, double end,
             const double[::1] mu, const double[:, ::1] alpha, const double[:, ::1] beta,
             double[::1] background, double[:, ::1] triggered, double[:, ::1] lag,
             double[:, ::1] alive, double[:, ::1] aged):
    """One E-step over all pairs, O(N d) in time and O(d^2) in memory.

    Parameters
    ----------
    times, marks, end
        As in `pair_likelihood`.
    mu, alpha, beta : array of float64, shape (d,), (d, d), (d, d)
    background : array of float64, shape (d,)
        Out: expected immigrants of each component.
    triggered, lag : array of float64, shape (d, d)
        Out: expected events of i triggered by j, and the sum of their delays.
    alive, aged : array of float64, shape (d, d)
        Out: R and B at the end, which make the edge correction.

    Returns
    -------
    float
        Sum of log-intensities at the events (the log-likelihood without its compensator).
    """
    cdef Py_ssize_t d = mu.shape[0], n = times.shape[0], i, j
    cdef bint shared = True
    cdef double total
    cdef entry_t* e = <entry_t*>calloc(d * d, sizeof(entry_t))
    cdef entry_t* one
    if e == NULL:
        raise MemoryError
    background[:] = 0.0
    triggered[:, :] = 0.0
    lag[:, :] = 0.0
    for i in range(d):
        for j in range(d):
            shared = shared and beta[i, j] == beta[0, 0]
    with nogil:
        total = _em(times, marks, mu, alpha, beta, shared, e, background, triggered, lag)
        for i in range(d):
            background[i] *= mu[i]
            for j in range(d):
                one = e + (j if shared else i * d + j)
                if shared and i == 0:
                    one.then = times[n - 1] if n else 0.0
                entry_move(one, beta[i, j], end, True)
                alive[i, j] = one.r
                aged[i, j] = one.b
                triggered[i, j] *= alpha[i, j]
                lag[i, j] *= alpha[i, j]
    free(e)
    return total


def residuals(const double[::1] times, const int32_t[::1] marks, const double[::1] mu,
              const double[:, ::1] alpha, const double[:, ::1] beta,
              const double[:, ::1] left, double[::1] out):
    """Compensator of each event's own component since that component's event before it.

    Differences are formed of the excitation that is left, not of the compensator itself, so that
    no digits are lost however long the data.

    Parameters
    ----------
    times, marks : array, shape (N,)
    mu, alpha, beta, left
        As in `excitations`.
    out : array of float64, shape (N,)
        Out: Exp(1) under the true model, independent; the first of a component counts from 0.
    """
    cdef Py_ssize_t n = times.shape[0], d = mu.shape[0], k, i, j
    cdef int32_t m
    cdef double value, came
    cdef entry_t* e = <entry_t*>calloc(d * d, sizeof(entry_t))
    # For each pair, R, the initial excitation and the source's count at the row's last event.
    cdef double* seen = <double*>calloc(3 * d * d + 2 * d, sizeof(double))
    cdef double* counts
    cdef entry_t* row
    cdef double* old
    if e == NULL or seen == NULL:
        free(e)
        free(seen)
        raise MemoryError
    counts = seen + 3 * d * d
    for i in range(d):
        for j in range(d):
            e[i * d + j].x = left[i, j]
            seen[3 * (i * d + j) + 1] = left[i, j]
    with nogil:
        for k in range(n):
            m = marks[k]
            row = e + m * d
            value = mu[m] * (times[k] - counts[d + m])
            for j in range(d):
                entry_move(&row[j], beta[m, j], times[k], False)
                old = seen + 3 * (m * d + j)
                came = counts[j] - old[2]
                value += (alpha[m, j] * (came - (row[j].r - old[0]))
                          + (old[1] - row[j].x)) / beta[m, j]
            out[k] = value
            for i in range(d):
                if i != m:
                    entry_move(&e[i * d + m], beta[i, m], times[k], False)
                e[i * d + m].r += 1.0
            counts[m] += 1.0
            counts[d + m] = times[k]
            for j in range(d):
                old = seen + 3 * (m * d + j)
                old[0], old[1], old[2] = row[j].r, row[j].x, counts[j]
    free(e)
    free(seen)


def intensities(const double[::1] times, const int32_t[::1] marks, const double[::1] queries,
                const double[::1] mu, const double[:, ::1] alpha, const double[:, ::1] beta,
                const double[:, ::1] left, double[:, ::1] out):
    """Intensities of all components at rising query times, left limits.

    Parameters
    ----------
    times, marks : array, shape (N,)
    queries : array of float64, shape (Q,)
        Not decreasing, 0 or more.
    mu, alpha, beta, left
        As in `excitations`.
    out : array of float64, shape (Q, d)
        Out: events at a query's own time do not count yet.
    """
    cdef Py_ssize_t n = times.shape[0], d = mu.shape[0], q, i, j, k = 0
    cdef int32_t m
    cdef entry_t* e = <entry_t*>calloc(d * d, sizeof(entry_t))
    cdef entry_t* one
    if e == NULL:
        raise MemoryError
    for i in range(d):
        for j in range(d):
            e[i * d + j].x = left[i, j]
    with nogil:
        for q in range(queries.shape[0]):
            while k < n and times[k] < queries[q]:
                m = marks[k]
                for i in range(d):
                    entry_move(&e[i * d + m], beta[i, m], times[k], False)
                    e[i * d + m].r += 1.0
                k += 1
            for i in range(d):
                out[q, i] = mu[i]
                for j in range(d):
                    one = e + i * d + j
                    entry_move(one, beta[i, j], queries[q], False)
                    out[q, i] += alpha[i, j] * one.r + one.x
    free(e)


cdef class ResidualState:
    """Residuals and intensities of a running process, O(d) exponentials an event.

    Parameters
    ----------
    mu, alpha, beta, left
        As in `residuals`; kept, not copied.
    """

    cdef const double[::1] mu
    cdef const double[:, ::1] alpha
    cdef const double[:, ::1] beta
    cdef entry_t[64] entries
    cdef double[8] passed        # compensator since the component's last event, to `now`
    cdef readonly double now

    def __cinit__(self, const double[::1] mu, const double[:, ::1] alpha,
                  const double[:, ::1] beta, const double[:, ::1] left):
        cdef Py_ssize_t d = mu.shape[0], i, j
        if not 1 <= d <= 8:
            raise ValueError(f"mu must have 1 to 8 rates, had {d}")
        self.mu, self.alpha, self.beta, self.now = mu, alpha, beta, 0.0
        for i in range(d):
            self.passed[i] = 0.0
            for j in range(d):
                self.entries[i * d + j] = entry_t(0.0, 0.0, 0.0, left[i, j], 0.0)

    # hot: begin
    cdef void _move(self, double t) noexcept nogil:
        cdef Py_ssize_t d = self.mu.shape[0], i, j
        cdef double r, x, passed
        cdef entry_t* one
        for i in range(d):
            passed = self.mu[i] * (t - self.now)
            for j in range(d):
                one = &self.entries[i * d + j]
                r, x = one.r, one.x
                entry_move(one, self.beta[i, j], t, False)
                passed += (self.alpha[i, j] * (r - one.r) + (x - one.x)) / self.beta[i, j]
            # Written out: with None checks on, Cython refuses += on a member here.
            self.passed[i] = self.passed[i] + passed
        self.now = t
    # hot: end

    def event(self, double t, int32_t mark):
        """Take an event not before the last one; its residual, Exp(1) under the model."""
        cdef Py_ssize_t d = self.mu.shape[0], i
        cdef double residual
        if not (t >= self.now and 0 <= mark < d):
            raise ValueError(f"an event needs a time of at least {self.now:.9g} and a mark of 0 "
                             f"to {d - 1}, had {t:.9g} and {mark}")
        self._move(t)
        residual = self.passed[mark]
        self.passed[mark] = 0.0
        for i in range(d):
            self.entries[i * d + mark].r += 1.0
        return residual

    def rates(self, double t):
        """Intensities just after the last event or at `t`, whichever is later, a list."""
        cdef Py_ssize_t d = self.mu.shape[0], i, j
        if t > self.now:
            self._move(t)
        found = []
        for i in range(d):
            rate = self.mu[i]
            for j in range(d):
                rate += (self.alpha[i, j] * self.entries[i * d + j].r
                         + self.entries[i * d + j].x)
            found.append(rate)
        return found
