"""A client of Chappe, version 1."""

from . import events, pb
from .client import Client
from .errors import ConnectionEnded, OutboxFull, ProtocolError, RequestError
from .ids import id_text
from .limits import Bounds, Times
from .outbox import Entry, State
from .room import Room, RoomState

__all__ = [
    "Bounds", "Client", "ConnectionEnded", "Entry", "OutboxFull", "ProtocolError", "RequestError", "Room", "RoomState",
    "State", "Times", "events", "id_text", "pb",
]  # fmt: skip
