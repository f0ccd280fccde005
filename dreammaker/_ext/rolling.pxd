# Windows of the feature pipeline as plain C structs: init, push, value, free.
# Sums over windows are exact integers, or are rebuilt block by block, so nothing drifts and the
# order of arrival alone decides the bits.
from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from dreammaker._ext.mathx cimport dm_nan

cdef enum:
    FLOW_LANES = 4


# ---- sums over the time window (t - W, t] ------------------------------------------------------
cdef struct flow_entry_t:
    int64_t t_ns
    int64_t v[4]

cdef struct flow_t:
    flow_entry_t* entries        # ring; head and tail count entries since the start
    uint64_t head
    uint64_t tail
    uint64_t mask
    int64_t window_ns
    int64_t total[4]

cdef int flow_grow(flow_t* f) noexcept nogil     # 0, or -1 if memory ran out

cdef inline int flow_init(flow_t* f, int64_t window_ns) noexcept nogil:
    cdef int lane
    f.entries = <flow_entry_t*>malloc(64 * sizeof(flow_entry_t))
    f.head = 0
    f.tail = 0
    f.mask = 63
    f.window_ns = window_ns
    for lane in range(FLOW_LANES):
        f.total[lane] = 0
    return 0 if f.entries != NULL else -1

cdef inline void flow_free(flow_t* f) noexcept nogil:
    free(f.entries)
    f.entries = NULL

cdef inline void flow_clear(flow_t* f) noexcept nogil:
    cdef int lane
    f.tail = f.head
    for lane in range(FLOW_LANES):
        f.total[lane] = 0

cdef inline int flow_evict(flow_t* f, int64_t t_ns) noexcept nogil:
    # Forget what is not after t - W; returns 1 where something left.
    cdef flow_entry_t* e
    cdef int lane, moved = 0
    cdef int64_t horizon = t_ns - f.window_ns
    while f.tail != f.head:
        e = f.entries + (f.tail & f.mask)
        if e.t_ns > horizon:
            break
        for lane in range(FLOW_LANES):
            f.total[lane] -= e.v[lane]
        f.tail += 1
        moved = 1
    return moved

cdef inline int flow_push(flow_t* f, int64_t t_ns, const int64_t* v) noexcept nogil:
    # Add v at t (not before the last t); 0, or -1 if memory ran out. Equal times share one entry.
    cdef flow_entry_t* e
    cdef int lane
    if f.head != f.tail:
        e = f.entries + ((f.head - 1) & f.mask)
        if e.t_ns == t_ns:
            for lane in range(FLOW_LANES):
                e.v[lane] += v[lane]
                f.total[lane] += v[lane]
            return 0
        flow_evict(f, t_ns)
        if f.head - f.tail > f.mask and flow_grow(f) != 0:
            return -1
    e = f.entries + (f.head & f.mask)
    e.t_ns = t_ns
    for lane in range(FLOW_LANES):
        e.v[lane] = v[lane]
        f.total[lane] += v[lane]
    f.head += 1
    return 0


# ---- the last value at or before t - W and t - 2W ----------------------------------------------
cdef struct lag_entry_t:
    int64_t t_ns
    int64_t value

cdef struct lag_t:
    lag_entry_t* entries
    uint64_t head
    uint64_t near                # entry in force at t - W
    uint64_t far                 # entry in force at t - 2W; older ones are forgotten
    uint64_t mask
    int64_t window_ns

cdef int lag_grow(lag_t* g) noexcept nogil

cdef inline int lag_init(lag_t* g, int64_t window_ns) noexcept nogil:
    g.entries = <lag_entry_t*>malloc(64 * sizeof(lag_entry_t))
    g.head = 0
    g.near = 0
    g.far = 0
    g.mask = 63
    g.window_ns = window_ns
    return 0 if g.entries != NULL else -1

cdef inline void lag_free(lag_t* g) noexcept nogil:
    free(g.entries)
    g.entries = NULL

cdef inline void lag_clear(lag_t* g) noexcept nogil:
    g.near = g.head
    g.far = g.head

cdef inline void lag_advance(lag_t* g, int64_t t_ns) noexcept nogil:
    cdef int64_t horizon = t_ns - g.window_ns
    while g.near + 1 < g.head and g.entries[(g.near + 1) & g.mask].t_ns <= horizon:
        g.near += 1
    horizon -= g.window_ns
    while g.far + 1 < g.head and g.entries[(g.far + 1) & g.mask].t_ns <= horizon:
        g.far += 1

