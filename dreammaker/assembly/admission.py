"""Whether a session may trade real money with the model it was given: asked here, for every mode.

``Session`` asks before it opens anything. A mode is not known to the program until `MODES` says
whether it trades real money, so that none can be added that forgets to ask.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dreammaker.assembly.config import SystemConfig
from dreammaker.assembly.model_set import ModelSet
from dreammaker.domain.errors import ConfigError, StoreError, VerificationError
from dreammaker.models.bundle import ModelBundle
from dreammaker.store.segments import file_sha256
from dreammaker.store.session import read_json, read_seal


@dataclass(frozen=True, slots=True)
class Mode:
    """What a mode of ``run.mode`` does with orders.

    Attributes
    ----------
    real_money : bool
        They reach a market.
    is_paper : bool
        They do not, but the market's data are live: its sessions count for the gate.
    """

    real_money: bool
    is_paper: bool = False


MODES: dict[str, Mode] = {
    "simulated": Mode(real_money=False),
    "replay": Mode(real_money=False),
    "paper": Mode(real_money=False, is_paper=True),
    "live": Mode(real_money=True),
}
"""Every mode that the design names, whether a configuration can choose it yet or not."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What was found about a session's model, before the session began.

    Attributes
    ----------
    bundle : str
        Content hash of the trained model; empty = none decides.
    reasons : tuple of str
        Why the model may not trade real money; empty if it may.
    paper_sessions : int
        Days on which the bundle has traded on paper.
    laxer_limits : tuple of str
        Limits of the session's own configuration that ask for less than the defaults.
    overridden : bool
        The session trades real money in spite of the reasons.
    """

    bundle: str
    reasons: tuple[str, ...]
    paper_sessions: int = 0
    laxer_limits: tuple[str, ...] = ()
    overridden: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON, as it lies in a session's header."""
        return asdict(self)

    @classmethod
    def of_past(cls, identity: Mapping[str, Any]) -> "Admission":
        """Of a session that is run again from its own records: nobody is asked twice."""
        reasons = tuple(identity.get("model_override", ()))
        return cls(identity.get("model_bundle", ""), reasons, overridden=bool(reasons))


def admit(config: SystemConfig, models: ModelSet) -> Admission:
    """Let a session begin, or refuse it.

    Parameters
    ----------
    config : SystemConfig
        Its ``run.mode`` says whether real money is at stake, ``[gate]`` has the limits,
        ``model.trade_untradable`` is the override.
    models : ModelSet
        What would decide.

    Returns
    -------
    Admission
        With ``overridden`` where it was refused and the configuration insists.

    Raises
    ------
    VerificationError
        If real money is at stake, there is a reason against the model, and no override.
    ConfigError
        If the mode is not in `MODES`.
    """
    mode = MODES.get(config.run.mode)
    if mode is None:
        raise ConfigError(f"run.mode {config.run.mode!r} does not say whether it trades real "
                          f"money; known are {', '.join(MODES)}")
    found = judged(config, models.trained, mode)
    if not (mode.real_money and found.reasons):
        return found
    if not config.model.trade_untradable:
        raise VerificationError(
            f"the model may not trade real money: {'; '.join(found.reasons)} "
            "(model.trade_untradable = true overrides this, and every report says so)")
    return Admission(found.bundle, found.reasons, found.paper_sessions, found.laxer_limits,
                     overridden=True)


def judged(config: SystemConfig, bundle: ModelBundle | None, mode: Mode) -> Admission:
    """What `admit` finds, refusing nothing.

    Parameters
    ----------
    config : SystemConfig
    bundle : ModelBundle, optional
        None where no trained model decides.
    mode : Mode
        Paper sessions are counted only for one that trades real money; others report none.
    """
    limits, laxer = config.gate, config.gate.laxer()
    if bundle is None:
        return Admission("", ("no trained model decides, so that there is none that the gate has "
                              "judged",), laxer_limits=laxer)
    paper = (paper_sessions(Path(config.run.sessions_root), bundle.content) if mode.real_money
             else 0)
    # Where no money is at stake, days on paper are still to be collected: too few are no reproach.
    enough = paper if mode.real_money else limits.min_paper_sessions
    try:
        reasons = bundle.require_tradable(limits, enough, override=True)
    except StoreError as error:
        reasons = [str(error)]
    return Admission(bundle.content, tuple(reasons), paper, laxer)


def paper_sessions(root: Path, bundle: str) -> int:
    """Days on which a bundle has traded on paper, from the folders of sessions.

    A session counts if it ended in good order, its header and summary are what was sealed, and it
    made a decision; ten on one day are one.

    Parameters
    ----------
    root : Path
        Where sessions make their folders.
    bundle : str
        Content hash.
    """
    if not root.is_dir():
        return 0
    days = (_paper_day(folder, bundle) for folder in sorted(root.iterdir()) if folder.is_dir())
    return len({day for day in days if day})


def _paper_day(folder: Path, bundle: str) -> str:
    """The session's date, or nothing where it does not count."""
    try:
        identity = read_json(folder / "session.json")["identity"]
        mode = MODES.get(identity["config"]["run"]["mode"])
        if mode is None or not mode.is_paper or identity.get("model_bundle") != bundle:
            return ""
        sealed = read_seal(folder)["files"]
        for name in ("session.json", "summary.json"):
            if sealed[name] != file_sha256(folder / name):
                return ""
        summary = read_json(folder / "summary.json")
        whole = not summary["stopped_by"] and summary["counts"]["decisions"] > 0
        return str(identity["origin"]["day"]) if whole else ""
    except (StoreError, KeyError, TypeError, OSError):
        return ""
