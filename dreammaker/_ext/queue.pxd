# Where a resting order of ours stands in the queue at its price, by a model chosen by name.
#
# A source that shows level sizes and prints does not say whether a cancel came from before or from
# behind us. Models answer that; prints and explained decreases are handled alike for all of them:
#
# * a print at our price takes from what stands ahead, then from us;
# * a decrease of the level that a print explains moves the queue once. Within a packet the two
#   meet in either order with the same result. With `carry` (prints and depth come in streams or
#   polls of their own) prints also explain what the level lost when it is told next. A decrease
#   told packets before its print looks like a cancel and moves the queue twice: nothing in such a
#   source tells the two apart;
# * what no print explains are cancels: `risk_averse` takes all of them from behind until they
#   cannot be, `power` and `log` by the probability that a cancel came from behind,
#
#       power    f(back) / (f(back) + f(front)), f(x) = x^n
#       power_2  f(back) / f(back + front), f(x) = x^n
#       power_3  1 - f(front / (front + back)), f(x) = x^n
#       log      f(back) / (f(back) + f(front)), f(x) = log(1 + x)
#       log_2    f(back) / f(back + front), f(x) = log(1 + x)
#
#   (R. Rapoport's and E. Rigtorp's estimator, "Estimating order queue position", 2013; the five
#   functions are those of hftbacktest's ProbQueueModel). Cancels never fill an order;
# * no more stands ahead than the level shows.
#
# `fifo` knows the orders: `fifo.pxd` says which change was of an order ahead, and `queue_order`
# moves by exactly its lots.
#
# Prints that match off the visible queue (B3's RLP) must not move it. PRINTS_CONFIRMED counts of a
# print only what the level decreased by; PRINTS_SHARED, for sources without depth, counts the
# share `print_share` of every print.
#
# How a matching kernel uses it, for an order of ours with `ours` = what earlier orders of ours at
# the same price took of the same print or decrease:
#
#     queue_join      on arrival, with what the level shows (QUEUE_OUT_OF_VIEW: unknown)
#     queue_print     a print at our price and side: whole lots of it that reach us
#     queue_level     the level's size after a record that told it (also when unchanged): lots that
#                     reach us (only PRINTS_CONFIRMED has any)
#     queue_packet    at LAST, after the packet's records
#     queue_behind    after each of these, for later orders of ours at the same price
#
# The caller fills no more than remains; lots beyond it go to the next order through `ours`.
from libc.math cimport floor
from libc.stdint cimport int64_t

from dreammaker._ext.mathx cimport dm_exp, dm_log

cdef enum:
    QUEUE_RISK_AVERSE = 0
    QUEUE_POWER = 1
    QUEUE_POWER_2 = 2
    QUEUE_POWER_3 = 3
    QUEUE_LOG = 4
    QUEUE_LOG_2 = 5
    QUEUE_FIFO = 6

cdef enum:
    PRINTS_FULL = 0
    PRINTS_CONFIRMED = 1
    PRINTS_SHARED = 2

cdef enum:
    QUEUE_OUT_OF_VIEW = 2147483647

cdef struct queue_model_t:
    double n              # exponent of the power family
    double print_share    # PRINTS_SHARED: part of a print that comes out of the visible queue
    int kind              # QUEUE_*
    int prints            # PRINTS_*
    int whole_n           # n where it is whole, else 0
    int carry             # prints and depth come in packets of their own

cdef struct queue_t:
    double ahead          # lots before us, 0 or more
    double shown          # the level as last told, without us
    double printed        # of prints, what no decrease has been set against yet
    double credit         # of decreases, what no print has been set against yet
    double then_ahead     # before the credit's cancels: lots ahead,
    double then_total     # and the level
    double lowest         # the level's least size since then
    double part           # of a lot that reached us, what does not make up a lot yet
    int64_t rank          # fifo: our place in the order of arrivals
    int told              # the level was told in this packet

cdef inline queue_model_t queue_model(int kind, double n, int prints, double print_share,
                                      int carry) noexcept nogil:
    cdef queue_model_t model
    model.kind = kind
    model.n = n
    model.whole_n = <int>n if n >= 1.0 and n <= 32.0 and floor(n) == n else 0
    model.prints = prints
    model.print_share = print_share if prints == PRINTS_SHARED else 1.0
    model.carry = carry
    return model

cdef inline double queue_power(const queue_model_t* model, double x) noexcept nogil:
    cdef double y = x
    cdef int _
    if x <= 0.0:
        return 0.0
    if model.whole_n:
        for _ in range(model.whole_n - 1):
            y *= x
        return y
    return dm_exp(model.n * dm_log(x))

cdef inline double queue_behind_share(const queue_model_t* model, double front,
                                      double back) noexcept nogil:
    # Probability that a cancel came from behind us. Powers are taken of shares of the level, which
    # leaves the quotients as they are and cannot overflow.
    cdef double total = front + back
    cdef double f
    if front <= 0.0 or model.kind == QUEUE_RISK_AVERSE:
        return 1.0
    if back <= 0.0:
        return 0.0
    if model.kind == QUEUE_POWER:
        f = queue_power(model, back / total)
        return f / (f + queue_power(model, front / total))
    if model.kind == QUEUE_POWER_2:
        return queue_power(model, back / total)
    if model.kind == QUEUE_POWER_3:
        return 1.0 - queue_power(model, front / total)
    if total < 1e-9:
        # log(1 + x) of such shreds of a lot is x, and would be lost to rounding.
        return back / total
    f = dm_log(1.0 + back)
    if model.kind == QUEUE_LOG:
        return f / (f + dm_log(1.0 + front))
    return f / dm_log(1.0 + total)

