# Wilder's RSI, MACD and Bollinger's %B as states that take one close at a time.
from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free

from dreammaker._ext.mathx cimport dm_nan

cdef struct rsi_t:
    double previous
    double gain
    double loss
    int64_t count                # closes seen
    int32_t period

cdef inline void rsi_init(rsi_t* s, int32_t period) noexcept nogil:
    s.period = period
    s.count = 0
    s.previous = 0.0
    s.gain = 0.0
    s.loss = 0.0

cdef inline void rsi_push(rsi_t* s, double close) noexcept nogil:
    cdef double change = close - s.previous
    cdef double gain = change if change > 0.0 else 0.0
    cdef double loss = -change if change < 0.0 else 0.0
    cdef double n = <double>s.period
    s.previous = close
    s.count += 1
    if s.count == 1:
        return
    if s.count > s.period + 1:
        s.gain = (s.gain * (n - 1.0) + gain) / n
        s.loss = (s.loss * (n - 1.0) + loss) / n
        return
    s.gain += gain
    s.loss += loss
    if s.count == s.period + 1:
        s.gain /= n
        s.loss /= n

cdef inline double rsi_value(const rsi_t* s) noexcept nogil:
    # NaN before `period` changes; 50 where nothing moved, 100 without losses.
    cdef double both = s.gain + s.loss
    if s.count <= s.period:
        return dm_nan()
    return 100.0 * (s.gain / both) if both > 0.0 else 50.0


cdef struct macd_t:
    double fast
    double slow
    double signal
    double fast_weight
    double slow_weight
    double signal_weight
    int64_t count
    int64_t first_count          # closes before the signal line is shown

cdef inline void macd_init(macd_t* s, int32_t fast, int32_t slow, int32_t signal) noexcept nogil:
    s.fast_weight = 2.0 / (<double>fast + 1.0)
    s.slow_weight = 2.0 / (<double>slow + 1.0)
    s.signal_weight = 2.0 / (<double>signal + 1.0)
    s.first_count = slow + signal - 1
    s.count = 0
    s.fast = 0.0
    s.slow = 0.0
    s.signal = 0.0

cdef inline void macd_push(macd_t* s, double close) noexcept nogil:
    s.count += 1
    if s.count == 1:
        s.fast = close
        s.slow = close
        s.signal = 0.0
        return
    s.fast += s.fast_weight * (close - s.fast)
    s.slow += s.slow_weight * (close - s.slow)
    s.signal += s.signal_weight * ((s.fast - s.slow) - s.signal)

cdef inline double macd_line(const macd_t* s) noexcept nogil:
    return s.fast - s.slow

cdef inline double macd_signal(const macd_t* s) noexcept nogil:
    return s.signal if s.count >= s.first_count else dm_nan()


# Closes are integers (half ticks from any fixed origin) below 2^23 in size, so that the sums of up
# to 1000 squares are exact.
cdef struct bollinger_t:
    int64_t* closes
    int64_t total
    int64_t squares
    double width
    int32_t size
    int32_t pos
    int32_t count

cdef inline void bollinger_clear(bollinger_t* s) noexcept nogil:
    s.total = 0
    s.squares = 0
    s.pos = 0
    s.count = 0

cdef inline int bollinger_init(bollinger_t* s, int32_t size, double width) noexcept nogil:
    s.closes = <int64_t*>calloc(size, sizeof(int64_t))
    s.size = size
    s.width = width
    bollinger_clear(s)
    return 0 if s.closes != NULL else -1

cdef inline void bollinger_free(bollinger_t* s) noexcept nogil:
    free(s.closes)
    s.closes = NULL

cdef inline void bollinger_push(bollinger_t* s, int64_t close) noexcept nogil:
    cdef int64_t limit = <int64_t>1 << 26
    close = limit if close > limit else -limit if close < -limit else close
    if s.count == s.size:
        s.total -= s.closes[s.pos]
        s.squares -= s.closes[s.pos] * s.closes[s.pos]
    else:
        s.count += 1
    s.closes[s.pos] = close
    s.total += close
    s.squares += close * close
    s.pos = s.pos + 1 if s.pos + 1 < s.size else 0

cdef inline double bollinger_value(const bollinger_t* s) noexcept nogil:
    # %B with the population deviation; NaN before `size` closes, 0.5 where nothing moved.
    cdef int64_t n = s.count
    cdef int64_t newest, spread
    cdef double deviation
    if s.count < s.size:
        return dm_nan()
    newest = s.closes[s.pos - 1 if s.pos > 0 else s.size - 1]
    # n^2 times the variance; by the bounds an exact integer for |close| < 2^23 and n <= 100.
    spread = n * s.squares - s.total * s.total
    if spread <= 0:
        return 0.5
    deviation = sqrt(<double>spread)
    return 0.5 + <double>(n * newest - s.total) / (2.0 * s.width * deviation)
