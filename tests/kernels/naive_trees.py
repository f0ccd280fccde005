"""Decision trees walked one node at a time, in plain Python, and LightGBM's rules written out.

Sums go to eight lanes as in the kernel, so that the two must agree to the last bit.
"""

import math

import numpy as np

ZERO = float(np.float32(1e-35))


def goes_left(value, threshold, missing, default_left):
    """LightGBM's ``Tree::NumericalDecision``."""
    if math.isnan(value) and missing != 2:
        value = 0.0
    if (missing == 1 and -ZERO <= value <= ZERO) or (missing == 2 and math.isnan(value)):
        return bool(default_left)
    return value <= threshold


def exit_leaf(tree, row):
    """Leaf in which a row ends."""
    node = 0 if len(tree.feature) else ~0
    while node >= 0:
        left = goes_left(float(row[tree.feature[node]]), float(tree.threshold[node]),
                         int(tree.missing[node]), tree.default_left[node])
        node = int(tree.left[node] if left else tree.right[node])
    return ~node


def raw_sums(ensemble, row):
    """Raw sum of each output, over the divisor."""
    if ensemble.single:
        with np.errstate(over="ignore"):
            row = np.asarray(row, np.float32).astype(np.float64)
    else:
        # LightGBM's dense rows drop what is that near zero before any tree is asked.
        row = np.where(np.abs(row) <= ZERO, 0.0, row)
    found = []
    for output in range(ensemble.outputs):
        own = ensemble.trees if ensemble.rounds == 1 else ensemble.trees[output::ensemble.rounds]
        place = output if ensemble.width > 1 else 0
        lanes = [0.0] * 8
        for j, tree in enumerate(own):
            lanes[j % 8] += float(tree.values[exit_leaf(tree, row), place])
        total = (((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
                 + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7])))
        found.append(total / ensemble.divisor if ensemble.divisor != 1.0 else total)
    return found
