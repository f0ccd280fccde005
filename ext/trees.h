/* One row through an ensemble of decision trees, without a branch that depends on the row.

   A value is first replaced by its rank: how many of its feature's thresholds lie below it. From
   then on every node is a comparison of two small integers: right where the rank exceeds the cut.
   A column is a feature with one way to treat what is missing (see DM_PLAIN and the others).

   Trees of at most 32 leaves, numbered from the left: a node that sends the row right rules out the
   leaves below its left child; what is left over at the lowest number is the exit leaf (QuickScorer,
   Lucchese et al., SIGIR 2015). With AVX-512, 32 trees take a node each at a time: permute the
   ranks, compare, OR the masks. Otherwise nodes are kept by column and cut, so that those that send
   the row right are a prefix of each column's list. Larger trees are walked, eight side by side.

   Only exit leaves depend on the path taken, and they are exact; the sums over leaves are one piece
   of code with eight fixed lanes. So every machine gives the same bits. */
#ifndef DM_TREES_H
#define DM_TREES_H

#include <stdint.h>
#include <string.h>

#define DM_TREE_BLOCK 32
#define DM_TREE_COLUMNS 64
#define DM_TREE_LANES 8

/* What a column makes of a missing value. Zero: NaN and whatever LightGBM takes for zero.
   Plain: NaN counts as 0. */
enum {
    DM_PLAIN = 0, DM_ZERO_LEFT = 1, DM_ZERO_RIGHT = 2, DM_NAN_LEFT = 3, DM_NAN_RIGHT = 4
};

/* LightGBM's kZeroThreshold: 1e-35 as a float, then a double. */
#define DM_TREE_ZERO 1.00000001800250948e-35

typedef struct {
    int32_t cut, column, left, right;   /* a leaf: left is itself, right is its leaf row */
} dm_tree_node;

typedef struct {
    uint32_t mask, tree;                /* leaves ruled out, narrow tree */
} dm_tree_entry;

typedef struct {
    int64_t features, columns, trees, narrow, wide, blocks;
    int64_t rounds;                     /* trees of one round, each for its own output */
    int64_t width;                      /* values in a leaf row */
    int64_t single;                     /* inputs are rounded to float first */
    const int64_t* first;               /* features + 1: thresholds of each feature */
    const double* thresholds;           /* ascending within a feature */
    const int64_t* grid_first;          /* features: its place in the grid, or -1 */
    const double* grid;                 /* 16 pivots, then 17 times 16 thresholds, inf at the end */
    const int32_t* column_feature;
    const uint8_t* column_kind;
    /* narrow trees */
    const int64_t* narrow_tree;         /* its number among all */
    const int64_t* narrow_leaf;         /* its first leaf row */
    const int64_t* column_prefix;       /* columns: where its prefixes begin */
    const int32_t* prefix;              /* [column_prefix[c] + rank]: end of the entries taken */
    const int32_t* entry_first;         /* columns */
    const dm_tree_entry* entries;
    const int64_t* block_first;         /* blocks + 1, in steps of 32 trees */
    const uint8_t* block_column;
    const int16_t* block_cut;
    const uint32_t* block_mask;
    /* wide trees */
    const int64_t* wide_tree;
    const int32_t* wide_root;           /* padded with the last to a multiple of eight */
    const int32_t* wide_depth;          /* of each eight */
    const dm_tree_node* nodes;
    const double* leaves;
    /* scratch */
    int32_t* ranks;                     /* columns */
    int16_t* short_ranks;               /* 64 */
    uint32_t* gone;                     /* narrow, padded to whole blocks */
    int32_t* exits;                     /* trees */
} dm_trees;

static inline int64_t dm_tree_rank(const double* thresholds, int64_t count, double value)
{
    int64_t at = 0, half;
    while (count > 0) {
        half = (count + 1) >> 1;
        at += half & -(int64_t)(thresholds[at + half - 1] < value);
        count -= half;
    }
    return at;
}

/* Columns of one feature, from the rank of its value; returns the first column of the next. */
static inline int64_t dm_tree_columns(const dm_trees* m, int64_t c, int32_t count, int32_t rank,
                                      int missing, int zero)
{
    const int32_t f = m->column_feature[c];
    int32_t value;
    for (; c < m->columns && m->column_feature[c] == f; c++) {
        switch (m->column_kind[c]) {
        case DM_ZERO_LEFT: value = zero ? 0 : rank; break;
        case DM_ZERO_RIGHT: value = zero ? count : rank; break;
        case DM_NAN_LEFT: value = missing ? 0 : rank; break;
        case DM_NAN_RIGHT: value = missing ? count : rank; break;
        default: value = rank;
        }
        m->ranks[c] = value;
    }
    return c;
}

/* What a feature's columns need of its value: missing, zero, and the value with 0 for NaN.
   LightGBM passes on no value that near zero, whatever the missing type; scikit-learn does. */
