"""What a limit says of an order: the reason to deny it, in a word and in a sentence."""

from dreammaker.domain.orders import Reason

Verdict = tuple[Reason, str]

PASSED: Verdict = (Reason.NONE, "")
"""The one verdict that denies nothing."""
