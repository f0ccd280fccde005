class PolicyKernel:
    def quotes(
        self,
        now_ns: int,
        position_lots: int,
        bid_ticks: int,
        ask_ticks: int,
        bid_lots: int = -1,
        ask_lots: int = -1,
    ) -> tuple[int, int, int, int]: ...

class NoQuotes(PolicyKernel): ...

class TouchMaker(PolicyKernel):
    lots: int
    max_position_lots: int
    def __init__(self, *, lots: int = 1, max_position_lots: int = 10) -> None: ...

class SkewedMaker(PolicyKernel):
    lots: int
    max_position_lots: int
    half_spread_ticks: float
    skew_ticks: float
    def __init__(
        self,
        *,
        half_spread_ticks: float,
        skew_ticks: float,
        lots: int = 1,
        max_position_lots: int = 10,
    ) -> None: ...
