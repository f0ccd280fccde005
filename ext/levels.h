/* Rank, insertion and removal in a sorted list of exactly ten int32 entries, without branches.
 * SSE2 belongs to every 64-bit x86; elsewhere, or with DM_NO_SIMD, plain loops do the same. All is
 * integer, so both give the same values. The vector form stores as it loads (16, 16 and 8 bytes):
 * the next look-up then finds its data in the store buffer. */
#ifndef DREAMMAKER_LEVELS_H
#define DREAMMAKER_LEVELS_H

#include <stdint.h>

#include "bits.h"

#if !defined(DM_NO_SIMD) && (defined(__SSE2__) || defined(_M_X64))
#include <emmintrin.h>

/* Number of entries better than the key: entries (each ^ flip) fall; the last is not above key. */
static inline int dm_levels_rank(const int32_t *entries, int32_t flip, int32_t key)
{
    const __m128i flips = _mm_set1_epi32(flip);
    const __m128i keys = _mm_set1_epi32(key);
    const __m128i first = _mm_loadu_si128((const __m128i *)entries);
    const __m128i second = _mm_loadu_si128((const __m128i *)(entries + 4));
    const __m128i third = _mm_loadl_epi64((const __m128i *)(entries + 8));
    const __m128i low = _mm_packs_epi32(_mm_cmpgt_epi32(_mm_xor_si128(first, flips), keys),
                                        _mm_cmpgt_epi32(_mm_xor_si128(second, flips), keys));
    const __m128i high = _mm_packs_epi32(_mm_cmpgt_epi32(_mm_xor_si128(third, flips), keys),
                                         _mm_setzero_si128());
    /* Ones below the rank; the upper half of `third` lies above bit 9, which is 0. */
    return dm_lowest_bit(~(uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)));
}

static inline __m128i dm_pick(__m128i mask, __m128i yes, __m128i no)
{
    return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

/* Entries from the rank on move down by one, the last drops out. */
static inline void dm_levels_insert(int32_t *entries, int rank, int32_t value)
{
    const __m128i at = _mm_set1_epi32(rank);
    const __m128i values = _mm_set1_epi32(value);
    const __m128i index0 = _mm_setr_epi32(0, 1, 2, 3);
    const __m128i index1 = _mm_setr_epi32(4, 5, 6, 7);
    const __m128i index2 = _mm_setr_epi32(8, 9, 9, 9);
    const __m128i first = _mm_loadu_si128((const __m128i *)entries);
    const __m128i second = _mm_loadu_si128((const __m128i *)(entries + 4));
    const __m128i third = _mm_loadl_epi64((const __m128i *)(entries + 8));
    const __m128i moved0 = _mm_slli_si128(first, 4);
    const __m128i moved1 = _mm_or_si128(_mm_slli_si128(second, 4), _mm_srli_si128(first, 12));
    const __m128i moved2 = _mm_or_si128(_mm_slli_si128(third, 4), _mm_srli_si128(second, 12));
    const __m128i new0 = dm_pick(_mm_cmpgt_epi32(index0, at), moved0, first);
    const __m128i new1 = dm_pick(_mm_cmpgt_epi32(index1, at), moved1, second);
    const __m128i new2 = dm_pick(_mm_cmpgt_epi32(index2, at), moved2, third);
    _mm_storeu_si128((__m128i *)entries, dm_pick(_mm_cmpeq_epi32(index0, at), values, new0));
    _mm_storeu_si128((__m128i *)(entries + 4), dm_pick(_mm_cmpeq_epi32(index1, at), values, new1));
    _mm_storel_epi64((__m128i *)(entries + 8), dm_pick(_mm_cmpeq_epi32(index2, at), values, new2));
}

/* The entry at the rank goes, later ones move up by one, `last` comes at the end. */
static inline void dm_levels_remove(int32_t *entries, int rank, int32_t last)
{
    const __m128i before = _mm_set1_epi32(rank - 1);
    const __m128i index0 = _mm_setr_epi32(0, 1, 2, 3);
    const __m128i index1 = _mm_setr_epi32(4, 5, 6, 7);
    const __m128i index2 = _mm_setr_epi32(8, 9, 9, 9);
    const __m128i first = _mm_loadu_si128((const __m128i *)entries);
    const __m128i second = _mm_loadu_si128((const __m128i *)(entries + 4));
    const __m128i third = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(entries + 8)),
                                             _mm_cvtsi32_si128(last));
    const __m128i moved0 = _mm_or_si128(_mm_srli_si128(first, 4), _mm_slli_si128(second, 12));
    const __m128i moved1 = _mm_or_si128(_mm_srli_si128(second, 4), _mm_slli_si128(third, 12));
    const __m128i moved2 = _mm_srli_si128(third, 4);
    _mm_storeu_si128((__m128i *)entries,
                     dm_pick(_mm_cmpgt_epi32(index0, before), moved0, first));
    _mm_storeu_si128((__m128i *)(entries + 4),
                     dm_pick(_mm_cmpgt_epi32(index1, before), moved1, second));
    _mm_storel_epi64((__m128i *)(entries + 8),
                     dm_pick(_mm_cmpgt_epi32(index2, before), moved2, third));
}

#else

static inline int dm_levels_rank(const int32_t *entries, int32_t flip, int32_t key)
{
    int rank = 0;
    for (int i = 0; i < 10; i++)
        rank += (entries[i] ^ flip) > key;
    return rank;
}

static inline void dm_levels_insert(int32_t *entries, int rank, int32_t value)
{
    for (int i = 9; i > rank; i--)
        entries[i] = entries[i - 1];
    entries[rank] = value;
}

static inline void dm_levels_remove(int32_t *entries, int rank, int32_t last)
{
    for (int i = rank; i < 9; i++)
        entries[i] = entries[i + 1];
    entries[9] = last;
}

#endif

#endif
