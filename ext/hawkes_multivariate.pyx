"""Multivariate exponential Hawkes processes: likelihood with derivatives, EM, residuals.

``lambda_i(t) = mu_i + sum_j [ alpha_ij R_ij(t) + left_ij exp(-beta_ij t) ]`` with i = excited,
j = source and ``R_ij(t) = sum_k exp(-beta_ij (t - t_k))`` over the events of j before t
(Ogata 1981). With the moments ``B = sum (t - t_k) exp(..)`` and ``C = sum (t - t_k)^2 exp(..)``
the derivatives by beta follow, and what remains at the end gives the compensator:
``sum_k (1 - exp(-beta (T - t_k))) = N - R(T)``. No exponential is spent on it.

Decays are lazy: an event of type m moves row m (its intensity is needed) and column m (it rises);
all other entries wait. Faces in `dreammaker.hawkes.multivariate` validate; nothing here does.
"""
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free

from dreammaker._ext.hawkes_entry cimport entry_move, entry_t, log_add
from dreammaker._ext.mathx cimport dm_exp, dm_log


# hot: begin
cdef double _pair(const double[::1] times, const int32_t[::1] marks, double end, int32_t row,
                  double mu, const double[::1] alpha, const double[::1] beta,
                  entry_t* e, double* g, double[::1] gradient, double[:, ::1] hessian,
                  int order) noexcept nogil:
    cdef Py_ssize_t n = times.shape[0], d = alpha.shape[0], size = 2 * d + 1, k, a, b
    cdef int32_t m, j
    cdef double t, rate, inverse, weight, total = 0.0, product = 1.0
    cdef bint moments = order > 0
    for k in range(n):
        t = times[k]
        m = marks[k]
        if m != row:
            entry_move(&e[m], beta[m], t, moments)
            e[m].r += 1.0
            continue
        rate = mu
        for j in range(d):
            entry_move(&e[j], beta[j], t, moments)
            rate += alpha[j] * e[j].r + e[j].x
        log_add(&total, &product, rate)
        if moments:
            inverse = 1.0 / rate
            g[0] = inverse
            for j in range(d):
                g[1 + j] = inverse * e[j].r
                g[1 + d + j] = -inverse * (alpha[j] * e[j].b + t * e[j].x)
            for a in range(size):
                gradient[a] += g[a]
            if order > 1:
                for a in range(size):
                    weight = g[a]
                    for b in range(a + 1):
                        hessian[a, b] -= weight * g[b]
                for j in range(d):
                    hessian[1 + d + j, 1 + j] -= inverse * e[j].b
                    hessian[1 + d + j, 1 + d + j] += inverse * (
                        alpha[j] * e[j].c + t * t * e[j].x)
        e[row].r += 1.0
    total += dm_log(product)
    total -= mu * end
    if moments:
        gradient[0] -= end
    return total


cdef double _pair_end(double end, const double[::1] alpha, const double[::1] beta,
                      const double[::1] left, const double[::1] counts, entry_t* e,
                      double[::1] gradient, double[:, ::1] hessian, int order) noexcept nogil:
    # The excited part of the compensator, and its derivatives.
    cdef Py_ssize_t d = alpha.shape[0], j
    cdef double q, lost, s, ds, dds, fade, total = 0.0
    for j in range(d):
        entry_move(&e[j], beta[j], end, order > 0)
        q = 1.0 / beta[j]
        lost = counts[j] - e[j].r
        s = lost * q
        total += alpha[j] * s + (left[j] - e[j].x) * q
        if order > 0:
            ds = q * (e[j].b - s)
            gradient[1 + j] -= s
            # The same for the initial excitation, whose age at the end is the whole length.
            fade = (left[j] - e[j].x) * q
            gradient[1 + d + j] -= alpha[j] * ds + q * (end * e[j].x - fade)
            if order > 1:
                dds = q * (2.0 * q * (s - e[j].b) - e[j].c)
                hessian[1 + d + j, 1 + j] -= ds
                hessian[1 + d + j, 1 + d + j] -= alpha[j] * dds + q * (
                    2.0 * q * (fade - end * e[j].x) - end * end * e[j].x)
    return total
# hot: end


