"""Bundles on disk: whole or refused, by the first thing that is wrong with them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from dreammaker.domain.errors import StoreError, VerificationError
from dreammaker.features.config import FeatureConfig
from dreammaker.models.bundle import (
    InputStatistics,
    LiveRules,
    Member,
    ModelBundle,
    label_hash,
)
from dreammaker.models.bundle_view import BundleView
from dreammaker.models.calibration import Calibration
from dreammaker.models.combination import Combination
from dreammaker.models.config import ModelConfig
from dreammaker.models.decision_clock import sampler_of
from dreammaker.models.gate import Evidence, GateConfig, judge
from dreammaker.models.view import MODEL_FEATURES
from tests.unit.bundle_scenes import KEY, feature_rows, make_bundle, saved


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "small"
    bundle, content = saved(folder, KEY)
    return folder, bundle, content


@pytest.fixture
def copied(stored, tmp_path):
    import shutil

    return shutil.copytree(stored[0], tmp_path / "copy")


def test_bundle_when_saved_and_loaded_then_the_same(stored) -> None:
    folder, bundle, content = stored
    again = ModelBundle.load(folder, KEY)
    assert again.content == content
    assert ModelBundle.load(folder).content == content
    rows = bundle.view.matrix(feature_rows(np.random.default_rng(1), 50))
    for left, right in zip(bundle.members, again.members, strict=True):
        assert np.array_equal(left.trees.predict_proba(rows), right.trees.predict_proba(rows))
    for name in ("name", "classes", "combination", "view", "statistics", "features", "label_rule",
                 "sampler", "training", "rules", "library_versions"):
        assert getattr(again, name) == getattr(bundle, name), name
    assert again.meta is not None and again.meta.calibration == bundle.meta.calibration
    assert again.verdict is None


def test_bundle_when_trained_again_then_the_same_content(stored, tmp_path) -> None:
    assert saved(tmp_path / "again")[1] == stored[2]


@pytest.mark.parametrize("name", ["manifest.json", "models/lightgbm.txt", "models/forest.npz",
                                  "models/meta.txt"])
def test_bundle_when_any_byte_changes_then_refused_naming_the_file(copied, name) -> None:
    data = bytearray((copied / name).read_bytes())
    for place in (5, len(data) // 2, len(data) - 2):
        data[place] ^= 1
        (copied / name).write_bytes(bytes(data))
        with pytest.raises(StoreError, match="was changed: ") as found:
            ModelBundle.load(copied)
        assert name in str(found.value) and "\n" not in str(found.value)
        data[place] ^= 1


def test_bundle_when_files_are_missing_or_strange_then_refused(copied) -> None:
    (copied / "models" / "extra.txt").write_text("x")
    with pytest.raises(StoreError, match=r"models/extra\.txt is not listed"):
        ModelBundle.load(copied)
    (copied / "models" / "extra.txt").unlink()
    (copied / "models" / "forest.npz").unlink()
    with pytest.raises(StoreError, match=r"models/forest\.npz cannot be read: No such file"):
        ModelBundle.load(copied)
    (copied / "signature.json").write_text("[]")
    with pytest.raises(StoreError, match=r"signature\.json is damaged"):
        ModelBundle.load(copied)
    with pytest.raises(StoreError, match="there is no bundle at"):
        ModelBundle.load(copied / "nowhere")


def test_bundle_when_the_key_differs_then_refused(copied, tmp_path) -> None:
    with pytest.raises(StoreError, match=r"the signature in signature\.json is not this key's"):
        ModelBundle.load(copied, b"another")
    saved(tmp_path / "unsigned", members=("lightgbm",), meta=False)
    with pytest.raises(StoreError, match="carries no signature, but a key was given"):
        ModelBundle.load(tmp_path / "unsigned", KEY)
    with pytest.raises(StoreError, match="is not empty; a bundle is written into a new folder"):
        saved(tmp_path / "unsigned", members=("lightgbm",), meta=False)


def test_gate_when_written_then_tradable_and_guarded(copied) -> None:
    bundle = ModelBundle.load(copied, KEY)
    with pytest.raises(VerificationError, match="live: the bundle has no verdict"):
        bundle.require_tradable()
    assert len(bundle.require_tradable(override=True)) == 1
    verdict = judge(bundle.content, Evidence(0.1, 0.97, 5.0, 9.0, 60, 4)).to_dict()
    bundle.mark_tradable(copied, verdict, KEY)
    marked = ModelBundle.load(copied, KEY)
    assert marked.verdict == verdict and marked.content == bundle.content
    assert marked.require_tradable(paper_sessions=10) == []
    with pytest.raises(VerificationError, match="paper sessions: 9, must be at least 10"):
        marked.require_tradable(paper_sessions=9)
    with pytest.raises(VerificationError, match="DSR"):
        marked.require_tradable(GateConfig(min_dsr=0.99), 10)
    gate = copied / "gate.json"
    text = gate.read_text()
    gate.write_text(text.replace("0.1", "0.0"))
    with pytest.raises(StoreError, match=r"was changed: gate\.json does not match its hash"):
        ModelBundle.load(copied)
    gate.write_text(text.replace(bundle.content, "0" * 64))
    with pytest.raises(StoreError, match=r"gate\.json speaks of another content"):
        ModelBundle.load(copied)
    bundle.mark_tradable(copied, {"pbo": 0.1}, None)
    with pytest.raises(StoreError, match=r"gate\.json carries no signature"):
        ModelBundle.load(copied, KEY)


def test_bundle_when_the_session_differs_then_refused_with_the_reason(stored) -> None:
    bundle = ModelBundle.load(stored[0])
    fits = {"features": FeatureConfig(), "sampler": sampler_of(ModelConfig()), "tick_size": 5.0}
    bundle.require(**fits, label=label_hash({"points": 20, "kind": "triple_barrier"}))
    for change, words in (
            ({"features": FeatureConfig(rsi_period=9)},
             "was trained on other features: rsi_period 14, here 9"),
            ({"sampler": sampler_of(ModelConfig(decision_interval_s=2.0))},
             "decisions by clock time, interval_s 1.0, here they are by clock time, interval_s 2"),
            ({"sampler": sampler_of(ModelConfig(decision_clock="volume"))}, "bar_size 1000.0"),
            ({"tick_size": 1.0}, "trained on ticks of 5 points, here a tick has 1"),
            ({"label": "0" * 16}, "asked for is 0000000000000000")):
        with pytest.raises(StoreError) as found:
            bundle.require(**fits | change)
        assert words in str(found.value)


def test_bundle_when_its_definition_is_not_this_programs_then_refused(copied) -> None:
    import hashlib

    manifest = json.loads((copied / "manifest.json").read_text())
    for part, value in (("names", ["mid_price"]), ("definition", "0" * 64)):
        changed = json.dumps(manifest | {"features": manifest["features"] | {part: value}})
        (copied / "manifest.json").write_text(changed)
        content = hashlib.sha256(changed.encode()).hexdigest()
        (copied / "signature.json").write_text(json.dumps({"content": content}))
        with pytest.raises(StoreError, match="trained on features of another definition"):
            ModelBundle.load(copied)


def test_bundle_when_its_parts_do_not_fit_then_refused() -> None:
    rng = np.random.default_rng(2)
    rows = feature_rows(rng, 200)
    y = rng.random(200) < 0.5
    plain = {"members": ("lightgbm",), "meta": False}
    good = make_bundle(rows, y, **plain)
    for change, words in (
            ({"classes": (-1, 0, 1)}, "gives 2 values, needed are 26 inputs and"),
            ({"classes": (0, 1)}, "of the classes -1, 1 or -1, 0, 1"),
            ({"view": BundleView(MODEL_FEATURES[:5], 5.0)}, "takes 26 inputs"),
            ({"statistics": InputStatistics((0.0,), (0.0,), (1.0,), (0.0,))},
             "speak of each of its 26"),
            ({"combination": Combination("soft", (1.0, 1.0))}, "does not fit 1 member"),
            ({"members": (good.members[0],) * 2}, "must have different names")):
        values = {name: getattr(good, name) for name in good.__dataclass_fields__}
        with pytest.raises(StoreError, match=words):
            ModelBundle(**values | change)
    for bad in ({"exit": 0.2}, {"entry": 1.5}, {"window": 0.0}, {"outside_share": 0.0}):
        with pytest.raises(StoreError, match="live rules must have"):
            LiveRules(**bad)
    with pytest.raises(StoreError, match="a bundle cannot hold a dict"):
        Member.of("x", {})


def test_parts_when_wrong_then_refused() -> None:
    for bad in ({"kind": "isotonic"}, {"kind": "isotonic", "x": (0.0, 0.0), "y": (0.0, 1.0)},
                {"kind": "isotonic", "x": (0.0, 1.0), "y": (0.5, 0.4)}, {"kind": "odd"},
                {"kind": "isotonic", "x": (0.0,), "y": (1.5,)}, {"kind": "platt",
                                                                 "slope": float("inf")}):
        with pytest.raises(StoreError, match="a calibration"):
            Calibration(**bad)
    for bad in ({"kind": "soft"}, {"kind": "soft", "weights": (0.0,)}, {"kind": "stack"},
                {"kind": "soft", "weights": (-1.0, 3.0)},
                {"kind": "stack", "coefficients": ((1.0,),), "intercepts": (float("nan"),)}):
        with pytest.raises(StoreError, match="a combination must be soft"):
            Combination(**bad)
    for names in ((), ("mid_price",), ("ofi_1", "ofi_1")):
        with pytest.raises(StoreError, match="without price levels"):
            BundleView(names, 5.0)


def test_bundle_when_loaded_then_no_training_library_is_imported(stored) -> None:
    code = ("import sys\nfrom pathlib import Path\n"
            "from dreammaker.models.bundle import ModelBundle\n"
            "from dreammaker.models.bundle_predictor import BundlePredictor\n"
            "BundlePredictor(ModelBundle.load(Path(sys.argv[1])))\n"
            "print(sorted({'lightgbm', 'sklearn', 'pandas', 'scipy', 'joblib'} "
            "& set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code, str(stored[0])], capture_output=True,
                          text=True, check=True)
    assert done.stdout.strip() == "[]"
