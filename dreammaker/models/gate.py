"""Whether a model may be traded: limits, evidence, verdict, and what live asks before it starts.

Only ``validate --gate`` gives a verdict. It names the bundle by its content hash, so a verdict does
not outlive a change of the model.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import field as plain_field
from math import isfinite, nan
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked

from dreammaker.domain.errors import StoreError, VerificationError

VERDICT_VERSION = 2


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class GateConfig:
    """What a model must show before it may be traded.

    Parameters
    ----------
    max_pbo : float
        Most probability of backtest overfitting over the trials and their placebos.
    max_pbo_among_trials : float
        The same among the trials alone, as Bailey et al. define it; about 1/2 where all trials
        found the same edge. 1 = not asked.
    min_dsr : float
        Least deflated Sharpe ratio on the daily net profit.
    min_net_lower_bound : float
        The one-sided 95 % lower bound of the net profit must be above this, in the currency.
    min_sessions : int
        Least sessions in the validation.
    min_paper_sessions : int
        Least sessions on paper before live.
    """

    max_pbo: Annotated[float, Field(ge=0, le=1)] = 0.2
    max_pbo_among_trials: Annotated[float, Field(ge=0, le=1)] = 1.0
    min_dsr: Annotated[float, Field(ge=0, le=1)] = 0.95
    min_net_lower_bound: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    min_sessions: Annotated[int, Field(ge=1, le=100_000)] = 60
    min_paper_sessions: Annotated[int, Field(ge=0, le=100_000)] = 10

    def laxer(self) -> tuple[str, ...]:
        """Limits that ask for less than the defaults do, one phrase each.

        Examples
        --------
        >>> GateConfig(max_pbo=0.5, min_sessions=90).laxer()
        ('max_pbo 0.5 instead of 0.2',)
        """
        own, usual = asdict(self), asdict(GateConfig())
        return tuple(f"{name} {value:g} instead of {usual[name]:g}" for name, value in own.items()
                     if (value > usual[name] if name.startswith("max_") else value < usual[name]))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What validation found. NaN is what could not be found, and never passes.

    Attributes
    ----------
    pbo, dsr, net_lower_bound, net : float
        The last two in the currency, for one lot.
    sessions : int
    trials : int
        Configurations tried on the symbol, manual ones included.
    pbo_among_trials : float
        Bailey's, without placebos.
    """

    pbo: float
    dsr: float
    net_lower_bound: float
    net: float
    sessions: int
    trials: int
    pbo_among_trials: float = nan


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """A judgement on one bundle.

    Attributes
    ----------
    bundle_hash : str
        Content hash of what was judged.
    tradable : bool
    reasons : tuple of str
        Why not, one sentence each; empty if tradable.
    evidence : Evidence
    limits : GateConfig
    """

    bundle_hash: str
    tradable: bool
    reasons: tuple[str, ...]
    evidence: Evidence
    limits: GateConfig = plain_field(default_factory=GateConfig)

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON, as it is stored beside a bundle; what is unknown is None."""
        found: dict[str, Any] = _plain({"version": VERDICT_VERSION, **asdict(self),
                                        "laxer_limits": self.limits.laxer()})
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GateVerdict":
        """Back from `to_dict`.

        Raises
        ------
        StoreError
            If it is no verdict, or of another version.
        """
        if values.get("version") != VERDICT_VERSION:
            raise StoreError("the gate's verdict is of another version; run validate --gate again")
        try:
            found: dict[str, Any] = {key: float("nan") if value is None else value
                                     for key, value in values["evidence"].items()}
            return cls(values["bundle_hash"], bool(values["tradable"]), tuple(values["reasons"]),
                       Evidence(**found), GateConfig(**values["limits"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise StoreError("the gate's verdict is damaged") from None


def judge(bundle_hash: str, evidence: Evidence, limits: GateConfig | None = None) -> GateVerdict:
    """Compare evidence with limits; whatever is unknown fails.

    Examples
    --------
    >>> judge("ab", Evidence(0.1, 0.97, 12.0, 90.0, 59, 8)).reasons
    ('sessions: 59, must be at least 60',)
    """
    limits = limits or GateConfig()
    reasons: list[str] = []
    if not evidence.pbo <= limits.max_pbo:
        reasons.append(_unmet("PBO", evidence.pbo, "at most", limits.max_pbo,
                              "two trials or more that bet on these days, none of them from a "
                              "list of an older version"))
    among = limits.max_pbo_among_trials
    if among < 1.0 and not evidence.pbo_among_trials <= among:
        reasons.append(_unmet("PBO among trials", evidence.pbo_among_trials, "at most", among,
                              "two trials or more that bet on these days"))
    if not evidence.dsr >= limits.min_dsr:
        reasons.append(_unmet("DSR", evidence.dsr, "at least", limits.min_dsr,
                              "two sessions or more of varying profit"))
    if not evidence.net_lower_bound > limits.min_net_lower_bound:
        reasons.append(_unmet("95 % lower bound of the net profit", evidence.net_lower_bound,
                              "above", limits.min_net_lower_bound, "five sessions or more"))
    if not evidence.sessions >= limits.min_sessions:
        reasons.append(f"sessions: {evidence.sessions}, must be at least {limits.min_sessions}")
    return GateVerdict(bundle_hash, not reasons, tuple(reasons), evidence, limits)


def live_refusals(verdict: GateVerdict | None, bundle_hash: str, paper_sessions: int,
                  limits: GateConfig | None = None) -> list[str]:
    """Why a bundle may not be traded live; empty if it may.

    Parameters
    ----------
    verdict : GateVerdict, optional
        What the gate said, if it was asked.
    bundle_hash : str
        Of the bundle that would trade.
    paper_sessions : int
        Sessions that this bundle has traded on paper.
    limits : GateConfig, optional
        Of the configuration. The verdict's evidence is judged by them anew, so limits that were
        lowered for the verdict do not count.
    """
    limits = limits or GateConfig()
    if verdict is None:
        return ["the bundle has no verdict; run: dreammaker validate BUNDLE --gate"]
    if verdict.bundle_hash != bundle_hash:
        return [f"the verdict is of another bundle ({verdict.bundle_hash[:12]}, not "
                f"{bundle_hash[:12]})"]
    reasons = list(judge(bundle_hash, verdict.evidence, limits).reasons)
    if not verdict.tradable and not reasons:
        reasons = list(verdict.reasons)
    if paper_sessions < limits.min_paper_sessions:
        reasons.append(f"paper sessions: {paper_sessions}, must be at least "
                       f"{limits.min_paper_sessions}")
    return reasons


def require_tradable(verdict: GateVerdict | None, bundle_hash: str, paper_sessions: int,
                     limits: GateConfig | None = None, *, override: bool = False) -> list[str]:
    """Refuse a bundle that may not be traded live, unless told otherwise in so many words.

    Returns
    -------
    list of str
        What was overridden: the caller logs it and shows it for as long as the session runs.

    Raises
    ------
    VerificationError
        If there is a reason and no override.
    """
    reasons = live_refusals(verdict, bundle_hash, paper_sessions, limits)
    if reasons and not override:
        raise VerificationError("the model may not be traded live: " + "; ".join(reasons))
    return reasons


def _unmet(name: str, value: float, rule: str, limit: float, needs: str) -> str:
    if not isfinite(value):
        return f"{name}: unknown, needs {needs}"
    return f"{name}: {value:.4g}, must be {rule} {limit:g}"


def _plain(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _plain(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_plain(value) for value in values]
    return None if isinstance(values, float) and not isfinite(values) else values