def pair_likelihood(const double[::1] times, const int32_t[::1] marks, double end, int32_t row,
                    double mu, const double[::1] alpha, const double[::1] beta,
                    const double[::1] left, const double[::1] counts, double[::1] gradient,
                    double[:, ::1] hessian, int order):
    """Log-likelihood of one component with a decay for each source, in one pass.

    Component `row` depends on its own base rate, jumps and decays only, so that a likelihood of d
    components is d of these. O(N + N_row d) exponentials.

    Parameters
    ----------
    times, marks : array of float64 and int32, shape (N,)
        All events in time order.
    end : float
        T, not before the last event.
    row : int
    mu : float
    alpha, beta, left : array of float64, shape (d,)
        Jumps, decays and initial excitation of this row.
    counts : array of float64, shape (d,)
        Events of each component.
    gradient : array of float64, shape (2 d + 1,)
        Out, for order 1 and 2: by mu, alpha, beta.
    hessian : array of float64, shape (2 d + 1, 2 d + 1)
        Out, for order 2: the lower triangle.
    order : int
        0 the value alone, 1 with gradient, 2 with Hessian.

    Returns
    -------
    float
    """
    cdef Py_ssize_t d = alpha.shape[0], j
    cdef double total
    cdef entry_t* e = <entry_t*>calloc(d, sizeof(entry_t))
    cdef double* g = <double*>calloc(2 * d + 1, sizeof(double))
    if e == NULL or g == NULL:
        free(e)
        free(g)
        raise MemoryError
    gradient[:] = 0.0
    hessian[:, :] = 0.0
    for j in range(d):
        e[j].x = left[j]
    with nogil:
        total = _pair(times, marks, end, row, mu, alpha, beta, e, g, gradient, hessian, order)
        total -= _pair_end(end, alpha, beta, left, counts, e, gradient, hessian, order)
    free(e)
    free(g)
    return total


# hot: begin
cdef double _shared(const double[::1] times, const int32_t[::1] marks, const double[::1] mu,
                    const double[:, ::1] alpha, double beta, const double[::1] left,
                    double* r, double* b, double* c, double* g, double[:, ::1] gradient,
                    double[:, :, ::1] hessian, int order) noexcept nogil:
    cdef Py_ssize_t n = times.shape[0], d = mu.shape[0], k, i, j
    cdef int32_t m
    cdef double before = 0.0, f, dt, t, rate, slope, bend, inverse, weight, fade = 1.0
    cdef double total = 0.0, product = 1.0
    cdef const double* jump
    cdef double* h
    for k in range(n):
        t = times[k]
        m = marks[k]
        dt = t - before
        before = t
        f = dm_exp(-beta * dt)
        jump = &alpha[m, 0]
        fade *= f
        rate = mu[m] + left[m] * fade
        if order == 0:
            for j in range(d):
                r[j] *= f
                rate += jump[j] * r[j]
            log_add(&total, &product, rate)
            r[m] += 1.0
            continue
        slope = t * left[m] * fade
        bend = t * slope
        for j in range(d):
            if order > 1:
                c[j] = f * (c[j] + dt * (2.0 * b[j] + dt * r[j]))
                bend += jump[j] * c[j]
            b[j] = f * (b[j] + dt * r[j])
            r[j] *= f
            rate += jump[j] * r[j]
            slope += jump[j] * b[j]
        log_add(&total, &product, rate)
        inverse = 1.0 / rate
        g[0] = inverse
        for j in range(d):
            g[1 + j] = inverse * r[j]
        g[d + 1] = -inverse * slope
        for i in range(d + 2):
            gradient[m, i] += g[i]
        if order > 1:
            for i in range(d + 2):
                weight = g[i]
                h = &hessian[m, i, 0]
                for j in range(i + 1):
                    h[j] -= weight * g[j]
            h = &hessian[m, d + 1, 0]
            for j in range(d):
                h[1 + j] -= inverse * b[j]
            h[d + 1] += inverse * bend
        r[m] += 1.0
    return total + dm_log(product)


