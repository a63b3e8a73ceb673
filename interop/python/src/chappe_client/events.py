"""What a client tells the application."""

from __future__ import annotations

from dataclasses import dataclass

from . import pb
from .errors import Verdict


@dataclass(frozen=True)
class Connected:
    welcome: pb.Welcome


@dataclass(frozen=True)
class Disconnected:
    """`delay`: seconds to the next attempt; none: there is none."""

    verdict: Verdict
    delay: float | None


@dataclass(frozen=True)
class NewSession:
    """Another holder had the session (SES-7). What was sent and not settled is maybe."""


@dataclass(frozen=True)
class RoomJoined:
    room: str
    joined: pb.Joined


@dataclass(frozen=True)
class RoomLeft:
    """`code` says why, where the application did not ask for it."""

    room: str
    code: int


@dataclass(frozen=True)
class Chat:
    room: str
    chat: pb.Chat


@dataclass(frozen=True)
class Missing:
    """Entries that will not be delivered; history may have them (RES-4, RES-7). Behind a Reset: entries of the new log."""

    room: str
    first: int
    last: int
    reason: int = pb.GAP_REASON_UNSPECIFIED


@dataclass(frozen=True)
class Reset:
    """The log is another one: every offset known of the room is void (RES-4)."""

    room: str
    epoch: int


@dataclass(frozen=True)
class Ephemeral:
    """A receipt, typing, members or signal frame of a room, or a presence or signal of none."""

    room: str
    body: pb.Receipt | pb.Typing | pb.Members | pb.Presence | pb.Signal


Event = Connected | Disconnected | NewSession | RoomJoined | RoomLeft | Chat | Missing | Reset | Ephemeral
