"""How large a bet a probability is worth (AFML ch. 10), with the same bits on every machine."""

import struct
from math import isnan, sqrt

from dreammaker._ext.mathx import exp

_SMALL = (1.28379167095512558561e-01, -3.25042107247001499370e-01,
          -2.84817495755985104766e-02, -5.77027029648944159157e-03, -2.37630166566501626084e-05)
_SMALL_BELOW = (1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02,
                5.08130628187576562776e-03, 1.32494738004321644526e-04, -3.96022827877536812320e-06)
_ONE = (-2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01,
        3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02,
        -2.16637559486879084300e-03)
_ONE_BELOW = (1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01,
              7.18286544141962662868e-02, 1.26171219808761642112e-01, 1.36370839120290507362e-02,
              1.19844998467991074170e-02)
_MIDDLE = (-9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e+01,
           -6.23753324503260060396e+01, -1.62396669462573470355e+02, -1.84605092906711035994e+02,
           -8.12874355063065934246e+01, -9.81432934416914548592e+00)
_MIDDLE_BELOW = (1.0, 1.96512716674392571292e+01, 1.37657754143519042600e+02,
                 4.34565877475229228821e+02, 6.45387271733267880336e+02, 4.29008140027567833386e+02,
                 1.08635005541779435134e+02, 6.57024977031928170135e+00,
                 -6.04244152148580987438e-02)
_FAR = (-9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e+01,
        -1.60636384855821916062e+02, -6.37566443368389627722e+02, -1.02509513161107724954e+03,
        -4.83519191608651397019e+02)
_FAR_BELOW = (1.0, 3.03380607434824582924e+01, 3.25792512996573918826e+02,
              1.53672958608443695994e+03, 3.19985821950859553908e+03, 2.55305040643316442583e+03,
              4.74528541206955367215e+02, -2.24409524465858183362e+01)
_ERX = 8.45062911510467529297e-01


def _series(coefficients: tuple[float, ...], x: float) -> float:
    value = 0.0
    for c in reversed(coefficients):
        value = value * x + c
    return value


def erf(x: float) -> float:
    """The error function, below 2 ulp, after fdlibm (Sun Microsystems, s_erf.c).

    Examples
    --------
    >>> erf(0.0), round(erf(0.5), 15), erf(7.0), erf(-7.0)
    (0.0, 0.520499877813047, 1.0, -1.0)
    """
    a = -x if x < 0 else x
    if isnan(x):
        return x
    if a < 0.84375:
        z = x * x
        return x + x * (_series(_SMALL, z) / _series(_SMALL_BELOW, z))
    if a < 1.25:
        s = a - 1.0
        found = _ERX + _series(_ONE, s) / _series(_ONE_BELOW, s)
    elif a >= 6.0:
        found = 1.0
    else:
        s = 1.0 / (a * a)
        above, below = (_MIDDLE, _MIDDLE_BELOW) if a < 1 / 0.35 else (_FAR, _FAR_BELOW)
        # The upper half of the bits of x: its square is exact.
        z = struct.unpack("<d", struct.pack("<Q", struct.unpack("<Q", struct.pack("<d", a))[0]
                                            & 0xFFFFFFFF00000000))[0]
        r = exp(-z * z - 0.5625) * exp((z - a) * (z + a) + _series(above, s) / _series(below, s))
        found = 1.0 - r / a
    return -found if x < 0 else found


def bet_size(probability: float, classes: int = 2, step: float = 0.0) -> float:
    """Share of the full size for the side that is predicted with this probability.

    ``2 Phi(z) - 1`` with ``z = (p - 1/K) / sqrt(p (1 - p))`` (AFML 10.3), not below 0: a side that
    is less likely than chance is no bet.

    Parameters
    ----------
    probability : float
        In [0, 1]; NaN gives 0.
    classes : int
        At least 2.
    step : float
        Sizes are rounded to whole multiples of it; 0 = not at all.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> round(bet_size(0.75), 10), round(bet_size(0.6, classes=3), 10), bet_size(0.75, step=0.25)
    (0.4362971383, 0.4137863189, 0.5)
    """
    if isnan(probability):
        return 0.0
    if not 0.0 <= probability <= 1.0 or classes < 2 or not 0.0 <= step <= 1.0:
        raise ValueError(f"probability and step must be in [0, 1] and classes at least 2, were "
                         f"{probability}, {step} and {classes}")
    above = probability - 1.0 / classes
    if above <= 0.0:
        return 0.0
    if probability == 1.0:
        return 1.0
    size = erf(above / sqrt(probability * (1.0 - probability)) / sqrt(2.0))
    return min(round(size / step) * step, 1.0) if step else size


def calibrate_width(distance: float, size: float) -> float:
    """Width of the dynamic size at which a distance from the forecast is worth this size (10.6).

    Examples
    --------
    >>> round(calibrate_width(10.0, 0.95), 10)
    10.8033240997
    """
    if not 0.0 < size < 1.0 or distance == 0.0:
        raise ValueError(f"size must be in (0, 1) and distance not 0, were {size} and {distance}")
    return distance * distance * (1.0 / (size * size) - 1.0)


def dynamic_size(width: float, distance: float) -> float:
    """Size in [-1, 1] for a forecast that lies this far above the price.

    Examples
    --------
    >>> round(dynamic_size(calibrate_width(10.0, 0.95), 15.0), 8)
    0.97682395
    """
    return distance / sqrt(width + distance * distance)


def dynamic_target(width: float, forecast: float, price: float, full_lots: int) -> int:
    """Lots to hold; a size within 1e-9 of a whole lot counts as that lot.

    Examples
    --------
    >>> width = calibrate_width(10.0, 0.95)
    >>> dynamic_target(width, 115.0, 100.0, 100), dynamic_target(width, 110.0, 100.0, 100)
    (97, 95)
    """
    lots = dynamic_size(width, forecast - price) * full_lots
    nearest = round(lots)
    return nearest if abs(lots - nearest) < 1e-9 else int(lots)


def break_even_price(width: float, forecast: float, target: int, held: int, full_lots: int
                     ) -> float:
    """Limit price at which going from the held to the target lots loses nothing (10.6).

    Examples
    --------
    >>> round(break_even_price(calibrate_width(10.0, 0.95), 115.0, 97, 0, 100), 10)
    112.3657385588
    """
    if target == held or not 0 < abs(target) < full_lots:
        raise ValueError(f"target must differ from what is held and lie within {full_lots} lots, "
                         f"was {target}")
    side = 1 if target > held else -1
    total = 0.0
    for j in range(abs(held + side), abs(target) + 1):
        m = j / full_lots
        total += forecast - side * m * sqrt(width / (1.0 - m * m))
    return total / abs(target - held)
