"""The table of venue scenarios, played on the kernel and on its naive twin."""

import pytest

from dreammaker._ext.matching_kernel import Matcher
from tests.golden.venue_script import Player, scenarios
from tests.kernels.naive_matching import NaiveMatcher

TABLE = scenarios()


def test_table_has_enough_scenarios_with_names_of_their_own():
    assert len({scenario.name for scenario in TABLE}) == len(TABLE) >= 40
    assert all(any(told for _, _, told in scenario.steps) for scenario in TABLE)


@pytest.mark.parametrize("kind", [Matcher, NaiveMatcher], ids=["kernel", "twin"])
@pytest.mark.parametrize("scenario", TABLE, ids=lambda scenario: scenario.name)
def test_scenario(scenario, kind):
    if kind is NaiveMatcher and any("impact" in action for _, action, _ in scenario.steps):
        pytest.skip("the twin knows no impact")
    player = Player(kind)
    for line, action, told in scenario.steps:
        found = [item for item in player.play(action) if item]
        assert found == told, f"line {line}: {action}"
