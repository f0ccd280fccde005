"""Simulation of Hawkes processes: thinning, exact sampling, clusters (Ogata 1981).

Samplers fill the caller's buffers and go on where they stopped, so that memory grows with what
was drawn and a caller can look around between two buffers. Their faces in
`dreammaker.hawkes.simulation` validate; nothing here does.
"""
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.hawkes_likelihood cimport (
    dm_disorder,
    dm_exp_block,
    dm_log_block,
    dm_simd_available,
)
from dreammaker._ext.mathx cimport dm_exp, dm_log
from dreammaker._ext.rng cimport rng_seed, rng_t, rng_uniform
from dreammaker._ext.ziggurat cimport ziggurat_exponential, ziggurat_init, ziggurat_t

cdef enum:
    PROPOSALS_A_CALL = 16777216
    BATCH = 256                  # deviates, and logarithms, taken together


cdef class ThinningSampler:
    """Ogata's (1981) thinning of d components driven by S decaying excitations.

    Excitation s belongs to component ``target[s]``, decays at ``decay[group[s]]`` and rises by
    ``jump[m, s]`` at an event of component m. Between events and knots the sum of the base rates
    and of the positive excitations only falls, so its value bounds the intensity.

    Parameters
    ----------
    knots : array of float64, shape (K + 1,)
        Rising times; base rates are constant between them. The last one ends the simulation.
    base : array of float64, shape (K, d)
    decay : array of float64, shape (G,)
    group, target : array of int32, shape (S,)
    jump : array of float64, shape (d, S)
    excitation : array of float64, shape (S,)
        At ``knots[0]``; the sampler's own from then on.
    seed : int
        In [0, 2**64).
    """

    cdef rng_t rng
    cdef ziggurat_t ziggurat
    cdef const double[::1] knots
    cdef const double[:, ::1] base
    cdef const double[::1] decay
    cdef const int32_t[::1] group
    cdef const int32_t[::1] target
    cdef const double[:, ::1] jump
    cdef double[::1] excitation
    cdef double[::1] factor
    cdef double[::1] rate
    cdef Py_ssize_t segment
    cdef double now
    cdef readonly bint finished

    def __cinit__(self, knots, base, decay, group, target, jump, excitation, factor, rate, seed):
        self.knots, self.base, self.decay = knots, base, decay
        self.group, self.target, self.jump = group, target, jump
        self.excitation, self.factor, self.rate = excitation, factor, rate
        self.segment = 0
        self.now = self.knots[0]
        self.finished = False
        rng_seed(&self.rng, seed, 0)
        ziggurat_init(&self.ziggurat)

    def fill(self, double[::1] times, int32_t[::1] marks):
        """Draw until the buffers are full, the end, or a bound on the work of one call.

        Returns
        -------
        int
            Events written; ``finished`` tells whether the end was reached.
        """
        cdef Py_ssize_t written
        with nogil:
            written = self._fill(times, marks)
        return written

    # hot: begin
    # Members are written out (x = x + 1): with None checks on, Cython refuses += here.
    cdef void _move(self, double to) noexcept nogil:
        cdef double elapsed = to - self.now
        cdef Py_ssize_t i
        for i in range(self.decay.shape[0]):
            self.factor[i] = dm_exp(-self.decay[i] * elapsed)
        for i in range(self.excitation.shape[0]):
            self.excitation[i] *= self.factor[self.group[i]]
        self.now = to

    cdef Py_ssize_t _fill(self, double[::1] times, int32_t[::1] marks) noexcept nogil:
        cdef Py_ssize_t written = 0, capacity = times.shape[0], i, d = self.rate.shape[0]
        cdef Py_ssize_t states = self.excitation.shape[0]
        cdef int64_t _proposal
        cdef double bound, candidate, draw, cumulative
        for _proposal in range(PROPOSALS_A_CALL):
            if written == capacity or self.finished:
                break
            bound = 0.0
            for i in range(d):
                bound += self.base[self.segment, i]
            for i in range(states):
                if self.excitation[i] > 0.0:
                    bound += self.excitation[i]
            candidate = self.knots[self.segment + 1]
            if bound > 0.0:
                candidate = self.now + ziggurat_exponential(&self.ziggurat, &self.rng) / bound
            if candidate >= self.knots[self.segment + 1]:
                # Base rates change here: a memoryless wait may begin anew.
                self.segment = self.segment + 1
                if self.segment == self.base.shape[0]:
                    self.finished = True
                else:
                    self._move(self.knots[self.segment])
                continue
            self._move(candidate)
            for i in range(d):
                self.rate[i] = self.base[self.segment, i]
            for i in range(states):
                self.rate[self.target[i]] += self.excitation[i]
            draw = rng_uniform(&self.rng) * bound
            cumulative = 0.0
            for i in range(d):
                cumulative += self.rate[i]
                if draw < cumulative:
                    times[written] = candidate
                    marks[written] = <int32_t>i
                    written += 1
                    self._excite(i)
                    break
        return written

    cdef void _excite(self, Py_ssize_t source) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(self.excitation.shape[0]):
            self.excitation[i] += self.jump[source, i]
    # hot: end


