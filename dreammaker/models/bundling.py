"""From fitted models to the parts of a bundle."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dreammaker.domain.errors import StoreError
from dreammaker.models.bundle import CLASSES, Member
from dreammaker.models.combination import Combination


def bundle_members(model: Any) -> tuple[tuple[Member, ...], Combination, tuple[int, ...]]:
    """Members, combination and classes of a fitted ``Ensemble``, or of one model alone.

    Parameters
    ----------
    model : Ensemble, PrimaryModel, ForestModel, LGBMClassifier or forest of scikit-learn
        With labels -1, 1 or -1, 0, 1.

    Raises
    ------
    StoreError
        If its labels are others, or the live path could not run one of its models.
    """
    classes = tuple(getattr(model, "classes_", ()))
    if classes not in CLASSES:
        raise StoreError(f"a bundle's model must have the labels -1, 1 or -1, 0, 1, had "
                         f"{', '.join(map(str, classes)) or 'none'}")
    labels = tuple(int(each) for each in classes)
    if hasattr(model, "members_") and hasattr(model, "combination_"):
        return (tuple(Member.of(name, member) for name, member in model.members_),
                model.combination_, labels)
    return (Member.of("primary", model),), Combination("soft", (1.0,)), labels


def library_versions() -> dict[str, str]:
    """Versions of what trains models and makes features, for a bundle; absent ones are left out."""
    found = {}
    for name in ("dreammaker-hft", "numpy", "lightgbm", "scikit-learn", "scipy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
