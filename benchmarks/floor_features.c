/* The floor of bench_features.py: book, ten-level frame, order flow and 27 features in plain C.
 *
 * A ladder per side whose top ten levels are read anew at every packet; running sums over rings;
 * libm's exp and log; default windows only; one continuous session of LEVEL_SET and TRADE records
 * with known sides, on the grid. No resets, no sources, no faults: what a quick program would do.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t exch_ns, local_ns, mono_ns, seq, order_id;
    int32_t price_ticks, qty_lots, residual;
    uint32_t flags;
    uint16_t instrument_id, stream_id;
    uint8_t kind;
    int8_t side;
    uint16_t aux;
} event_t;

typedef struct {
    int32_t bid[10], bid_qty[10], ask[10], ask_qty[10], bids, asks;
} frame_t;

enum { SPAN = 1 << 14, RING = 1 << 20, CELLS = 300, TRADES = 200, WIDTH = 55, BARS = 20 };
static const int64_t S = 1000000000;

typedef struct { int64_t t, v[4]; } flow_t;
typedef struct { int64_t t, mid2; } mid_t;

static int32_t bid_qty[SPAN], ask_qty[SPAN];
static flow_t ofi[RING], flow[RING];
static mid_t mids[RING];

static void rescan(frame_t *f, int best_bid, int best_ask, int base) {
    f->bids = f->asks = 0;
    for (int i = best_bid; i >= 0 && f->bids < 10; i--)
        if (bid_qty[i]) { f->bid[f->bids] = base + i; f->bid_qty[f->bids++] = bid_qty[i]; }
    for (int i = best_ask; i < SPAN && f->asks < 10; i++)
        if (ask_qty[i]) { f->ask[f->asks] = base + i; f->ask_qty[f->asks++] = ask_qty[i]; }
    for (int i = f->bids; i < 10; i++) { f->bid[i] = INT32_MIN; f->bid_qty[i] = 0; }
    for (int i = f->asks; i < 10; i++) { f->ask[i] = INT32_MAX; f->ask_qty[i] = 0; }
}

static double dot(const double *w, const double *ring, int newest) {
    double sum = 0;
    for (int k = 0; k < WIDTH; k++) sum += w[k] * ring[(newest - k + WIDTH) % WIDTH];
    return sum;
}

/* Rows of 27 doubles and of 11 integers into values and whole, which hold `capacity` rows and are
   written round and round; returns the number of rows. */