cdef inline int lag_push(lag_t* g, int64_t t_ns, int64_t value) noexcept nogil:
    # The value from t on; 0, or -1 if memory ran out. At an equal time the later value stands.
    cdef lag_entry_t* e
    if g.head != g.far:
        e = g.entries + ((g.head - 1) & g.mask)
        if e.t_ns == t_ns:
            e.value = value
            return 0
        lag_advance(g, t_ns)
        if g.head - g.far > g.mask and lag_grow(g) != 0:
            return -1
    e = g.entries + (g.head & g.mask)
    e.t_ns = t_ns
    e.value = value
    g.head += 1
    return 0

cdef inline int64_t lag_near(const lag_t* g) noexcept nogil:
    return g.entries[g.near & g.mask].value

cdef inline int64_t lag_far(const lag_t* g) noexcept nogil:
    return g.entries[g.far & g.mask].value


# ---- sum of the last N doubles, without subtraction --------------------------------------------
# Slots below `pos` belong to this turn of the ring and are summed as they come; those at or above
# it are of the last turn, whose suffix sums were made when it ended.
cdef struct slide_t:
    double* values
    double* suffix
    double back
    int32_t size
    int32_t pos
    int32_t count

cdef inline int slide_init(slide_t* s, int32_t size) noexcept nogil:
    s.values = <double*>calloc(size, sizeof(double))
    s.suffix = <double*>calloc(size + 1, sizeof(double))
    s.size = size
    s.pos = 0
    s.count = 0
    s.back = 0.0
    return 0 if s.values != NULL and s.suffix != NULL else -1

cdef inline void slide_free(slide_t* s) noexcept nogil:
    free(s.values)
    free(s.suffix)
    s.values = NULL
    s.suffix = NULL

cdef inline void slide_clear(slide_t* s) noexcept nogil:
    cdef int32_t i
    for i in range(s.size + 1):
        s.suffix[i] = 0.0
    s.pos = 0
    s.count = 0
    s.back = 0.0

cdef inline void slide_push(slide_t* s, double x) noexcept nogil:
    cdef int32_t i
    s.values[s.pos] = x
    s.back += x
    s.pos += 1
    if s.count < s.size:
        s.count += 1
    if s.pos == s.size:
        for i in range(s.size - 1, -1, -1):
            s.suffix[i] = s.suffix[i + 1] + s.values[i]
        s.pos = 0
        s.back = 0.0

cdef inline double slide_sum(const slide_t* s) noexcept nogil:
    return s.suffix[s.pos] + s.back


# ---- least squares of y on x over the last N pairs of integers ---------------------------------
# |x| and |y| are held within 2^27, so the sums of 300 products stay below 2^63.
cdef struct slope_t:
    int64_t* x
    int64_t* y
    int64_t sx
    int64_t sy
    int64_t sxx
    int64_t sxy
    int32_t size
    int32_t pos
    int32_t count

cdef inline int64_t bounded(int64_t v, int64_t limit) noexcept nogil:
    return limit if v > limit else -limit if v < -limit else v

cdef inline int slope_init(slope_t* s, int32_t size) noexcept nogil:
    s.x = <int64_t*>calloc(size, sizeof(int64_t))
    s.y = <int64_t*>calloc(size, sizeof(int64_t))
    s.size = size
    slope_clear(s)
    return 0 if s.x != NULL and s.y != NULL else -1

cdef inline void slope_free(slope_t* s) noexcept nogil:
    free(s.x)
    free(s.y)
    s.x = NULL
    s.y = NULL

cdef inline void slope_clear(slope_t* s) noexcept nogil:
    s.sx = 0
    s.sy = 0
    s.sxx = 0
    s.sxy = 0
    s.pos = 0
    s.count = 0

cdef inline void slope_push(slope_t* s, int64_t x, int64_t y) noexcept nogil:
    cdef int64_t old
    x = bounded(x, <int64_t>1 << 27)
    y = bounded(y, <int64_t>1 << 27)
    if s.count == s.size:
        old = s.x[s.pos]
        s.sx -= old
        s.sy -= s.y[s.pos]
        s.sxx -= old * old
        s.sxy -= old * s.y[s.pos]
    else:
        s.count += 1
    s.x[s.pos] = x
    s.y[s.pos] = y
    s.sx += x
    s.sy += y
    s.sxx += x * x
    s.sxy += x * y
    s.pos = s.pos + 1 if s.pos + 1 < s.size else 0

cdef inline double slope_value(const slope_t* s) noexcept nogil:
    # Slope with intercept; NaN where x does not vary.
    cdef double n = <double>s.count
    cdef double varies = n * <double>s.sxx - <double>s.sx * <double>s.sx
    if not varies > 0.0:
        return dm_nan()
    return (n * <double>s.sxy - <double>s.sx * <double>s.sy) / varies


