"""Lays an ensemble out for the prediction kernel (see ``ext/trees.h`` for what is where and why).

Ranks and cuts: node n with threshold t over a feature whose sorted unique thresholds are T has the
cut k with T[k] = t, and a value v has the rank #{T < v}. Then v <= t exactly where rank <= k, for
every v that is not NaN: no threshold is rounded or moved.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dreammaker.models.tree_ensemble import MISSING_NAN, MISSING_NONE, Tree, TreeEnsemble

NARROW_LEAVES = 32
BLOCK_TREES = 32
BLOCK_COLUMNS = 64
_LANES = 8
_GRID = 16
_NEVER = 32767
"""A cut that no rank of a narrow tree exceeds."""

Arrays = dict[str, NDArray[np.generic]]


def flatten(ensemble: TreeEnsemble) -> Arrays:
    """Arrays for ``dreammaker._ext.trees.Trees``.

    Parameters
    ----------
    ensemble : TreeEnsemble
        Checked by ``check_tree``.

    Returns
    -------
    dict of str to array
        One-dimensional and contiguous. Time O(N log N) in the number of nodes.
    """
    columns, numbered = _columns(ensemble)
    ordered = [_from_the_left(tree) for tree in ensemble.trees]
    leaf_first = np.cumsum([0] + [len(tree.values) for tree in ensemble.trees])
    few = np.diff(columns["first"]).max(initial=0) < _NEVER
    narrow = [i for i, tree in enumerate(ensemble.trees)
              if few and len(tree.values) <= NARROW_LEAVES]
    wide = sorted(set(range(len(ensemble.trees))) - set(narrow))
    leaves = np.concatenate([tree.values[order] for tree, (order, _, _) in
                             zip(ensemble.trees, ordered, strict=True)]).ravel()
    spans = [(begin, middle) for _, begin, middle in ordered]
    return {
        **columns,
        **_grids(columns),
        "narrow_tree": np.array(narrow, np.int64),
        "narrow_leaf": leaf_first[narrow].astype(np.int64),
        **_prefixes(columns, [(numbered[i], spans[i]) for i in narrow]),
        **_blocks(len(columns["column_feature"]), [(numbered[i], spans[i]) for i in narrow]),
        **_walks(ensemble.trees, wide, numbered, [order for order, _, _ in ordered], leaf_first),
        "leaves": leaves,
    }


Cuts = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Column and cut of each node of a tree."""

Spans = tuple[NDArray[np.int64], NDArray[np.int64]]
"""First leaf below each node, and first leaf of its right child."""


