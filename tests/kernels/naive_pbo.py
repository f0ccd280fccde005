"""Combinatorially symmetric cross-validation done literally: rows joined, metrics taken anew."""

from itertools import combinations
from math import log

import numpy as np
from scipy.stats import rankdata


def sharpe(rows: np.ndarray) -> np.ndarray:
    """Mean over standard deviation, 0 for a column that stands at zero."""
    spread = rows.std(axis=0, ddof=1)
    flat = (rows == 0.0).all(axis=0)
    return np.where(flat, 0.0, rows.mean(axis=0) / np.where(flat, 1.0, spread))


def cscv(matrix: np.ndarray, blocks: int, metric=sharpe, limit: int | None = None) -> list[tuple]:
    """(best column, rank, logit, in sample, out of sample, mean out of sample) of each choice."""
    rows = np.array_split(np.arange(len(matrix)), blocks)
    found = []
    for picked in combinations(range(blocks), blocks // 2):
        if limit is not None and len(found) >= limit:
            break
        rest = [b for b in range(blocks) if b not in picked]
        inside = metric(matrix[np.concatenate([rows[b] for b in picked])])
        outside = metric(matrix[np.concatenate([rows[b] for b in rest])])
        best = int(np.argmax(inside))
        rank = float(rankdata(outside)[best])
        share = rank / (matrix.shape[1] + 1)
        found.append((best, rank, log(share / (1.0 - share)), inside[best], outside[best],
                      outside.mean()))
    return found
