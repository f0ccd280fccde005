"""What the house's models share with scikit-learn's estimators, without importing it."""

import inspect
from collections.abc import Iterator
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError

Floats = NDArray[np.float64]


class Splitter(Protocol):
    """Gives training and test rows, as scikit-learn's and ``validation``'s splitters do.

    Examples
    --------
    >>> class Halves:
    ...     def split(self, X, y=None, groups=None):
    ...         rows = np.arange(len(X))
    ...         yield rows[: len(X) // 2], rows[len(X) // 2:]
    >>> splitter: Splitter = Halves()
    >>> [test.tolist() for _, test in splitter.split(np.zeros((4, 1)))]
    [[2, 3]]
    """

    def split(self, X: Any, y: Any = None, groups: Any = None
              ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield (training rows, test rows)."""
        ...


class Classifier:
    """Parameters by name, so that scikit-learn can clone and search over a model.

    Subclasses store each parameter of ``__init__`` under its own name and nothing else there, and
    set ``classes_`` in ``fit``.

    Examples
    --------
    >>> class Coin(Classifier):
    ...     def __init__(self, heads=0.5):
    ...         self.heads = heads
    >>> Coin().set_params(heads=0.75)
    Coin(heads=0.75)
    """

    classes_: NDArray[Any]

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of the model, with those of its parts where ``deep``."""
        found = {name: getattr(self, name) for name in self._names()}
        if deep:
            for name, value in list(found.items()):
                if hasattr(value, "get_params") and not isinstance(value, type):
                    found |= {f"{name}__{key}": part for key, part in value.get_params().items()}
        return found

    def set_params(self, **values: Any) -> Self:
        """Change parameters; ``part__name`` reaches into a part.

        Raises
        ------
        InputError
            If a name is unknown.
        """
        for name, value in values.items():
            own, _, rest = name.partition("__")
            if own not in self._names():
                raise InputError(f"{type(self).__name__} has no parameter {own!r}; it has "
                                 f"{', '.join(self._names())}")
            if rest:
                getattr(self, own).set_params(**{rest: value})
            else:
                setattr(self, own, value)
        return self

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names())
        return f"{type(self).__name__}({shown})"

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(estimator_type="classifier", target_tags=TargetTags(required=True),
                    classifier_tags=ClassifierTags(), input_tags=InputTags(allow_nan=True))

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of ``classes_``; float64 array of shape (n, classes)."""
        raise AssertionError("a subclass predicts")

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row."""
        found: NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return found

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of rows whose class is right, weighted where weights are given."""
        return float(np.average(self.predict(X) == np.asarray(y), weights=sample_weight))


def matrix(X: Any) -> Floats:
    """Rows as a contiguous float64 matrix (from an array or a DataFrame).

    Raises
    ------
    InputError
        If it has no rows, or is no table of numbers.
    """
    try:
        found = np.ascontiguousarray(X, np.float64)
    except (TypeError, ValueError):
        raise InputError("X must be a table of numbers") from None
    if found.ndim != 2 or not found.size:
        raise InputError(f"X must be a table of at least one row and column, had shape "
                         f"{found.shape}")
    return found


def labels(y: Any, rows: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Classes in order, and the number of each row's class.

    Raises
    ------
    InputError
        If there is not one label a row, or fewer than two classes.
    """
    given = np.asarray(y)
    if given.shape != (rows,):
        raise InputError(f"y must have one label for each of the {rows} rows, had shape "
                         f"{given.shape}")
    classes, number = np.unique(given, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"y must have at least two classes, had only {classes.tolist()}")
    return classes, number.astype(np.int64)


def weights(sample_weight: Any, rows: int) -> Floats | None:
    """Sample weights, or None.

    Raises
    ------
    InputError
        If there is not one a row, one is negative or not finite, or all are 0.
    """
    if sample_weight is None:
        return None
    found = np.asarray(sample_weight, np.float64)
    if found.shape != (rows,) or not np.isfinite(found).all() or (found < 0).any() or (
            not found.any()):
        raise InputError(f"sample_weight must have one finite number of at least 0 for each of the "
                         f"{rows} rows, not all 0")
    return found


def check_classifier(estimator: Any) -> None:
    """Refuse what cannot be cloned, fitted and asked for probabilities.

    Raises
    ------
    InputError
        Naming what is missing.

    Examples
    --------
    >>> check_classifier(3)
    Traceback (most recent call last):
    dreammaker.domain.errors.InputError: a model must have fit, predict_proba and get_params, as \
scikit-learn's classifiers do; int has no fit
    """
    if isinstance(estimator, type):
        raise InputError("a model must be an estimator, not its class: give "
                         f"{estimator.__name__}()")
    for name in ("fit", "predict_proba", "get_params"):
        if not callable(getattr(estimator, name, None)):
            raise InputError("a model must have fit, predict_proba and get_params, as "
                             f"scikit-learn's classifiers do; {type(estimator).__name__} has no "
                             f"{name}")


def fitted_clone(estimator: Any, X: Floats, y: NDArray[Any], sample_weight: Floats | None) -> Any:
    """A fresh copy of an estimator, fitted.

    Weights go where they are understood: to ``sample_weight`` of ``fit``, in a Pipeline to that of
    its last step, in a search to that of what it searches over. An estimator without the parameter
    learns without them.
    """
    from sklearn.base import clone

    name = None if sample_weight is None else _weight_name(estimator)
    return clone(estimator).fit(X, y, **({} if name is None else {name: sample_weight}))


def _weight_name(estimator: Any) -> str | None:
    steps = getattr(estimator, "steps", None)
    if steps:
        name, last = steps[-1]
        inner = _weight_name(last) if hasattr(last, "fit") else None
        return None if inner is None else f"{name}__{inner}"
    parameters = inspect.signature(estimator.fit).parameters
    if "sample_weight" in parameters:
        return "sample_weight"
    searched = getattr(estimator, "estimator", None)
    return None if searched is None else _weight_name(searched)


def out_of_fold(estimator: Any, X: Any, y: NDArray[Any], classes: NDArray[Any],
                sample_weight: Floats | None, cv: Splitter) -> Floats:
    """Probabilities of rows by models that were not trained on them.

    Parameters
    ----------
    X : array or DataFrame
        As the splitter wants it.
    cv : Splitter
        Where it tests a row several times, the mean is taken.

    Returns
    -------
    float64 array, shape (n, classes)
        NaN where a row was never tested.

    Raises
    ------
    InputError
        If a training fold lacks a class.
    """
    table = matrix(X)
    total, count = np.zeros((len(table), len(classes))), np.zeros(len(table))
    for train, test in cv.split(X, y):
        part = None if sample_weight is None else sample_weight[train]
        known = np.unique(y[train])
        if not np.array_equal(known, classes):
            raise InputError(f"a training fold of {len(train)} rows has the classes "
                             f"{known.tolist()}, not all of {classes.tolist()}; use fewer folds or "
                             "more data")
        model = fitted_clone(estimator, table[train], y[train], part)
        total[test] += model.predict_proba(table[test])
        count[test] += 1
    with np.errstate(invalid="ignore"):
        return total / count[:, None]