def _columns(ensemble: TreeEnsemble) -> tuple[Arrays, list[Cuts]]:
    """Thresholds by feature, columns, and each node's column and cut."""
    def joined(name: str, kind: type[np.generic]) -> NDArray[np.generic]:
        return np.concatenate([np.empty(0, kind), *(getattr(t, name) for t in ensemble.trees)])

    feature, threshold = joined("feature", np.int32), joined("threshold", np.float64)
    missing, left = joined("missing", np.uint8), joined("default_left", np.bool_)
    # Where nothing is missing, the direction for what is missing says nothing.
    kind = np.where(missing == MISSING_NONE, 0,
                    np.where(missing == MISSING_NAN, 3, 1) + (left == 0)).astype(np.uint8)
    cut = np.empty(len(feature), np.int32)
    by_feature = []
    for f in range(ensemble.features):
        here = feature == f
        unique, position = np.unique(threshold[here], return_inverse=True)
        cut[here] = position
        by_feature.append(unique)
    pairs, column = np.unique(feature.astype(np.int64) * 8 + kind, return_inverse=True)
    bounds = np.cumsum([0] + [len(tree.feature) for tree in ensemble.trees])
    return {
        "first": np.cumsum([0] + [len(unique) for unique in by_feature]).astype(np.int64),
        "thresholds": np.concatenate(by_feature),
        "column_feature": (pairs // 8).astype(np.int32),
        "column_kind": (pairs % 8).astype(np.uint8),
    }, [(column[a:b].astype(np.int32), cut[a:b]) for a, b in pairwise(bounds)]


def _grids(columns: Arrays) -> Arrays:
    """Each feature's thresholds in 16 groups of 16 with the last of each as its pivot."""
    first, thresholds = columns["first"], columns["thresholds"]
    places, parts, size = [], [np.empty(0)], 0
    for begin, end in pairwise(first):
        if not 0 < end - begin <= _GRID * _GRID:
            places.append(-1)
            continue
        groups = np.full((_GRID + 1, _GRID), np.inf)
        groups.ravel()[:end - begin] = thresholds[begin:end]
        parts.append(np.concatenate([groups[:_GRID, -1], groups.ravel()]))
        places.append(size)
        size += parts[-1].size
    return {"grid_first": np.array(places, np.int64), "grid": _aligned(np.concatenate(parts))}


def _from_the_left(tree: Tree) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Leaves from left to right; of each node the first leaf and the first of its right child."""
    left, right = tree.left.tolist(), tree.right.tolist()
    order: list[int] = []
    begin, middle = [0] * len(left), [0] * len(left)
    # A node is met twice: on the way down, and between its children.
    stack: list[tuple[int, bool]] = [(0 if left else ~0, False)]
    while stack:
        at, between = stack.pop()
        if at < 0:
            order.append(~at)
        elif between:
            middle[at] = len(order)
            stack.append((right[at], False))
        else:
            begin[at] = len(order)
            stack += [(at, True), (left[at], False)]
    return np.array(order, np.int64), np.array(begin, np.int64), np.array(middle, np.int64)


def _masks(spans: Spans) -> NDArray[np.uint32]:
    """Bits of the leaves below each node's left child."""
    begin, middle = (part.astype(np.uint64) for part in spans)
    one = np.uint64(1)
    return ((one << middle) - (one << begin)).astype(np.uint32)


def _prefixes(columns: Arrays, trees: list[tuple[Cuts, Spans]]) -> Arrays:
    """Nodes by column and cut: those that send a rank right are the first of their column."""
    column = np.concatenate([np.empty(0, np.int32), *(cuts[0] for cuts, _ in trees)])
    cut = np.concatenate([np.empty(0, np.int32), *(cuts[1] for cuts, _ in trees)])
    mask = np.concatenate([np.empty(0, np.uint32), *(_masks(spans) for _, spans in trees)])
    tree = np.repeat(np.arange(len(trees), dtype=np.uint32), [len(cuts[0]) for cuts, _ in trees])
    order = np.lexsort((tree, cut, column))
    entries = np.stack([mask[order], tree[order]], axis=1).astype(np.uint32).ravel()
    sizes = np.diff(columns["first"])[columns["column_feature"]]
    firsts = np.searchsorted(column[order], np.arange(len(sizes)))
    prefix = [np.empty(0, np.int32)]
    for c, size in enumerate(sizes):
        cuts = cut[column == c]
        prefix.append(firsts[c] + np.searchsorted(np.sort(cuts), np.arange(size + 1)))
    return {"column_prefix": np.cumsum([0, *(sizes + 1)]).astype(np.int64),
            "prefix": np.concatenate(prefix).astype(np.int32),
            "entry_first": firsts.astype(np.int32), "entries": entries}


def _blocks(columns: int, trees: list[tuple[Cuts, Spans]]) -> Arrays:
    """The same trees, 32 at a time and node by node; none where there are too many columns."""
    groups = ([] if columns > BLOCK_COLUMNS else
              [trees[i:i + BLOCK_TREES] for i in range(0, len(trees), BLOCK_TREES)])
    steps = [max(len(cuts[0]) for cuts, _ in group) for group in groups]
    first = np.cumsum([0, *steps])
    shape = (int(first[-1]), BLOCK_TREES)
    column, cut = np.zeros(shape, np.uint8), np.full(shape, _NEVER, np.int16)
    mask = np.zeros(shape, np.uint32)
    for group, begin in zip(groups, first[:-1], strict=True):
        for place, ((columns_of, cuts_of), spans) in enumerate(group):
            rows = slice(begin, begin + len(columns_of))
            column[rows, place], cut[rows, place] = columns_of, cuts_of
            mask[rows, place] = _masks(spans)
    return {"block_first": first.astype(np.int64), "block_column": _aligned(column),
            "block_cut": _aligned(cut), "block_mask": _aligned(mask)}


def _walks(trees: tuple[Tree, ...], wide: list[int], numbered: list[Cuts],
           orders: list[NDArray[np.int64]], leaf_first: NDArray[np.int64]) -> Arrays:
    """Nodes of the larger trees, eight trees a group; a leaf leads back to itself."""
    parts, roots, depths = [np.empty((0, 4), np.int32)], [], []
    base = 0
    for i in wide:
        tree, (column, cut), order = trees[i], numbered[i], orders[i]
        nodes = len(tree.feature)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        table = np.zeros((nodes + len(order), 4), np.int32)
        table[:nodes, 0], table[:nodes, 1] = cut, column
        for side, child in ((2, tree.left), (3, tree.right)):
            table[:nodes, side] = base + np.where(
                child < 0, nodes + place[np.where(child < 0, ~child, 0)], child)
        table[nodes:, 0] = np.iinfo(np.int32).max
        table[nodes:, 2] = base + nodes + np.arange(len(order))
        table[nodes:, 3] = leaf_first[i] + np.arange(len(order))
        parts.append(table)
        roots.append(base)
        depths.append(_depth(tree))
        base += len(table)
    roots += roots[-1:] * (-len(roots) % _LANES)
    deepest = [max(depths[i:i + _LANES]) for i in range(0, len(depths), _LANES)]
    return {"wide_tree": np.array(wide, np.int64), "wide_root": np.array(roots, np.int32),
            "wide_depth": np.array(deepest, np.int32), "nodes": np.concatenate(parts).ravel()}


def _depth(tree: Tree) -> int:
    depth, level = 0, np.zeros(min(len(tree.feature), 1), np.int64)
    while level.size:
        depth += 1
        below = np.concatenate([tree.left[level], tree.right[level]])
        level = below[below >= 0].astype(np.int64)
    return depth


def _aligned(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """A flat copy that starts at a cache line."""
    flat = values.ravel()
    raw = np.zeros(flat.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    found = raw[start:start + flat.nbytes].view(flat.dtype)
    found[:] = flat
    return found
