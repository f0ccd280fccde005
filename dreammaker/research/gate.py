"""The deployment gate: the one place that marks a bundle tradable, and that takes the mark away."""

from pathlib import Path

from dreammaker.models.bundle import ModelBundle
from dreammaker.models.bundle_files import GATE
from dreammaker.research.validate import Validation


def pass_through(bundle: ModelBundle, folder: Path, found: Validation,
                 key: bytes | None = None) -> bool:
    """Mark a bundle tradable where its validation meets every limit, else take the mark away.

    Parameters
    ----------
    bundle : ModelBundle
        As loaded from ``folder``.
    folder : Path
    found : Validation
        Of this bundle.
    key : bytes, optional
        That signs the mark.

    Returns
    -------
    bool
        Whether it is tradable now.
    """
    if found.verdict.tradable:
        bundle.mark_tradable(folder, found.verdict.to_dict(), key)
        return True
    (folder / GATE).unlink(missing_ok=True)
    return False
