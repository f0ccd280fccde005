/* Portable positions of the lowest and highest set bit. The word must not be 0. */
#ifndef DREAMMAKER_BITS_H
#define DREAMMAKER_BITS_H

#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static __inline int dm_lowest_bit(uint64_t word)
{
    unsigned long position;
    _BitScanForward64(&position, word);
    return (int)position;
}
static __inline int dm_highest_bit(uint64_t word)
{
    unsigned long position;
    _BitScanReverse64(&position, word);
    return (int)position;
}
#define DM_UNLIKELY(condition) (condition)
#else
static inline int dm_lowest_bit(uint64_t word) { return __builtin_ctzll(word); }
static inline int dm_highest_bit(uint64_t word) { return 63 - __builtin_clzll(word); }
#define DM_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#endif

#endif