cdef class ExponentialThinning:
    """Thinning of one exponential process: `ThinningSampler` for d = S = 1, without its loops.

    Parameters
    ----------
    mu, alpha, beta : float
    excitation : float
        At time 0.
    end : float
    seed : int
    """

    cdef rng_t rng
    cdef ziggurat_t ziggurat
    cdef double mu, alpha, beta, excitation, now, end
    cdef readonly bint finished

    def __cinit__(self, double mu, double alpha, double beta, double excitation, double end, seed):
        self.mu, self.alpha, self.beta = mu, alpha, beta
        self.excitation, self.now, self.end = excitation, 0.0, end
        self.finished = False
        rng_seed(&self.rng, seed, 0)
        ziggurat_init(&self.ziggurat)

    def fill(self, double[::1] times):
        """As `ThinningSampler.fill`."""
        cdef Py_ssize_t written
        with nogil:
            written = self._fill(times)
        return written

    # hot: begin
    cdef Py_ssize_t _fill(self, double[::1] times) noexcept nogil:
        cdef Py_ssize_t written = 0, capacity = times.shape[0]
        cdef int64_t _proposal
        cdef double bound, wait, x = self.excitation, now = self.now
        # Local, so that it lives in registers.
        cdef rng_t rng = self.rng
        for _proposal in range(PROPOSALS_A_CALL):
            if written == capacity:
                break
            bound = self.mu + x
            wait = ziggurat_exponential(&self.ziggurat, &rng) / bound
            if now + wait >= self.end:
                self.finished = True
                break
            now += wait
            x *= dm_exp(-self.beta * wait)
            if rng_uniform(&rng) * bound < self.mu + x:
                times[written] = now
                written += 1
                x += self.alpha
        self.rng = rng
        self.excitation = x
        self.now = now
        return written
    # hot: end