cdef double _shared_end(double dt, double end, const double[::1] mu, const double[:, ::1] alpha,
                        double beta, const double[::1] left, const double[::1] counts, double* r,
                        double* b, double* c, double[:, ::1] gradient,
                        double[:, :, ::1] hessian, int order) noexcept nogil:
    cdef Py_ssize_t d = mu.shape[0], i, j
    cdef double f = dm_exp(-beta * dt), q = 1.0 / beta, total = 0.0, s, ds, dds, gone, fade
    fade = dm_exp(-beta * end)
    for j in range(d):
        c[j] = f * (c[j] + dt * (2.0 * b[j] + dt * r[j]))
        b[j] = f * (b[j] + dt * r[j])
        r[j] *= f
        s = (counts[j] - r[j]) * q
        ds = q * (b[j] - s)
        dds = q * (2.0 * q * (s - b[j]) - c[j])
        for i in range(d):
            total += alpha[i, j] * s
            if order > 0:
                gradient[i, 1 + j] -= s
                gradient[i, d + 1] -= alpha[i, j] * ds
            if order > 1:
                hessian[i, d + 1, 1 + j] -= ds
                hessian[i, d + 1, d + 1] -= alpha[i, j] * dds
    for i in range(d):
        gone = left[i] * (1.0 - fade) * q
        total += mu[i] * end + gone
        if order > 0:
            gradient[i, 0] -= end
            gradient[i, d + 1] -= q * (end * left[i] * fade - gone)
        if order > 1:
            hessian[i, d + 1, d + 1] -= q * (
                2.0 * q * (gone - end * left[i] * fade) - end * end * left[i] * fade)
    return total
# hot: end


def shared_likelihood(const double[::1] times, const int32_t[::1] marks, double end,
                      const double[::1] mu, const double[:, ::1] alpha, double beta,
                      const double[::1] left, const double[::1] counts,
                      double[:, ::1] gradient, double[:, :, ::1] hessian, int order):
    """Log-likelihood of all components with one decay: one exponential an event.

    Parameters
    ----------
    times, marks, end, counts, order
        As in `pair_likelihood`.
    mu, left : array of float64, shape (d,)
        Base rates; initial excitation of each component, summed over its sources.
    alpha : array of float64, shape (d, d)
    beta : float
    gradient : array of float64, shape (d, d + 2)
        Out: each component's share by mu_i, alpha_i1 to alpha_id, beta.
    hessian : array of float64, shape (d, d + 2, d + 2)
        Out: each component's share, lower triangles.

    Returns
    -------
    float
    """
    cdef Py_ssize_t d = mu.shape[0], n = times.shape[0]
    cdef double total
    cdef double* work = <double*>calloc(4 * d + 2, sizeof(double))
    if work == NULL:
        raise MemoryError
    gradient[:, :] = 0.0
    hessian[:, :, :] = 0.0
    with nogil:
        total = _shared(times, marks, mu, alpha, beta, left, work, work + d, work + 2 * d,
                        work + 3 * d, gradient, hessian, order)
        total -= _shared_end(end - (times[n - 1] if n else 0.0), end, mu, alpha, beta, left,
                             counts, work, work + d, work + 2 * d, gradient, hessian, order)
    free(work)
    return total


# hot: begin
cdef void _excitations(const double[::1] times, const int32_t[::1] marks,
                       const double[:, ::1] beta, const double[:, ::1] left, bint shared,
                       entry_t* e, const int32_t* offset, double[:, ::1] out) noexcept nogil:
    # Row `offset[m]` on of `out` belongs to component m: a column of initial excitation, then R.
    cdef Py_ssize_t n = times.shape[0], d = beta.shape[0], k, i, j
    cdef int32_t m
    cdef double f, before = 0.0, fade = 1.0
    cdef entry_t* row
    cdef double* target
    cdef int32_t* place = <int32_t*>offset
    for k in range(n):
        m = marks[k]
        target = &out[place[m], 0]
        place[m] += 1
        row = e + m * d
        if shared:
            f = dm_exp(-beta[0, 0] * (times[k] - before))
            before = times[k]
            fade *= f
            target[0] = row[0].x * fade
            for j in range(d):
                e[j].r *= f
                target[1 + j] = e[j].r
            e[m].r += 1.0
            continue
        target[0] = 0.0
        for j in range(d):
            entry_move(&row[j], beta[m, j], times[k], False)
            target[0] += row[j].x
            target[1 + j] = row[j].r
        for i in range(d):
            if i != m:
                entry_move(&e[i * d + m], beta[i, m], times[k], False)
            e[i * d + m].r += 1.0


