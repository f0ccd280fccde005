"""Features that stand in for one another, in clusters (Lopez de Prado 2020, chapter 6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError
from dreammaker.research.information import standardised_ranks

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clusters:
    """A partition of features.

    Attributes
    ----------
    groups : tuple of tuple of str
        Names in the order of the columns.
    correlation : float64 array, shape (features, features)
        Spearman's, over the rows where both are known; 0 where that cannot be said.
    silhouette : float
        Mean over the features, in [-1, 1]; NaN where there is only one cluster or every feature
        is its own.

    Examples
    --------
    >>> X = np.random.default_rng(1).normal(size=(200, 3))
    >>> X[:, 1] = X[:, 0] + 0.1 * X[:, 1]
    >>> feature_clusters(X, ["a", "b", "c"], count=2).groups
    (('a', 'b'), ('c',))
    """

    groups: tuple[tuple[str, ...], ...]
    correlation: Floats
    silhouette: float


def rank_correlation(X: Floats) -> Floats:
    """Spearman's correlation of every pair of columns, over the rows where both are known.

    Returns
    -------
    float64 array, shape (features, features)
        0 where one column is constant or they have fewer than three rows in common.
    """
    count = X.shape[1]
    found = np.eye(count)
    known = ~np.isnan(X)
    whole = np.asarray(known.all(axis=0))
    ranks = np.zeros_like(X)
    for i in np.flatnonzero(whole).tolist():
        ranks[:, i] = standardised_ranks(X[:, i])
    for i in range(count):
        for j in range(i + 1, count):
            if whole[i] and whole[j]:
                u, v = ranks[:, i], ranks[:, j]
            else:
                both = known[:, i] & known[:, j]
                if both.sum() < 3:
                    continue
                u, v = standardised_ranks(X[both, i]), standardised_ranks(X[both, j])
            found[i, j] = found[j, i] = float(u @ v) / max(len(u), 1)
    return np.clip(found, -1.0, 1.0)


def feature_clusters(X: Floats, names: Sequence[str], count: int | None = None) -> Clusters:
    """Cluster features hierarchically by the distance ``sqrt((1 - abs(rho)) / 2)``.

    Average linkage. The sign does not matter: a tree uses a feature and its negative alike.

    Parameters
    ----------
    X : float64 array, shape (n, features)
        NaN where a feature is not known.
    names : sequence of str
    count : int, optional
        Clusters; the number with the largest mean silhouette where not given.

    Raises
    ------
    InputError
        If names do not fit the columns or repeat, or `count` is no whole number between 1 and
        theirs.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> a, b = rng.standard_normal((2, 400))
    >>> X = np.column_stack([a, b, -a + 0.1 * rng.standard_normal(400)])
    >>> feature_clusters(X, ["a", "b", "minus_a"]).groups
    (('a', 'minus_a'), ('b',))
    """
    X = np.asarray(X, np.float64)
    if X.ndim != 2:
        raise InputError(f"X must have two dimensions, had shape {X.shape}")
    features = X.shape[1]
    if len(names) != features or not features:
        raise InputError(f"names must have one entry a column, {features}, had {len(names)}")
    if len(set(names)) < features:
        raise InputError("names must differ from one another")
    if count is not None and not (count == int(count) and 1 <= count <= features):
        raise InputError(f"count must be a whole number in [1, {features}], was {count}")
    correlation = rank_correlation(X)
    if features == 1:
        return Clusters(((names[0],),), correlation, float("nan"))
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distance = np.sqrt((1.0 - np.abs(correlation)) / 2.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average")
    tried = [count] if count is not None else list(range(2, features)) or [2]
    best: tuple[float, NDArray[np.int64]] | None = None
    for number in tried:
        labels = np.asarray(fcluster(tree, number, "maxclust"), np.int64)
        quality = _silhouette(distance, labels)
        if best is None or (quality == quality and not best[0] >= quality):
            best = quality, labels
    assert best is not None
    _, first = np.unique(best[1], return_index=True)
    groups = tuple(tuple(names[i] for i in np.flatnonzero(best[1] == best[1][at]).tolist())
                   for at in np.sort(first))
    return Clusters(groups, correlation, best[0])


def _silhouette(distance: Floats, labels: NDArray[np.int64]) -> float:
    """Mean of (b - a) / max(a, b); a feature alone in its cluster has 0 (Rousseeuw 1987)."""
    values = np.unique(labels)
    if not 1 < len(values) < len(labels):
        return float("nan")
    scores = np.zeros(len(labels))
    for i, own in enumerate(labels):
        mates = labels == own
        if mates.sum() == 1:
            continue
        inside = distance[i, mates].sum() / (mates.sum() - 1)
        nearest = min(distance[i, labels == other].mean() for other in values if other != own)
        scores[i] = (nearest - inside) / max(inside, nearest, 1e-300)
    return float(scores.mean())
