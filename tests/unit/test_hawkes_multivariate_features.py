"""A bivariate fit as the configuration of the Hawkes features."""

from dataclasses import replace

import numpy as np
import pytest

from dreammaker.domain.errors import ConfigError
from dreammaker.features import FeatureConfig, definition_hash
from dreammaker.features.hawkes_fit import feature_config_from
from dreammaker.hawkes import MultivariateHawkes

MODEL = MultivariateHawkes([0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]], [[1.5, 1.0], [0.8, 2.0]])
EVENTS = MODEL.simulate(500.0, np.random.default_rng(1))


def test_fit_when_taken_over_then_all_values_and_another_definition():
    fit = MODEL.fit(EVENTS, 500.0)
    base = FeatureConfig(rsi_period=7)
    config = feature_config_from(fit, base)
    np.testing.assert_array_equal(config.hawkes_mu, fit.mu)
    np.testing.assert_array_equal(config.hawkes_alpha, fit.alpha)
    np.testing.assert_array_equal(config.hawkes_beta, fit.beta)
    assert config.rsi_period == 7
    assert definition_hash(config) != definition_hash(base)


def test_fit_when_decay_is_shared_then_it_stands_for_every_pair():
    fit = MultivariateHawkes(MODEL.mu, MODEL.alpha, 1.4).fit(EVENTS, 500.0)
    assert set(np.ravel(feature_config_from(fit).hawkes_beta)) == {fit.beta}


def test_fit_when_not_of_two_types_then_one_sentence():
    fit = MODEL.fit(EVENTS, 500.0)
    one = replace(fit, mu=0.5, alpha=0.3, beta=1.0)
    for wrong in (one, replace(one, kernel_name="power_law"), replace(fit, knots=np.arange(2.0))):
        with pytest.raises(ConfigError, match="a fit of buys and sells"):
            feature_config_from(wrong)