cdef double _linear(const double[:, ::1] rows, double mu, const double[::1] alpha, double* g,
                    double[::1] gradient, double[:, ::1] hessian) noexcept nogil:
    cdef Py_ssize_t n = rows.shape[0], d = alpha.shape[0], k, i, j
    cdef double rate, inverse, weight, total = 0.0, product = 1.0
    cdef const double* r
    cdef double* h
    for k in range(n):
        r = &rows[k, 0]
        rate = mu + r[0]
        for j in range(d):
            rate += alpha[j] * r[1 + j]
        log_add(&total, &product, rate)
        inverse = 1.0 / rate
        g[0] = inverse
        for j in range(d):
            g[1 + j] = inverse * r[1 + j]
        for i in range(d + 1):
            weight = g[i]
            gradient[i] += weight
            h = &hessian[i, 0]
            for j in range(i + 1):
                h[j] -= weight * g[j]
    return total + dm_log(product)
# hot: end


def excitations(const double[::1] times, const int32_t[::1] marks, const double[:, ::1] beta,
                const double[:, ::1] left, double end, int32_t[::1] offsets, double[:, ::1] out,
                double[:, ::1] alive):
    """What excites each event's own component just before it, sorted by component.

    Parameters
    ----------
    times, marks : array, shape (N,)
    beta, left : array of float64, shape (d, d)
    offsets : array of int32, shape (d,)
        First row of each component in `out`; on return, the row after its last.
    out : array of float64, shape (N, d + 1)
        Out: the initial excitation's rest, then R_m1 to R_md.
    alive : array of float64, shape (d, d)
        Out: R at `end`.
    """
    cdef Py_ssize_t d = beta.shape[0], n = times.shape[0], i, j
    cdef entry_t* one
    cdef bint shared = True
    cdef entry_t* e = <entry_t*>calloc(d * d, sizeof(entry_t))
    if e == NULL:
        raise MemoryError
    for i in range(d):
        for j in range(d):
            shared = shared and beta[i, j] == beta[0, 0]
    for i in range(d):
        for j in range(d):
            e[i * d + (0 if shared else j)].x += left[i, j]
    if times.shape[0]:
        with nogil:
            _excitations(times, marks, beta, left, shared, e, &offsets[0], out)
    for i in range(d):
        for j in range(d):
            one = e + (j if shared else i * d + j)
            if shared and i == 0:
                one.then = times[n - 1] if n else 0.0
            entry_move(one, beta[i, j], end, False)
            alive[i, j] = one.r
    free(e)


def linear_likelihood(const double[:, ::1] rows, double end, double mu,
                      const double[::1] alpha, const double[::1] reach, double[::1] gradient,
                      double[:, ::1] hessian):
    """Log-likelihood of one component at fixed decays: concave in mu and alpha.

    Parameters
    ----------
    rows : array of float64, shape (N_i, d + 1)
        The component's rows of `excitations`.
    end, mu : float
    alpha : array of float64, shape (d,)
    reach : array of float64, shape (d,)
        ``sum_k (1 - exp(-beta_ij (T - t_k))) / beta_ij`` for each source.
    gradient, hessian : array of float64, shape (d + 1,) and (d + 1, d + 1)
        Out: by mu and alpha; the Hessian's lower triangle.

    Returns
    -------
    float
        Without the compensator of the initial excitation, which depends on nothing here.
    """
    cdef Py_ssize_t d = alpha.shape[0], j
    cdef double total
    cdef double* g = <double*>calloc(d + 1, sizeof(double))
    if g == NULL:
        raise MemoryError
    gradient[:] = 0.0
    hessian[:, :] = 0.0
    with nogil:
        total = _linear(rows, mu, alpha, g, gradient, hessian) - mu * end
        gradient[0] -= end
        for j in range(d):
            total -= alpha[j] * reach[j]
            gradient[1 + j] -= reach[j]
    free(g)
    return total