int64_t floor_features(const event_t *events, int64_t count, double tick, double tick_value,
                       double *values, int64_t *whole, int64_t capacity) {
    int base = events[0].price_ticks - SPAN / 2, best_bid = -1, best_ask = SPAN;
    frame_t f, old;
    int has_frame = 0;
    int64_t rows = 0, t = events[0].exch_ns, first_t = 0, mid2 = 0, first_mid2 = 0, last_price = 0;
    uint32_t oh = 0, ot = 0, fh = 0, ft = 0, mh = 0, m1 = 0, m2 = 0;
    int64_t osum[4] = {0}, fsum = 0, session = 0;
    int64_t hawkes_t = t;
    double r_self[2] = {0}, w[WIDTH];
    double ret2[CELLS] = {0}, illiq[CELLS] = {0}, sx = 0, sy = 0, sxx = 0, sxy = 0;
    int64_t cx[CELLS] = {0}, cy[CELLS] = {0};
    int traded[CELLS] = {0}, cells = 0, cell_at = 0, started = 0;
    int64_t cell_end = (t + S - 1) / S * S, bar_end = (t + 10 * S - 1) / (10 * S) * 10 * S;
    int64_t cell_mid = 0, cell_x = 0, cell_v = 0, cell_value = 0, bar_v = 0;
    int64_t price[TRADES], pair_sum = 0;
    int64_t trades = 0, last_trade_t = -1, closes[BARS];
    int last_side = 0;
    double fp[WIDTH], fv[WIDTH], gain = 0, loss = 0, fast = 0, slow = 0, signal = 0, prev = 0;
    int64_t bars = 0;
    double row[27];
    for (int i = 0; i < 27; i++) row[i] = NAN;
    w[0] = 1;
    for (int k = 1; k < WIDTH; k++) w[k] = -w[k - 1] * (0.4 - k + 1) / k;
    memset(bid_qty, 0, sizeof bid_qty);
    memset(ask_qty, 0, sizeof ask_qty);

    for (int64_t n = 0; n < count; n++) {
        const event_t *e = events + n;
        if (e->exch_ns > t) t = e->exch_ns;
        while (t > cell_end) {
            if (started) {
                int64_t dy = mid2 - cell_mid;
                double r = dy ? log((double)mid2 / (double)cell_mid) : 0;
                sx -= cx[cell_at]; sy -= cy[cell_at];
                sxx -= (double)cx[cell_at] * cx[cell_at]; sxy -= (double)cx[cell_at] * cy[cell_at];
                cx[cell_at] = cell_x; cy[cell_at] = dy;
                sx += cell_x; sy += dy; sxx += (double)cell_x * cell_x; sxy += (double)cell_x * dy;
                ret2[cell_at] = r * r;
                traded[cell_at] = cell_v > 0;
                illiq[cell_at] = cell_v > 0 ? fabs(r) / (cell_value * tick_value) : 0;
                cell_at = (cell_at + 1) % CELLS;
                if (++cells >= CELLS) {
                    double rv = 0, il = 0, nt = 0;
                    for (int i = 0; i < CELLS; i++) { rv += ret2[i]; il += illiq[i]; nt += traded[i]; }
                    row[12] = sqrt(rv);
                    row[19] = (CELLS * sxy - sx * sy) / (CELLS * sxx - sx * sx) * 0.5 * tick;
                    row[20] = 1e9 * il / nt;
                }
            }
            if (has_frame) { started = 1; cell_mid = mid2; }
            cell_x = cell_v = cell_value = 0;
            cell_end += S;
        }
        while (t > bar_end) {
            if (has_frame) {
                double close = 0.5 * (mid2 - first_mid2), change = close - prev;
                int at = bars % WIDTH;
                prev = close;
                fp[at] = log((double)mid2 / (double)first_mid2);
                fv[at] = log(1.0 + bar_v);
                closes[bars % BARS] = mid2 - first_mid2;
                bars++;
                if (bars == 1) fast = slow = close;
                else {
                    double g = change > 0 ? change : 0, l = change < 0 ? -change : 0;
                    if (bars <= 15) { gain += g / 14; loss += l / 14; }
                    else { gain = (gain * 13 + g) / 14; loss = (loss * 13 + l) / 14; }
                    fast += 2.0 / 13 * (close - fast);
                    slow += 2.0 / 27 * (close - slow);
                    signal += 2.0 / 10 * (fast - slow - signal);
                }
                if (bars >= WIDTH) { row[22] = dot(w, fp, at); row[23] = dot(w, fv, at); }
                if (bars >= 15) row[24] = gain + loss > 0 ? 100 * gain / (gain + loss) : 50;
                if (bars >= 34) row[25] = signal;
                if (bars >= BARS) {
                    double mean = 0, var = 0;
                    for (int i = 0; i < BARS; i++) mean += closes[i];
                    mean /= BARS;
                    for (int i = 0; i < BARS; i++) var += (closes[i] - mean) * (closes[i] - mean);
                    double sd = sqrt(var / BARS);
                    row[26] = sd > 0 ? 0.5 + (closes[(bars - 1) % BARS] - mean) / (4 * sd) : 0.5;
                }
            }
            bar_v = 0;
            bar_end += 10 * S;
        }
        if (e->kind == 1) {
            int i = e->price_ticks - base;
            if (e->side > 0) {
                bid_qty[i] = e->qty_lots;
                if (e->qty_lots) { if (i > best_bid) best_bid = i; }
                else while (best_bid >= 0 && !bid_qty[best_bid]) best_bid--;
            } else {
                ask_qty[i] = e->qty_lots;
                if (e->qty_lots) { if (i < best_ask) best_ask = i; }
                else while (best_ask < SPAN && !ask_qty[best_ask]) best_ask++;
            }
        } else if (e->kind == 9) {
            int64_t q = e->qty_lots, p = e->price_ticks;
            if (last_trade_t == t && last_side == e->side) {
                if (trades >= 3) {
                    int64_t b = price[(trades - 2) % TRADES], c = price[(trades - 3) % TRADES];
                    pair_sum += (p - price[(trades - 1) % TRADES]) * (b - c);
                }
                price[(trades - 1) % TRADES] = p;
            } else {
                if (trades >= TRADES) {
                    int64_t a = price[trades % TRADES], b = price[(trades + 1) % TRADES];
                    pair_sum -= (b - a) * (price[(trades + 2) % TRADES] - b);
                }
                price[trades % TRADES] = p;
                trades++;
                if (trades >= 3) {
                    int64_t b = price[(trades - 2) % TRADES], c = price[(trades - 3) % TRADES];
                    pair_sum += (p - b) * (b - c);
                }
                double decay = exp(-5e-9 * (t - hawkes_t));
                r_self[0] *= decay; r_self[1] *= decay;
                r_self[e->side < 0] += 1;
                hawkes_t = t;
            }
            last_trade_t = t; last_side = e->side; last_price = p;
            cell_x += e->side * q; cell_v += q; cell_value += p * q; bar_v += q; session += q;
            flow[fh & (RING - 1)].t = t;
            flow[fh++ & (RING - 1)].v[0] = e->side * q;
            fsum += e->side * q;
        }
        if (!(e->flags & 1)) continue;
        rescan(&f, best_bid, best_ask, base);
        int ok = f.bids && f.asks && f.bid[0] < f.ask[0];
        double *out = values + 27 * (rows % capacity);
        if (ok) {
            int64_t now2 = (int64_t)f.bid[0] + f.ask[0];
            if (!has_frame) { has_frame = 1; first_t = t; first_mid2 = now2; }
            else {
                int64_t e1[5], v[4];
                for (int m = 0; m < 5; m++)
                    e1[m] = (f.bid[m] >= old.bid[m] ? f.bid_qty[m] : 0)
                          - (f.bid[m] <= old.bid[m] ? old.bid_qty[m] : 0)
                          - (f.ask[m] <= old.ask[m] ? f.ask_qty[m] : 0)
                          + (f.ask[m] >= old.ask[m] ? old.ask_qty[m] : 0);
                v[0] = e1[0]; v[1] = v[0] + e1[1]; v[2] = v[1] + e1[2]; v[3] = v[2] + e1[3] + e1[4];
                flow_t *o = &ofi[oh++ & (RING - 1)];
                o->t = t;
                for (int i = 0; i < 4; i++) { o->v[i] = v[i]; osum[i] += v[i]; }
            }
            if (mh == 0 || now2 != mid2) {
                mids[mh & (RING - 1)].t = t;
                mids[mh++ & (RING - 1)].mid2 = now2;
            }
            mid2 = now2;
            old = f;
            while (ot != oh && ofi[ot & (RING - 1)].t <= t - 10 * S) {
                for (int i = 0; i < 4; i++) osum[i] -= ofi[ot & (RING - 1)].v[i];
                ot++;
            }
            double qb = f.bid_qty[0], qa = f.ask_qty[0];
            row[0] = 0.5 * mid2 * tick;
            row[1] = (f.bid[0] * qa + f.ask[0] * qb) / (qa + qb) * tick;
            row[7] = (qb - qa) / (qb + qa);
            double num = 0, lean = 0, den = 0, up = 0, down = 0, weight = 1;
            for (int i = 0; i < 5 && i < f.bids && i < f.asks; i++, weight *= 0.5) {
                double b = weight * f.bid_qty[i], a = weight * f.ask_qty[i];
                num += f.bid[i] * a + f.ask[i] * b; lean += b - a; den += a + b;
            }
            row[2] = num / den * tick;
            row[8] = lean / den;
            for (int i = 0; i < 5 && i < f.bids; i++) up += f.bid_qty[i] / (0.5 * mid2 - f.bid[i]);
            for (int i = 0; i < 5 && i < f.asks; i++) down += f.ask_qty[i] / (f.ask[i] - 0.5 * mid2);
            row[9] = up - down;
            row[10] = (f.ask[0] - f.bid[0]) * tick;
            row[11] = (f.ask[0] - f.bid[0]) / (0.5 * mid2);
            if (t - first_t >= 10 * S) for (int i = 0; i < 4; i++) row[3 + i] = osum[i];
            if (t - first_t >= S) {
                while (m1 + 1 < mh && mids[(m1 + 1) & (RING - 1)].t <= t - S) m1++;
                row[13] = 0.5 * (mid2 - mids[m1 & (RING - 1)].mid2);
            }
            if (t - first_t >= 2 * S) {
                while (m2 + 1 < mh && mids[(m2 + 1) & (RING - 1)].t <= t - 2 * S) m2++;
                row[14] = 0.5 * (mid2 - 2 * mids[m1 & (RING - 1)].mid2
                                 + mids[m2 & (RING - 1)].mid2);
            }
        }
        while (ft != fh && flow[ft & (RING - 1)].t <= t - 10 * S)
            fsum -= flow[ft++ & (RING - 1)].v[0];
        double decay = exp(-5e-9 * (t - hawkes_t));
        double rb = r_self[0] * decay, rs = r_self[1] * decay;
        row[15] = 1 + 2.5 * rb + 0.5 * rs;
        row[16] = 1 + 0.5 * rb + 2.5 * rs;
        row[17] = row[15] / row[16];
        row[18] = 2.5 * (rb + rs) / (row[15] + row[16]);
        if (trades >= TRADES) {
            int64_t last = price[(trades - 1) % TRADES], second = price[(trades - 2) % TRADES];
            int64_t first = price[trades % TRADES], next = price[(trades + 1) % TRADES];
            double c = (pair_sum - (double)((last - next) * (second - first)) / (TRADES - 2))
                     / (TRADES - 3);
            row[21] = c < 0 ? 2 * sqrt(-c) * tick : 0;
        }
        memcpy(out, row, sizeof row);
        if (!ok) {
            for (int i = 0; i < 12; i++) out[i] = NAN;
            out[13] = out[14] = NAN;
        }
        int64_t *facts = whole + 11 * (rows % capacity);
        facts[0] = t; facts[1] = e->local_ns; facts[2] = n; facts[3] = fsum; facts[4] = session;
        facts[5] = f.bid[0]; facts[6] = f.ask[0]; facts[7] = f.bid_qty[0]; facts[8] = f.ask_qty[0];
        facts[9] = trades ? last_price : INT32_MIN; facts[10] = ok;
        rows++;
    }
    return rows;
}
