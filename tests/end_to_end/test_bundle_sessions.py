"""A model trained on one simulated day trades another: same bundle, same journal."""

from dataclasses import replace

import numpy as np
import pytest

from dreammaker.assembly.model_set import ModelSet
from dreammaker.assembly.replay import verify_session
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.backtest.days import plan_days
from dreammaker.backtest.identity import run_identity
from dreammaker.domain.errors import ConfigError, StoreError
from dreammaker.models.bundle import LiveRules, ModelBundle
from dreammaker.models.combination import Combination
from dreammaker.models.decision_clock import sampler_of
from dreammaker.store.journal import Entry
from tests.end_to_end.sessions import run_folder, short_config
from tests.unit.bundle_scenes import KEY, make_bundle

AHEAD = 10


class Recorder:
    """A predictor that notes the decision rows it is shown."""

    name = "recorder"

    def __init__(self, inner) -> None:
        self.inner, self.rows = inner, []

    def predict(self, market):
        self.rows.append(market.features.copy())
        return self.inner.predict(market)


def trained(seed, **changes) -> ModelBundle:
    settings = short_config(4.0, seed=seed)
    source = open_source(settings)
    models = ModelSet.from_config(settings, source.feed.source)
    recorder = models.predictor = Recorder(models.predictor)
    Session(settings, source, models=models).run()
    rows = np.array(recorder.rows)
    mid = rows[:, 0]
    known = np.isfinite(mid[:-AHEAD]) & np.isfinite(mid[AHEAD:]) & (mid[:-AHEAD] != mid[AHEAD:])
    up = (mid[AHEAD:] > mid[:-AHEAD])[known]
    return make_bundle(rows[:-AHEAD][known], up, **{
        "sampler": sampler_of(settings.model),
        "rules": LiveRules(0.05, 0.01, 2.0, missing_excess=0.9, outside_share=0.9)} | changes)


@pytest.fixture(scope="module")
def bundle():
    return trained(1)


def settings(folder, batch_events=4096, **model):
    return short_config(3.0, seed=2, batch_events=batch_events,
                        model={"bundle": str(folder), **model})


def test_session_when_a_bundle_decides_then_same_journal_again_and_verified(bundle, tmp_path
                                                                            ) -> None:
    content = bundle.save(tmp_path / "bundle")
    session = run_folder(tmp_path / "one", settings(tmp_path / "bundle"))
    assert session.header["model_bundle"] == content
    assert session.models.predictor.name == "bundle small"
    decided = session.coordinator.decider.reasons
    assert sum(decided.values()) > 200
    again = Session(settings(tmp_path / "bundle", 97), open_source(settings(tmp_path / "bundle")))
    result = again.run()
    entries = again.journal.entries.records
    decisions = entries[entries["kind"] == Entry.DECISION]
    assert np.isfinite(decisions["a"]).sum() > 200
    votes = entries[entries["kind"] == Entry.VOTE]
    assert set(votes["code"]) == {0, 1, 2, 3, 4, 5}
    assert (entries["kind"] == Entry.SUBMIT).any()
    found = verify_session(tmp_path / "one")
    assert found.problems == [] and found.journal_hash == result.digests["journal"]

    # Another bundle at the same place: other bytes, another journal, and no verification.
    (tmp_path / "bundle").rename(tmp_path / "old")
    other = trained(3).save(tmp_path / "bundle")
    assert other != content
    changed = Session(settings(tmp_path / "bundle"), open_source(settings(tmp_path / "bundle")))
    assert changed.run().digests["header"] != result.digests["header"]
    with pytest.raises(StoreError, match="is not the one the session ran with"):
        verify_session(tmp_path / "one")


def test_backtest_when_a_bundle_decides_then_its_content_is_part_of_the_key(bundle, tmp_path
                                                                           ) -> None:
    content = bundle.save(tmp_path / "bundle")
    config = settings(tmp_path / "bundle")
    plans = plan_days(config)
    assert run_identity(config, plans, {})["bundle"] == content
    assert "bundle" not in run_identity(settings(""), plans, {})


@pytest.mark.parametrize(("change", "words"), [
    ({"model": {"decision_interval_s": 1.0}}, "trained on decisions by clock time, interval_s 0.5"),
    ({"features": {"rsi_period": 9}}, "trained on other features: rsi_period 14, here 9"),
    ({"instrument": {"tick_size": 1.0}}, "trained on ticks of 5 points, here a tick has 1"),
    ({"model": {"bundle_label": "0" * 16}}, "trained on the label rule"),
    ({"model": {"bundle_key_file": "nowhere.key"}}, "nowhere.key cannot be read"),
])
def test_session_when_it_differs_from_the_training_then_refused(bundle, tmp_path, change, words
                                                                ) -> None:
    bundle.save(tmp_path / "bundle")
    sections = {"model": {}} | change
    sections["model"] = {"bundle": str(tmp_path / "bundle")} | sections["model"]
    config = short_config(3.0, **sections)
    with pytest.raises(StoreError) as found:
        Session(config, open_source(config))
    assert words in str(found.value)


def test_session_when_nobody_votes_then_refused(bundle, tmp_path) -> None:
    lone = replace(bundle, members=bundle.members[:1], meta=None,
                   combination=Combination("soft", (1.0,)))
    lone.save(tmp_path / "lone")
    bundle.save(tmp_path / "bundle")
    for config in (short_config(3.0, model={"voters": []}),
                   settings(tmp_path / "lone", voters=[])):
        with pytest.raises(ConfigError, match="without votes nothing is ever opened"):
            Session(config, open_source(config))
    config = settings(tmp_path / "bundle", voters=[])
    assert len(Session(config, open_source(config)).models.voters) == 3


def test_session_when_the_bundle_is_signed_then_the_key_file_decides(bundle, tmp_path) -> None:
    bundle.save(tmp_path / "bundle", KEY)
    key = tmp_path / "bundle.key"
    key.write_bytes(KEY + b"\n")
    config = settings(tmp_path / "bundle", bundle_key_file=str(key))
    assert Session(config, open_source(config)).models.bundle
    key.write_bytes(b"another")
    with pytest.raises(StoreError, match="is not this key's"):
        Session(config, open_source(config))
    key.write_bytes(b"")
    with pytest.raises(StoreError, match="is empty"):
        Session(config, open_source(config))
