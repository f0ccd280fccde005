"""Messages between agents: frozen, typed, carrying references and never copies."""

from enum import IntEnum
from typing import Any, NamedTuple

from dreammaker.domain.codes import plain_members


@plain_members
class MessageType(IntEnum):
    """The five kinds of message."""

    DATA = 1
    COMMAND = 2
    STATUS = 3
    ERROR = 4
    HEARTBEAT = 5


@plain_members
class Topic(IntEnum):
    """What a message is about; agents name the topics they take."""

    EVENT_BATCH = 1
    FEATURE_ROWS = 2
    DECISION_ROW = 3
    PROPOSAL = 4
    TARGET = 5
    SIZED_TARGET = 6
    SUBMIT = 7
    CANCEL = 8
    APPROVED = 9
    DENIED = 10
    REPORT = 11
    PHASE = 12
    TIMER = 13
    LIFECYCLE = 14
    FLATTEN = 15
    HEARTBEAT = 16
    FAILURE = 17


@plain_members
class Capability(IntEnum):
    """What an agent offers; the coordinator routes by it."""

    COORDINATE = 1
    INGEST = 2
    COMPUTE_FEATURES = 3
    PREDICT = 4
    GUARD = 5
    EXECUTE = 6


class Message(NamedTuple):
    """One message; a tuple, for it is made several times a decision.

    Parameters
    ----------
    type : MessageType
    topic : Topic
    sender : str
        Name of the agent (or "loop").
    to : Capability
        Who shall have it.
    payload : object
        A reference; the receiver does not change it.
    time_ns : int
        Loop time.
    """

    type: MessageType
    topic: Topic
    sender: str
    to: Capability
    payload: Any
    time_ns: int
