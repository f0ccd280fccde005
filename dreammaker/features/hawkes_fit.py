"""A fitted order flow as the configuration of the Hawkes features."""

from dataclasses import replace

import numpy as np

from dreammaker.domain.errors import ConfigError
from dreammaker.features.config import FeatureConfig
from dreammaker.hawkes.parameters import HawkesParameters


def feature_config_from(parameters: HawkesParameters,
                        base: FeatureConfig | None = None) -> FeatureConfig:
    """Feature configuration with the intensities of a bivariate fit of buys and sells.

    Parameters
    ----------
    parameters : HawkesParameters
        Exponential, two types: buys first, then sells, in seconds.
    base : FeatureConfig, optional
        Everything else; the defaults where it is not given.

    Returns
    -------
    FeatureConfig
        Its definition hash differs from `base`'s: a model must be trained with it.

    Raises
    ------
    ConfigError
        If the fit is not of two types with exponential kernels.

    Examples
    --------
    >>> fit = HawkesParameters("exponential", mu=np.array([0.5, 0.4]), alpha=np.eye(2), beta=2.0,
    ...                        log_likelihood=0.0, branching_ratio=0.5)
    >>> feature_config_from(fit).hawkes_mu
    (0.5, 0.4)
    """
    alpha = np.asarray(parameters.alpha, np.float64)
    if parameters.kernel_name != "exponential" or alpha.shape != (2, 2) or (
            parameters.knots is not None):
        raise ConfigError("the features take a fit of buys and sells with exponential kernels and "
                          f"constant base rates, not {parameters.kernel_name} with alpha of shape "
                          f"{alpha.shape}")
    mu = np.broadcast_to(np.asarray(parameters.mu, np.float64), (2,))
    beta = np.broadcast_to(np.asarray(parameters.beta, np.float64), (2, 2))
    (a, b), (c, d) = alpha.tolist()
    (e, f), (g, h) = beta.tolist()
    return replace(base or FeatureConfig(), hawkes_mu=(float(mu[0]), float(mu[1])),
                   hawkes_alpha=((a, b), (c, d)), hawkes_beta=((e, f), (g, h)))