cdef inline void queue_join(queue_t* q, double shown) noexcept nogil:
    # At the back of what the level shows.
    q.ahead = q.shown = q.lowest = shown
    q.printed = q.credit = q.then_ahead = q.then_total = q.part = 0.0
    q.rank = 0
    q.told = 0

cdef inline int64_t queue_reach(queue_t* q, double lots) noexcept nogil:
    # Lots that came past everybody ahead: the whole ones, the rest is kept.
    cdef double whole
    q.part += lots
    # Sums of fractions of lots fall short of a lot by rounding; a billionth is none.
    whole = floor(q.part + 1e-9)
    q.part = q.part - whole if q.part > whole else 0.0
    return <int64_t>whole

cdef inline void queue_cancels(const queue_model_t* model, queue_t* q) noexcept nogil:
    # The credit's cancels, from where it opened.
    cdef double front = q.then_ahead
    cdef double back = q.then_total - front
    cdef double behind
    if q.credit > 0.0 and model.kind != QUEUE_FIFO:
        if back < 0.0:
            back = 0.0
        behind = q.credit * queue_behind_share(model, front, back)
        if behind > back:
            behind = back
        front -= q.credit - behind
        if front < 0.0:
            front = 0.0
    q.ahead = q.lowest if front > q.lowest else front

cdef inline int64_t queue_print(const queue_model_t* model, queue_t* q, double lots,
                                double ours) noexcept nogil:
    # A print at our price; `ours` of it went to orders of ours before this one.
    cdef double counted = lots * model.print_share
    cdef double explained
    cdef double over = 0.0
    cdef double rest
    if model.kind == QUEUE_FIFO:
        # Not of an order that is shown: it passes displayed orders by unless we stand alone.
        return queue_reach(q, lots - ours) if q.shown <= 0.0 and lots > ours else 0
    explained = counted if counted < q.credit else q.credit
    rest = counted - explained
    q.printed += rest
    if model.prints == PRINTS_CONFIRMED:
        rest = 0.0
    if explained > 0.0:
        q.credit -= explained
        q.then_total -= explained
        # What went to earlier orders of ours came out of the record all the same.
        if ours < explained:
            q.then_ahead -= explained - ours
            ours = 0.0
        else:
            ours -= explained
        if q.then_ahead < 0.0:
            over = -q.then_ahead
            q.then_ahead = 0.0
        queue_cancels(model, q)
    if rest > ours:
        q.ahead -= rest - ours
        if q.ahead < 0.0:
            over -= q.ahead
            q.ahead = 0.0
    return queue_reach(q, over) if over > 0.0 else 0

cdef inline int64_t queue_level(const queue_model_t* model, queue_t* q, double shown,
                                double ours) noexcept nogil:
    # The level's size was told; `ours` of the prints it confirms went to earlier orders of ours.
    cdef double drop = q.shown - shown
    cdef double explained
    cdef double over = 0.0
    q.shown = shown
    if model.kind == QUEUE_FIFO:
        return 0
    q.told = 1
    if drop > 0.0:
        explained = q.printed if q.printed < drop else drop
        q.printed -= explained
        if q.credit <= 0.0:
            q.then_ahead = q.ahead
            q.then_total = shown + drop - explained
            q.lowest = shown
        else:
            q.then_total -= explained
            if shown < q.lowest:
                q.lowest = shown
        if model.prints == PRINTS_CONFIRMED and explained > ours:
            q.then_ahead -= explained - ours
            if q.then_ahead < 0.0:
                over = -q.then_ahead
                q.then_ahead = 0.0
        q.credit += drop - explained
        queue_cancels(model, q)
    return queue_reach(q, over) if over > 0.0 else 0

cdef inline void queue_packet(const queue_model_t* model, queue_t* q) noexcept nogil:
    # The packet ends. Only prints outlive it, with carry, until the level has been told.
    q.credit = 0.0
    if q.told or not model.carry:
        q.printed = 0.0
    q.told = 0

cdef inline void queue_behind(queue_t* q, const queue_t* earlier) noexcept nogil:
    # Who came later at a price stands behind: estimates must not change that.
    if q.ahead < earlier.ahead:
        q.ahead = earlier.ahead

cdef inline int64_t queue_order(queue_t* q, bint was_ahead, double lots, bint executed,
                                double ours) noexcept nogil:
    # fifo: `lots` of one order at our price left the book, executed or cancelled. One that stood
    # ahead makes room; an execution of one behind us would have been ours.
    if was_ahead:
        q.ahead = q.ahead - lots if q.ahead > lots else 0.0
        return 0
    return queue_reach(q, lots - ours) if executed and lots > ours else 0