#define DM_TREE_VALUE(m, row, f, x, missing, zero) \
    x = (m)->single ? (double)(float)(row)[f] : (row)[f]; \
    missing = (x) != (x); \
    x = missing ? 0.0 : (x); \
    zero = (x) >= -DM_TREE_ZERO && (x) <= DM_TREE_ZERO; \
    x = zero && !(m)->single ? 0.0 : (x)

static void dm_tree_ranks(const dm_trees* m, const double* row)
{
    int64_t c = 0, f, count;
    double x;
    int missing, zero;
    while (c < m->columns) {
        f = m->column_feature[c];
        DM_TREE_VALUE(m, row, f, x, missing, zero);
        count = m->first[f + 1] - m->first[f];
        c = dm_tree_columns(m, c, (int32_t)count,
                            (int32_t)dm_tree_rank(m->thresholds + m->first[f], count, x),
                            missing, zero);
    }
}

static void dm_tree_prefixes(const dm_trees* m)
{
    int64_t c;
    int32_t i, end;
    uint32_t* gone = m->gone;
    const dm_tree_entry* entries = m->entries;
    memset(gone, 0, (size_t)m->narrow * sizeof(uint32_t));
    for (c = 0; c < m->columns; c++) {
        end = m->prefix[m->column_prefix[c] + m->ranks[c]];
        for (i = m->entry_first[c]; i < end; i++)
            gone[entries[i].tree] |= entries[i].mask;
    }
}

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#include <immintrin.h>

static int dm_trees_simd(void)
{
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
        return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0xe6) != 0xe6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    return (b & (1u << 16)) && (b & (1u << 30)) ? 1 : 0;
}

/* How many of 16 thresholds lie below a value. */
__attribute__((target("avx512f,avx512bw,popcnt")))
static inline int64_t dm_tree_below(const double* t, __m512d x)
{
    unsigned a = _mm512_cmp_pd_mask(_mm512_loadu_pd(t), x, _CMP_LT_OQ);
    unsigned b = _mm512_cmp_pd_mask(_mm512_loadu_pd(t + 8), x, _CMP_LT_OQ);
    return __builtin_popcount(a | b << 8);
}

/* Ranks by two looks at 16 thresholds each, where a feature has at most 256. */
__attribute__((target("avx512f,avx512bw,popcnt")))
static void dm_tree_ranks_simd(const dm_trees* m, const double* row)
{
    int64_t c = 0, f, count, rank, group;
    const double* grid;
    double x;
    int missing, zero;
    __m512d all;
    while (c < m->columns) {
        f = m->column_feature[c];
        DM_TREE_VALUE(m, row, f, x, missing, zero);
        count = m->first[f + 1] - m->first[f];
        if (m->grid_first[f] < 0) {
            rank = dm_tree_rank(m->thresholds + m->first[f], count, x);
        } else {
            grid = m->grid + m->grid_first[f];
            all = _mm512_set1_pd(x);
            group = 16 * dm_tree_below(grid, all);
            rank = group + dm_tree_below(grid + 16 + group, all);
        }
        c = dm_tree_columns(m, c, (int32_t)count, (int32_t)rank, missing, zero);
    }
}

__attribute__((target("avx512f,avx512bw")))
static void dm_tree_blocks(const dm_trees* m)
{
    int64_t b, p, c;
    __m512i low, high, index, rank, left, right;
    __mmask32 taken;
    const int one = m->columns <= 32;
    for (c = 0; c < m->columns; c++)
        m->short_ranks[c] = (int16_t)m->ranks[c];
    low = _mm512_loadu_si512((const void*)m->short_ranks);
    high = _mm512_loadu_si512((const void*)(m->short_ranks + 32));
    for (b = 0; b < m->blocks; b++) {
        left = right = _mm512_setzero_si512();
        for (p = m->block_first[b]; p < m->block_first[b + 1]; p++) {
            index = _mm512_cvtepu8_epi16(
                _mm256_loadu_si256((const __m256i*)(const void*)(m->block_column + p * 32)));
            rank = one ? _mm512_permutexvar_epi16(index, low)
                       : _mm512_permutex2var_epi16(low, index, high);
            taken = _mm512_cmpgt_epi16_mask(
                rank, _mm512_loadu_si512((const void*)(m->block_cut + p * 32)));
            left = _mm512_mask_or_epi32(
                left, (__mmask16)taken, left,
                _mm512_loadu_si512((const void*)(m->block_mask + p * 32)));
            right = _mm512_mask_or_epi32(
                right, (__mmask16)(taken >> 16), right,
                _mm512_loadu_si512((const void*)(m->block_mask + p * 32 + 16)));
        }
        _mm512_storeu_si512((void*)(m->gone + b * 32), left);
        _mm512_storeu_si512((void*)(m->gone + b * 32 + 16), right);
    }
}
#else
static int dm_trees_simd(void) { return 0; }

