"""Members of enumerations as plain class attributes."""

from enum import EnumType
from typing import TypeVar

_E = TypeVar("_E", bound=EnumType)


def plain_members(codes: _E) -> _E:
    """Class decorator: looking up a member costs what any class attribute costs.

    Python 3.11 finds ``Reason.NONE`` through a descriptor written in Python, at nine times the
    price, and a decision names about a hundred members; from Python 3.12 on members are plain
    attributes anyhow, and this changes nothing.

    Examples
    --------
    >>> from enum import IntEnum
    >>> @plain_members
    ... class Light(IntEnum):
    ...     RED = 1
    >>> Light.RED is Light(1) is Light["RED"], vars(Light)["RED"]
    (True, <Light.RED: 1>)
    """
    member: object
    for name, member in codes.__members__.items():
        # An enumeration refuses to have its members assigned; the value is the very same.
        type.__setattr__(codes, name, member)
    return codes
