/* The least an order book of level-set records has to do, in plain C: one dense array a side over
 * the whole price range of the stream, the best price tracked by stepping. Writes the best bid and
 * ask after every record, as the kernel does: ticks and lots, bid then ask; no price and 0 lots
 * where a side is empty. Returns 0, or -1 where the range is too small. */
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    int64_t exch_ns, local_ns, mono_ns, seq, order_id;
    int32_t price_ticks, qty_lots, residual_microticks;
    uint32_t flags;
    uint16_t instrument_id, stream_id;
    uint8_t kind;
    int8_t side;
    uint16_t aux;
} event_t;

enum { LEVEL_SET = 1 };

int floor_book(const event_t *events, int64_t count, int32_t low, int32_t high,
               int32_t *restrict ticks, int32_t *restrict qty)
{
    const int64_t span = (int64_t)high - low + 1;
    int32_t *bids = calloc((size_t)span, sizeof(int32_t));
    int32_t *asks = calloc((size_t)span, sizeof(int32_t));
    int64_t best_bid = -1, best_ask = span;
    if (bids == NULL || asks == NULL) {
        free(bids);
        free(asks);
        return -1;
    }
    for (int64_t i = 0; i < count; i++) {
        const event_t *event = &events[i];
        if (event->kind == LEVEL_SET) {
            const int64_t price = (int64_t)event->price_ticks - low;
            const int32_t lots = event->qty_lots;
            if (price < 0 || price >= span) {
                free(bids);
                free(asks);
                return -1;
            }
            if (event->side > 0) {
                bids[price] = lots;
                if (lots != 0) {
                    if (price > best_bid)
                        best_bid = price;
                } else if (price == best_bid) {
                    while (best_bid >= 0 && bids[best_bid] == 0)
                        best_bid--;
                }
            } else {
                asks[price] = lots;
                if (lots != 0) {
                    if (price < best_ask)
                        best_ask = price;
                } else if (price == best_ask) {
                    while (best_ask < span && asks[best_ask] == 0)
                        best_ask++;
                }
            }
        }
        ticks[2 * i] = best_bid >= 0 ? (int32_t)best_bid + low : INT32_MIN;
        ticks[2 * i + 1] = best_ask < span ? (int32_t)best_ask + low : INT32_MAX;
        qty[2 * i] = best_bid >= 0 ? bids[best_bid] : 0;
        qty[2 * i + 1] = best_ask < span ? asks[best_ask] : 0;
    }
    free(bids);
    free(asks);
    return 0;
}
