"""An ensemble of decision trees as plain arrays: what every reader makes and every writer takes."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import StoreError

Transform = Literal["identity", "sigmoid", "softmax", "exp"]
TRANSFORMS: tuple[Transform, ...] = ("identity", "sigmoid", "softmax", "exp")
"""From raw sums to outcomes; the index is the kernel's code."""

MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 1, 2


class Tree(NamedTuple):
    """One tree. Node 0 is the root; a tree of one leaf has no node.

    Parameters
    ----------
    feature : int32 array, shape (nodes,)
    threshold : float64 array, shape (nodes,)
        A value at or below it goes left.
    missing : uint8 array, shape (nodes,)
        What counts as missing: 0 nothing (NaN is 0), 1 zero and NaN, 2 NaN.
    default_left : bool array, shape (nodes,)
        Where missing values go.
    left, right : int32 array, shape (nodes,)
        A node, or ``~leaf``.
    values : float64 array, shape (leaves, width)

    Examples
    --------
    >>> leaf = Tree(*(np.empty(0, kind) for kind in (np.int32, float, np.uint8, bool, np.int32,
    ...                                              np.int32)), values=np.array([[0.25]]))
    >>> check_tree(leaf, 0, TreeEnsemble((leaf,), 1, 1, 1, "identity"))
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    missing: NDArray[np.uint8]
    default_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class TreeEnsemble:
    """Trees and what is made of their sums.

    Parameters
    ----------
    trees : tuple of Tree
    features : int
        Values in a row.
    outputs : int
        Values that a row gives.
    rounds : int
        Consecutive trees that belong to different outputs; 1 where a tree speaks of all.
    transform : {"identity", "sigmoid", "softmax", "exp"}
    slope : float
        Of the sigmoid.
    divisor : float
        Raw sums are divided by it first.
    single : bool
        Inputs are rounded to single precision first, as scikit-learn's trees do. Otherwise what is
        within 1e-35 of zero is zero, as LightGBM's rows have it.
    feature_names : tuple of str

    Examples
    --------
    >>> TreeEnsemble((), features=26, outputs=1, rounds=1, transform="sigmoid").binary
    True
    """

    trees: tuple[Tree, ...]
    features: int
    outputs: int
    rounds: int
    transform: Transform
    slope: float = 1.0
    divisor: float = 1.0
    single: bool = False
    feature_names: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Values in a leaf."""
        return self.outputs if self.rounds == 1 else 1

    @property
    def binary(self) -> bool:
        """Whether the one output is the probability of the second of two classes."""
        return self.outputs == 1 and self.transform == "sigmoid"


def check_tree(tree: Tree, number: int, ensemble: TreeEnsemble) -> None:
    """Refuse what is not a tree over these features.

    Raises
    ------
    StoreError
        Naming the tree and what is wrong with it.
    """
    nodes, leaves = len(tree.feature), len(tree.values)

    def bad(problem: str) -> StoreError:
        return StoreError(f"tree {number} of the model {problem}")

    if leaves != nodes + 1 or tree.values.shape != (leaves, ensemble.width):
        raise bad(f"has {nodes} nodes and leaves of shape {tree.values.shape}; one leaf more than "
                  f"nodes with {ensemble.width} value(s) each is allowed")
    if any(len(part) != nodes for part in tree[:6]):
        raise bad("has nodes whose parts differ in number")
    if not np.isfinite(tree.values).all():
        raise bad("has a leaf value that is not finite")
    if np.isnan(tree.threshold).any():
        raise bad("has a threshold that is not a number")
    if nodes and not 0 <= tree.feature.min() <= tree.feature.max() < ensemble.features:
        raise bad(f"splits on a feature outside 0..{ensemble.features - 1}")
    if nodes and tree.missing.max() > MISSING_NAN:
        raise bad("has a missing type outside 0..2")
    children = np.concatenate([tree.left, tree.right])
    expected = np.concatenate([np.arange(-leaves, 0), np.arange(1, max(nodes, 1))])
    if nodes and not np.array_equal(np.sort(children), expected):
        raise bad("does not lead to each of its nodes and leaves exactly once")
