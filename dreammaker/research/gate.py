"""The deployment gate: the one place that marks a bundle tradable, and that takes the mark away.

The mark goes before anything is judged, and comes back only when everything was met and counted:
whatever happens in between, an error, a crash, a full disk, leaves a bundle that is not tradable.
"""

from pathlib import Path

from dreammaker.domain.errors import StoreError, VerificationError
from dreammaker.models.bundle import ModelBundle
from dreammaker.models.bundle_files import GATE, GATE_PART, MANIFEST
from dreammaker.models.gate import judge
from dreammaker.research.validate import Validation


def withdraw(folder: Path) -> None:
    """Take a bundle's mark away, if it has one; anything but a bundle is left alone.

    Raises
    ------
    StoreError
        If the mark is there and cannot be removed: the bundle still counts as tradable.
    """
    if not (folder / MANIFEST).is_file():
        return
    for name in (GATE, GATE_PART):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{folder / name} cannot be removed, so that the bundle keeps its "
                             f"mark: {error.strerror}") from None


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

    Raises
    ------
    VerificationError
        If the validation is of another bundle than what lies in the folder now.
    StoreError
        If the bundle is damaged, or the mark cannot be written or removed.
    """
    withdraw(folder)
    verdict = found.verdict
    if not (verdict.tradable and judge(bundle.content, verdict.evidence, verdict.limits).tradable):
        return False
    # The validation took its time: the folder may hold another bundle by now.
    there = ModelBundle.load(folder, key).content
    if not verdict.bundle_hash == bundle.content == there:
        raise VerificationError(f"the validation is of bundle {verdict.bundle_hash[:12]}, {folder} "
                                f"holds {there[:12]}: not marked")
    bundle.mark_tradable(folder, verdict.to_dict(), key)
    if ModelBundle.load(folder, key).verdict is None:
        raise StoreError(f"{folder}: the mark was written and is not there")
    return True
