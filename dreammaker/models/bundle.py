"""A model bundle: everything that has to be known of a trained model to run it, on disk.

It loads without the libraries that trained its models.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dreammaker.domain.errors import StoreError
from dreammaker.features.config import FEATURE_NAMES, FeatureConfig, definition_hash
from dreammaker.models.bundle_files import read_files, read_gate, write_files, write_gate
from dreammaker.models.bundle_parts import (
    CLASSES,
    META_INPUTS,
    InputStatistics,
    LiveRules,
    Member,
    Meta,
)
from dreammaker.models.bundle_view import BundleView
from dreammaker.models.calibration import Calibration
from dreammaker.models.combination import Combination
from dreammaker.models.gate import GateConfig, GateVerdict, require_tradable
from dreammaker.models.view import view_hash
from dreammaker.store.journal import canonical_hash

__all__ = ["CLASSES", "META_INPUTS", "InputStatistics", "LiveRules", "Member", "Meta",
           "ModelBundle", "label_hash"]
def label_hash(rule: Mapping[str, Any]) -> str:
    """By which configurations name a label rule: the first 16 digits of its SHA-256."""
    return canonical_hash(rule)[:16]


@dataclass(frozen=True)
class ModelBundle:
    """Trained models with all that has to be known of them.

    Parameters
    ----------
    name : str
    classes : tuple of int
        What the columns of the members' probabilities stand for: (-1, 1) or (-1, 0, 1).
    members : tuple of Member
        At least one; the first is the primary.
    combination : Combination
        Of the members.
    view : BundleView
    statistics : InputStatistics
    features : FeatureConfig
        Its definition hash must be that of the session.
    label_rule, sampler : mapping
        How labels were made and when decisions are (see
        ``decision_clock.sampler_of``).
    training : mapping
        The training window and what else is known of it.
    meta : Meta, optional
    rules : LiveRules
    validation : mapping
        Figures.
    library_versions : mapping of str to str
    content : str
        Hash of everything above, once it is on disk.
    verdict : mapping, optional
        The gate's figures, where the bundle was marked tradable.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X = [[0.0], [1.0]]
    >>> forest = RandomForestClassifier(2, random_state=1).fit(X, [-1, 1])
    >>> bundle = ModelBundle(
    ...     "tiny", (-1, 1), (Member.of("forest", forest),), Combination("soft", (1.0,)),
    ...     BundleView(("ofi_1",), 5.0), InputStatistics.of(X), FeatureConfig(),
    ...     {"kind": "sign"}, {"clock": "time", "interval_s": 1.0}, {"rows": 2})
    >>> bundle.require(features=FeatureConfig(), tick_size=0.5)
    Traceback (most recent call last):
    dreammaker.domain.errors.StoreError: bundle tiny was trained on ticks of 5 points, here a tick \
    has 0.5
    """

    name: str
    classes: tuple[int, ...]
    members: tuple[Member, ...]
    combination: Combination
    view: BundleView
    statistics: InputStatistics
    features: FeatureConfig
    label_rule: Mapping[str, Any]
    sampler: Mapping[str, Any]
    training: Mapping[str, Any]
    meta: Meta | None = None
    rules: LiveRules = field(default_factory=LiveRules)
    validation: Mapping[str, Any] = field(default_factory=dict)
    library_versions: Mapping[str, str] = field(default_factory=dict)
    content: str = ""
    verdict: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        inputs, classes = len(self.view.inputs), len(self.classes)
        if tuple(self.classes) not in CLASSES or not self.members:
            raise StoreError(f"a bundle must have a model of the classes -1, 1 or -1, 0, 1, had "
                             f"{len(self.members)} of {self.classes}")
        if len({member.name for member in self._all()}) != len(self._all()):
            raise StoreError("the models of a bundle must have different names")
        for member in self.members:
            _fit(member, inputs, classes)
        if self.meta is not None:
            _fit(self.meta.member, inputs + len(META_INPUTS), 2)
            if not (0.0 <= self.meta.threshold <= 1.0 and 0.0 <= self.meta.step <= 1.0):
                raise StoreError("threshold and step of a meta-model must be in [0, 1]")
        if any(len(part) != inputs for part in asdict(self.statistics).values()):
            raise StoreError(f"a bundle's statistics must speak of each of its {inputs} inputs")
        self.combination.check(len(self.members), classes)

    def _all(self) -> list[Member]:
        return [*self.members, *([self.meta.member] if self.meta else [])]

    @property
    def definition(self) -> str:
        """Hash of the definition of the features it was trained on."""
        return definition_hash(self.features)

    def require(self, *, features: FeatureConfig, sampler: Mapping[str, Any] | None = None,
                tick_size: float | None = None, label: str = "") -> None:
        """Refuse to run on anything but what the bundle was trained for.

        Parameters
        ----------
        features : FeatureConfig
            Of the session.
        sampler : mapping, optional
            When the session decides.
        tick_size : float, optional
            Of the session's instrument, points.
        label : str
            ``label_hash`` of the rule that is asked for; empty = any.

        Raises
        ------
        StoreError
            With the first difference.
        """
        if definition_hash(features) != self.definition:
            mine, theirs = asdict(self.features), asdict(features)
            other = [f"{name} {mine[name]}, here {theirs[name]}" for name in mine
                     if mine[name] != theirs[name]]
            raise StoreError(f"bundle {self.name} was trained on other features: "
                             f"{'; '.join(other) or 'their definition has changed since'}")
        if sampler is not None and dict(sampler) != dict(self.sampler):
            raise StoreError(f"bundle {self.name} was trained on decisions by "
                             f"{_told(self.sampler)}, here they are by {_told(sampler)}")
        if tick_size is not None and tick_size != self.view.tick_size:
            raise StoreError(f"bundle {self.name} was trained on ticks of {self.view.tick_size:g} "
                             f"points, here a tick has {tick_size:g}")
        if label and label != label_hash(self.label_rule):
            raise StoreError(f"bundle {self.name} was trained on the label rule "
                             f"{label_hash(self.label_rule)} ({_told(self.label_rule)}), asked for "
                             f"is {label}")

    def require_tradable(self, limits: GateConfig | None = None, paper_sessions: int = 0, *,
                         override: bool = False) -> list[str]:
        """Refuse to trade live what the gate has not marked; see ``gate.require_tradable``."""
        verdict = None if self.verdict is None else GateVerdict.from_dict(self.verdict)
        return require_tradable(verdict, self.content, paper_sessions, limits, override=override)

    def save(self, folder: Path, key: bytes | None = None) -> str:
        """Write it into a new folder and return its content hash."""
        manifest: dict[str, Any] = {
            "name": self.name, "classes": list(self.classes),
            "members": [{"name": member.name, "file": member.path} for member in self.members],
            "combination": self.combination.as_dict(), "meta": None,
            "view": {"inputs": list(self.view.inputs), "tick_size": self.view.tick_size},
            "statistics": {name: [None if value != value else value for value in part]
                           for name, part in asdict(self.statistics).items()},
            "features": {"names": list(FEATURE_NAMES), "definition": self.definition,
                         "view": view_hash(self.features),
                         "config": asdict(self.features)},
            "label_rule": dict(self.label_rule), "label_hash": label_hash(self.label_rule),
            "sampler": dict(self.sampler), "training": dict(self.training),
            "rules": asdict(self.rules), "validation": dict(self.validation),
            "library_versions": dict(self.library_versions),
        }
        if self.meta is not None:
            member = self.meta.member
            manifest["meta"] = {"name": member.name, "file": member.path,
                                "calibration": self.meta.calibration.as_dict(),
                                "threshold": self.meta.threshold, "step": self.meta.step}
        return write_files(folder, manifest, {m.path: m.data() for m in self._all()}, key)

    @classmethod
    def load(cls, folder: Path, key: bytes | None = None) -> "ModelBundle":
        """Read and verify a bundle.

        Parameters
        ----------
        folder : Path
        key : bytes, optional
            With it, the bundle and its mark must carry this key's signature.

        Raises
        ------
        StoreError
            If a byte was changed, a part is missing or does not fit, or the signature is not the
            key's.
        """
        manifest, files, content = read_files(folder, key)
        try:
            bundle = _read(manifest, files, content, read_gate(folder, content, key))
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"bundle {folder}: manifest.json is damaged: {error!r}") from error
        if manifest["features"]["names"] != list(FEATURE_NAMES) or (
                manifest["features"]["definition"] != bundle.definition
                or manifest["features"]["view"] != view_hash(bundle.features)):
            raise StoreError(f"bundle {folder} was trained on features of another definition than "
                             "this program's")
        return bundle

    def mark_tradable(self, folder: Path, verdict: Mapping[str, Any], key: bytes | None = None
                      ) -> None:
        """Write the gate's verdict beside the bundle. For the deployment gate alone."""
        write_gate(folder, self.content, verdict, key)


