"""Queue models by name: what is assumed about who stands before an order of ours.

The rules are stated in ``dreammaker/_ext/queue.pxd``; docs/fills.md shows how well each of them
predicts fills where the truth is known.
"""

from enum import IntEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.source import SourceProfile

QueueName = Literal["risk_averse", "power", "power_2", "power_3", "log", "log_2", "fifo"]

QUEUE_NAMES: tuple[QueueName, ...] = (
    "risk_averse", "power", "power_2", "power_3", "log", "log_2", "fifo")
"""Names in the order of the kernel's numbers."""

POWER_NAMES: tuple[QueueName, ...] = ("power", "power_2", "power_3")


class Prints(IntEnum):
    """How much of a print moves the visible queue, as the kernel numbers it."""

    FULL = 0
    CONFIRMED = 1
    SHARED = 2


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class QueueConfig:
    """How resting orders wait.

    Parameters
    ----------
    model : str
        ``risk_averse`` (cancels come from behind until they cannot), ``power``, ``power_2``,
        ``power_3``, ``log``, ``log_2`` (the probability that a cancel came from behind, see
        ``dreammaker/_ext/queue.pxd``) or ``fifo`` (exact, for order-by-order sources).
    power_n : float
        Exponent of the power family: larger lets more cancels come from behind where more
        stands behind.
    rlp : bool
        Whether prints may match off the visible queue, as B3's retail liquidity provider does:
        the queue then advances by no more than the level decreased, and where the source has no
        depth by the share of the prints that is not ``rlp_share``.
    rlp_share : float
        Part of the printed lots that matches off the visible queue; an assumption until measured.
    """

    model: QueueName = "risk_averse"
    power_n: Annotated[float, Field(gt=0, le=32)] = 3.0
    rlp: bool = False
    rlp_share: Annotated[float, Field(ge=0, lt=1)] = 0.3

    @property
    def kind(self) -> int:
        """The model's number in the kernel."""
        return QUEUE_NAMES.index(self.model)

    @property
    def print_share(self) -> float:
        """Part of the printed lots that comes out of the visible queue."""
        return 1.0 - self.rlp_share if self.rlp else 1.0

    def prints(self, source: SourceProfile) -> Prints:
        """What a print of a source says about the queue."""
        if not self.rlp:
            return Prints.FULL
        return Prints.CONFIRMED if source.depth_levels else Prints.SHARED

    def carry(self, source: SourceProfile) -> bool:
        """Whether a source's prints and depth come in packets of their own."""
        return not source.order_by_order

    def check(self, source: SourceProfile) -> None:
        """Refuse a source that cannot serve the model.

        Raises
        ------
        ConfigError
            If ``fifo`` meets a source that is not order by order.
        """
        if self.model == "fifo" and not source.order_by_order:
            raise ConfigError(f"the queue model fifo needs an order-by-order source, {source.name} "
                              "is none; choose another of " + ", ".join(QUEUE_NAMES[:-1]))