static void dm_tree_ranks_simd(const dm_trees* m, const double* row) { dm_tree_ranks(m, row); }

static void dm_tree_blocks(const dm_trees* m) { dm_tree_prefixes(m); }
#endif

/* Number of the lowest bit that is not set; there is always one (the last leaf is never ruled out).
   The product picks a different top five bits for each power of two. */
static inline int32_t dm_tree_lowest(uint32_t gone)
{
#if defined(__GNUC__) || defined(__clang__)
    return (int32_t)__builtin_ctz(~gone);
#else
    static const uint8_t place[32] = {
        0, 1, 28, 2, 29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4, 8,
        31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6, 11, 5, 10, 9};
    uint32_t one = ~gone & (gone + 1u);
    return place[(one * 0x077CB531u) >> 27];
#endif
}

static void dm_tree_walks(const dm_trees* m)
{
    int64_t g, i, k, groups = (m->wide + DM_TREE_LANES - 1) / DM_TREE_LANES;
    int32_t at[DM_TREE_LANES], next, step, moved;
    const dm_tree_node* node;
    for (g = 0; g < groups; g++) {
        for (k = 0; k < DM_TREE_LANES; k++)
            at[k] = m->wide_root[g * DM_TREE_LANES + k];
        for (step = 0; step < m->wide_depth[g]; step++) {
            moved = 0;
            for (k = 0; k < DM_TREE_LANES; k++) {
                node = m->nodes + at[k];
                next = -(int32_t)(m->ranks[node->column] > node->cut);
                next = node->left ^ ((node->left ^ node->right) & next);
                moved |= next ^ at[k];
                at[k] = next;
            }
            if (!moved)
                break;
        }
        for (k = 0; k < DM_TREE_LANES; k++) {
            i = g * DM_TREE_LANES + k;
            if (i < m->wide)
                m->exits[m->wide_tree[i]] = m->nodes[at[k]].right;
        }
    }
}

/* Lanes are added in pairs. */
static inline double dm_tree_lanes(const double* lane)
{
    return ((lane[0] + lane[1]) + (lane[2] + lane[3]))
        + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* Sum of one output: its j-th tree goes to lane j % 8. */
static double dm_tree_sum(const dm_trees* m, int64_t output)
{
    double lane[DM_TREE_LANES] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    const int64_t stride = m->rounds, width = m->width;
    const int64_t count = m->trees / stride;
    const double* leaves = m->leaves + (width > 1 ? output : 0);
    const int32_t* exits = m->exits + (stride > 1 ? output : 0);
    int64_t j, k;
    for (j = 0; j + DM_TREE_LANES <= count; j += DM_TREE_LANES)
        for (k = 0; k < DM_TREE_LANES; k++)
            lane[k] += leaves[exits[(j + k) * stride] * width];
    for (k = 0; j < count; j++, k++)
        lane[k] += leaves[exits[j * stride] * width];
    return dm_tree_lanes(lane);
}

/* The same for one output of narrow trees alone, without a note of the exits. */
static double dm_tree_sum_narrow(const dm_trees* m)
{
    double lane[DM_TREE_LANES] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    const uint32_t* gone = m->gone;
    const int64_t* first = m->narrow_leaf;
    const double* leaves = m->leaves;
    int64_t j, k;
    for (j = 0; j + DM_TREE_LANES <= m->narrow; j += DM_TREE_LANES)
        for (k = 0; k < DM_TREE_LANES; k++)
            lane[k] += leaves[first[j + k] + dm_tree_lowest(gone[j + k])];
    for (k = 0; j < m->narrow; j++, k++)
        lane[k] += leaves[first[j] + dm_tree_lowest(gone[j])];
    return dm_tree_lanes(lane);
}

/* Raw sums of every output for one row. */
static void dm_trees_row(const dm_trees* m, const double* row, int64_t outputs, double* out,
                         int simd)
{
    int64_t i;
    if (simd)
        dm_tree_ranks_simd(m, row);
    else
        dm_tree_ranks(m, row);
    if (m->narrow) {
        if (simd && m->blocks)
            dm_tree_blocks(m);
        else
            dm_tree_prefixes(m);
    }
    if (!m->wide && m->rounds == 1 && m->width == 1) {
        out[0] = dm_tree_sum_narrow(m);
        return;
    }
    for (i = 0; i < m->narrow; i++)
        m->exits[m->narrow_tree[i]] = (int32_t)m->narrow_leaf[i] + dm_tree_lowest(m->gone[i]);
    if (m->wide)
        dm_tree_walks(m);
    for (i = 0; i < outputs; i++)
        out[i] = dm_tree_sum(m, i);
}
#endif