def _fit(member: Member, inputs: int, classes: int) -> None:
    ensemble = member.trees.ensemble
    outputs = 2 if ensemble.binary else ensemble.outputs
    probabilities = ensemble.transform in ("sigmoid", "softmax") or ensemble.single
    if ensemble.features != inputs or outputs != classes or not probabilities:
        raise StoreError(f"the model {member.name} takes {ensemble.features} inputs and gives "
                         f"{outputs} values, needed are {inputs} inputs and probabilities of "
                         f"{classes} classes")


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _read(manifest: dict[str, Any], files: Mapping[str, bytes], content: str,
          verdict: dict[str, Any] | None) -> ModelBundle:
    def member(values: dict[str, Any]) -> Member:
        return Member.read(values["name"], values["file"], files)

    meta = manifest["meta"]
    statistics = {name: tuple(float("nan") if value is None else float(value) for value in part)
                  for name, part in manifest["statistics"].items()}
    return ModelBundle(
        manifest["name"], tuple(manifest["classes"]), tuple(map(member, manifest["members"])),
        Combination.from_dict(manifest["combination"]),
        BundleView(tuple(manifest["view"]["inputs"]), float(manifest["view"]["tick_size"])),
        InputStatistics(**statistics), FeatureConfig(**manifest["features"]["config"]),
        manifest["label_rule"], manifest["sampler"], manifest["training"],
        None if meta is None else Meta(member(meta), Calibration.from_dict(meta["calibration"]),
                                       float(meta["threshold"]), float(meta["step"])),
        LiveRules(**manifest["rules"]), manifest["validation"], manifest["library_versions"],
        content, verdict)