cdef class ExactSampler:
    """Exact simulation of one exponential process, after Dassios and Zhao (2013).

    Their two competing waits are kept apart: the next background event is drawn once and stands
    until it comes (waits are memoryless). A wait for the next excited event, of probability
    integral E ~ Exp(1), turns the excitation x into x - beta E. What a background event leaves of
    E is again Exp(1) and is kept, so that each event costs one deviate. With x - beta E at hand
    and the excitation that would be left at the next background event, their ratio is the decay
    between the two: times are read from logarithms of whole blocks afterwards.

    Parameters
    ----------
    mu, alpha, beta : float
    excitation : float
        At time 0.
    end : float
    seed : int
    limit : int
        Highest instruction set for logarithms and exponentials (0 baseline, 1 AVX2, 2 AVX-512),
        where the processor has it; all give the same bits.
    """

    cdef rng_t rng
    cdef ziggurat_t ziggurat
    cdef double mu, alpha, beta, end
    cdef double rest             # excitation at the next excited event, if nothing came before
    cdef double floor            # excitation at the stop, if nothing came before
    cdef double last             # time of the last event
    cdef double stop             # the next background event, the end, or a time before both
    cdef double background
    cdef Py_ssize_t waits_used, gaps_used, gaps_plain
    cdef double[BATCH] waits     # beta E
    cdef double[BATCH] arrivals  # of the background event after the next
    cdef double[BATCH] decays    # exp(-beta gap) between the next and that one
    cdef double[BATCH] ratios
    cdef int level
    cdef readonly bint finished

    def __cinit__(self, double mu, double alpha, double beta, double excitation, double end, seed,
                  int limit=2):
        self.level = min(limit, dm_simd_available())
        self.mu, self.alpha, self.beta = mu, alpha, beta
        self.end, self.last, self.finished = end, 0.0, False
        rng_seed(&self.rng, seed, 0)
        ziggurat_init(&self.ziggurat)
        self.background = ziggurat_exponential(&self.ziggurat, &self.rng) / mu
        self._draw_waits()
        self._draw_gaps(self.background)
        self.rest = excitation - self.waits[0]
        self.waits_used = 1
        self._aim(excitation, 0.0)

    def fill(self, double[::1] times):
        """As `ThinningSampler.fill`."""
        cdef Py_ssize_t written = 0, count, i, capacity = times.shape[0]
        cdef double slowness = 1.0 / self.beta, last = self.last
        with nogil:
            while written < capacity and not self.finished:
                count = min(capacity - written, <Py_ssize_t>BATCH)
                count = self._events(&times[written], count)
                dm_log_block(self.ratios, count, self.level)
                for i in range(count):
                    times[written + i] = times[written + i] + slowness * self.ratios[i]
                # Rounding must not turn time back, which it does once in millions of events.
                if count and (times[written] < last
                              or dm_disorder(&times[written], count, self.level)):
                    for i in range(written, written + count):
                        last = times[i] if times[i] > last else last
                        times[i] = last
                last = times[written + count - 1] if count else last
                written += count
        self.last = last
        return written

    # hot: begin
    cdef void _draw_waits(self) noexcept nogil:
        cdef int i
        cdef rng_t rng = self.rng
        for i in range(BATCH):
            self.waits[i] = self.beta * ziggurat_exponential(&self.ziggurat, &rng)
        self.rng = rng
        self.waits_used = 0

    cdef void _draw_gaps(self, double after) noexcept nogil:
        cdef int i
        cdef double wait = 1.0 / self.mu, gap
        cdef rng_t rng = self.rng
        for i in range(BATCH):
            gap = wait * ziggurat_exponential(&self.ziggurat, &rng)
            after += gap
            self.arrivals[i] = after
            self.decays[i] = -self.beta * gap
        self.rng = rng
        dm_exp_block(self.decays, BATCH, self.level)
        # Gaps up to here need neither a look at the end nor a stop between.
        self.gaps_plain = 0
        while self.gaps_plain < BATCH and self.decays[self.gaps_plain] > 1e-217 and (
                self.arrivals[self.gaps_plain] < self.end):
            self.gaps_plain = self.gaps_plain + 1
        self.gaps_used = 0

    cdef void _aim(self, double excitation, double now) noexcept nogil:
        # What is left at the stop stays far from 0: at least exp(-500) of it.
        cdef double gap
        self.stop = self.background if self.background < self.end else self.end
        gap = self.beta * (self.stop - now)
        if gap > 500.0:
            self.stop = now + 500.0 / self.beta
            gap = 500.0
        self.floor = excitation * dm_exp(-gap)

    cdef Py_ssize_t _events(self, double* stops, Py_ssize_t capacity) noexcept nogil:
        # Events as (stop, decay until the stop): the time is stop + log(decay) / beta.
        cdef Py_ssize_t count = 0, some
        while count < capacity and not self.finished:
            if self.waits_used == BATCH:
                self._draw_waits()
            if self.gaps_used == BATCH:
                self._draw_gaps(self.arrivals[BATCH - 1])
            some = min(capacity - count, BATCH - self.waits_used)
            some = min(some, self.gaps_plain - self.gaps_used)
            if some > 0 and self.stop == self.background:
                self._plain_events(stops + count, self.ratios + count, some)
                count += some
            else:
                count += self._other_event(stops + count, self.ratios + count)
        return count

    cdef void _plain_events(self, double* stops, double* ratios, Py_ssize_t count) noexcept nogil:
        cdef double rest = self.rest, floor = self.floor, stop = self.stop, alpha = self.alpha
        cdef double inverse, growth
        cdef const double* waits = self.waits + self.waits_used
        cdef const double* arrivals = self.arrivals + self.gaps_used
        cdef const double* decays = self.decays + self.gaps_used
        cdef Py_ssize_t i, w = 0, g = 0
        for i in range(count):
            # The reciprocal does not wait for the floor, whose chain is one product an event.
            inverse = 1.0 / rest
            growth = 1.0 + alpha * inverse
            stops[i] = stop
            if rest > floor:
                ratios[i] = floor * inverse
                rest += alpha - waits[w]
                floor *= growth
                w += 1
            else:
                ratios[i] = 1.0
                rest += alpha
                stop = arrivals[g]
                floor = (floor + alpha) * decays[g]
                g += 1
        self.rest, self.floor, self.stop, self.background = rest, floor, stop, stop
        self.waits_used = self.waits_used + w
        self.gaps_used = self.gaps_used + g

    cdef Py_ssize_t _other_event(self, double* stops, double* ratios) noexcept nogil:
        # Where the end or a stop without an event is next; the arithmetic is that of plain ones.
        cdef double inverse
        if self.rest > self.floor:
            inverse = 1.0 / self.rest
            stops[0], ratios[0] = self.stop, self.floor * inverse
            self.rest = self.rest + (self.alpha - self.waits[self.waits_used])
            self.floor = self.floor * (1.0 + self.alpha * inverse)
            self.waits_used = self.waits_used + 1
            return 1
        if self.stop >= self.end:
            self.finished = True
            return 0
        if self.stop < self.background:
            self._aim(self.floor, self.stop)
            return 0
        stops[0], ratios[0] = self.stop, 1.0
        self.rest = self.rest + self.alpha
        self.background = self.arrivals[self.gaps_used]
        self.gaps_used = self.gaps_used + 1
        self._aim(self.floor + self.alpha, self.stop)
        return 1
    # hot: end