# ---- Roll's covariance of successive price changes ---------------------------------------------
# Prices are whole ticks plus millionths; the sum of products of neighbouring changes is held as
# ticks x ticks, ticks x millionths and millionths x millionths, each an exact integer.
cdef struct roll_t:
    int64_t* ticks
    int64_t* micro
    int64_t tt
    int64_t tm
    int64_t mm
    int32_t off_grid             # how many prices in the ring have millionths
    int32_t size
    int32_t pos                  # slot of the next price
    int32_t count

cdef inline int roll_init(roll_t* r, int32_t size) noexcept nogil:
    r.ticks = <int64_t*>calloc(size, sizeof(int64_t))
    r.micro = <int64_t*>calloc(size, sizeof(int64_t))
    r.size = size
    roll_clear(r)
    return 0 if r.ticks != NULL and r.micro != NULL else -1

cdef inline void roll_free(roll_t* r) noexcept nogil:
    free(r.ticks)
    free(r.micro)
    r.ticks = NULL
    r.micro = NULL

cdef inline void roll_clear(roll_t* r) noexcept nogil:
    r.tt = 0
    r.tm = 0
    r.mm = 0
    r.off_grid = 0
    r.pos = 0
    r.count = 0

cdef inline int32_t roll_slot(const roll_t* r, int32_t age) noexcept nogil:
    # Slot of the price that is `age` prices old; 0 = the newest.
    cdef int32_t i = r.pos - 1 - age
    return i if i >= 0 else i + r.size

cdef inline void roll_pair(roll_t* r, int32_t age, int64_t sign) noexcept nogil:
    # Add or remove the product of the changes into and out of the price `age + 1` old.
    cdef int32_t a = roll_slot(r, age), b = roll_slot(r, age + 1), c = roll_slot(r, age + 2)
    cdef int64_t dt1 = bounded(r.ticks[a] - r.ticks[b], <int64_t>1 << 26)
    cdef int64_t dt2 = bounded(r.ticks[b] - r.ticks[c], <int64_t>1 << 26)
    cdef int64_t dm1 = r.micro[a] - r.micro[b], dm2 = r.micro[b] - r.micro[c]
    r.tt += sign * (dt1 * dt2)
    r.tm += sign * (dt1 * dm2 + dt2 * dm1)
    r.mm += sign * (dm1 * dm2)

cdef inline void roll_push(roll_t* r, int64_t ticks, int64_t micro) noexcept nogil:
    if r.count == r.size:
        roll_pair(r, r.size - 3, -1)
        r.off_grid -= r.micro[r.pos] != 0
    else:
        r.count += 1
    r.ticks[r.pos] = ticks
    r.micro[r.pos] = micro
    r.off_grid += micro != 0
    r.pos = r.pos + 1 if r.pos + 1 < r.size else 0
    if r.count >= 3:
        roll_pair(r, 0, 1)

cdef inline void roll_replace(roll_t* r, int64_t ticks, int64_t micro) noexcept nogil:
    # Another price for the newest trade.
    cdef int32_t i = roll_slot(r, 0)
    if r.ticks[i] == ticks and r.micro[i] == micro:
        return
    if r.count >= 3:
        roll_pair(r, 0, -1)
    r.off_grid += (micro != 0) - (r.micro[i] != 0)
    r.ticks[i] = ticks
    r.micro[i] = micro
    if r.count >= 3:
        roll_pair(r, 0, 1)

cdef inline double roll_covariance(const roll_t* r) noexcept nogil:
    # ddof 1, in ticks squared; needs four prices or more (two pairs of changes).
    cdef int32_t n = r.count - 2
    cdef int32_t newest = roll_slot(r, 0), second = roll_slot(r, 1)
    cdef int32_t oldest = roll_slot(r, r.count - 1), next_oldest = roll_slot(r, r.count - 2)
    cdef int64_t sx = r.ticks[newest] - r.ticks[next_oldest]
    cdef int64_t sy = r.ticks[second] - r.ticks[oldest]
    cdef int64_t limit = <int64_t>1 << 30
    cdef double dx, dy, products
    if r.off_grid == 0 and -limit < sx < limit and -limit < sy < limit and -(limit << 20) < r.tt \
            and r.tt < limit << 20 and n <= 4096:
        return <double>(n * r.tt - sx * sy) / (<double>n * <double>(n - 1))
    dx = <double>sx + <double>(r.micro[newest] - r.micro[next_oldest]) * 1e-6
    dy = <double>sy + <double>(r.micro[second] - r.micro[oldest]) * 1e-6
    products = <double>r.tt + <double>r.tm * 1e-6 + <double>r.mm * 1e-12
    return (products - dx * dy / <double>n) / <double>(n - 1)

cdef inline double roll_value(const roll_t* r) noexcept nogil:
    # 2 sqrt(-cov) in ticks, 0 where the covariance is not negative.
    cdef double c = roll_covariance(r)
    return 2.0 * sqrt(-c) if c < 0.0 else 0.0