cdef class PowerLawClusters:
    """Exact simulation of phi(t) = alpha / (1 + beta t)^p by its clusters (Hawkes and Oakes 1974).

    Background events first, then each event's Poisson(n) children at delays drawn by inversion;
    children beyond the end are dropped. Times come out unsorted.

    Parameters
    ----------
    alpha, beta, p : float
    end : float
    seed : int
    """

    cdef rng_t rng
    cdef ziggurat_t ziggurat
    cdef double beta, power, ratio, end
    cdef Py_ssize_t parent
    cdef double gone             # of the parent's offspring measure
    cdef readonly bint finished

    def __cinit__(self, double alpha, double beta, double p, double end, seed):
        self.beta, self.power, self.end = beta, -1.0 / (p - 1.0), end
        self.ratio = alpha / (beta * (p - 1.0))
        self.parent = -1
        self.gone = 0.0
        self.finished = False
        rng_seed(&self.rng, seed, 0)
        ziggurat_init(&self.ziggurat)

    def background(self, double[::1] times, Py_ssize_t count, double start, double stop,
                   double rate):
        """Append the background events of one segment to the `count` there are.

        Returns
        -------
        int
            Events in the buffer now. If that is its capacity, go on in a larger one from the last
            event's time (waits are memoryless).
        """
        cdef Py_ssize_t capacity = times.shape[0]
        with nogil:
            while count < capacity and rate > 0.0:
                start += ziggurat_exponential(&self.ziggurat, &self.rng) / rate
                if start >= stop:
                    break
                times[count] = start
                count += 1
        return count

    def offspring(self, double[::1] times, Py_ssize_t count):
        """Append children of children until all are there or the buffer is full.

        Returns
        -------
        int
            Events in the buffer; ``finished`` tells whether all are there.
        """
        with nogil:
            count = self._offspring(times, count)
        return count

    # hot: begin
    cdef Py_ssize_t _offspring(self, double[::1] times, Py_ssize_t count) noexcept nogil:
        cdef Py_ssize_t capacity = times.shape[0]
        cdef double wait, child
        if self.parent < 0:
            self.parent = 0
        while self.parent < count and count < capacity:
            self.gone = self.gone + ziggurat_exponential(&self.ziggurat, &self.rng)
            if self.gone >= self.ratio:
                self.parent = self.parent + 1
                self.gone = 0.0
                continue
            # The share of the kernel's mass beyond the delay is uniform in (0, 1].
            wait = 1.0 - rng_uniform(&self.rng)
            wait = (dm_exp(self.power * dm_log(wait)) - 1.0) / self.beta
            child = times[self.parent] + wait
            if child < self.end:
                times[count] = child
                count += 1
        self.finished = self.parent >= count
        return count
    # hot: end
