"""Where a client stands in a room's log: position, what comes next, what was seen (RES, LOG-2, MID-6)."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field

from . import pb
from .errors import ProtocolError
from .limits import Bounds


class SeenIds:
    """Ids of messages that were shown lately, bounded by count and by age."""

    def __init__(self, count: int, seconds: float) -> None:
        self.count, self.seconds = count, seconds
        self._ids: OrderedDict[bytes, float] = OrderedDict()

    def add(self, message_id: bytes) -> bool:
        """Whether it is new."""
        now = time.monotonic()
        while self._ids and (len(self._ids) >= self.count or next(iter(self._ids.values())) < now - self.seconds):
            self._ids.popitem(last=False)
        new = message_id not in self._ids
        if new:
            self._ids[message_id] = now
        return new


@dataclass(frozen=True)
class Taken:
    """What a joined means to the application (RES-4): `missing` offsets will not be delivered, though history may have them."""

    missing: range = range(0)
    reset: bool = False  # every offset that was known of the room is void; those of `missing` are of the new log


def _invalid(message: str, path: str) -> ProtocolError:
    return ProtocolError(pb.ERROR_CODE_OFFSET_INVALID, message, path)


@dataclass
class Cursor:
    bounds: Bounds = field(default_factory=Bounds)
    epoch: int = 0
    offset: int = 0  # everything up to it was taken, or is known to be missing
    expected: int = 0  # what the relay delivers next on this connection; 0: nothing is expected

    def __post_init__(self) -> None:
        self.seen = SeenIds(self.bounds.seen_ids, self.bounds.seen_seconds)

    def position(self) -> pb.Position | None:
        return pb.Position(epoch=self.epoch, offset=self.offset) if self.epoch else None

    def joined(self, joined: pb.Joined, asked: pb.Position | None, *, publish_only: bool = False) -> Taken:
        """Takes the verdict of a joined that answers a join or is FRESH or RESET (RES-4, RES-5)."""
        if not (joined.first_retained <= joined.start <= joined.head + 1):
            raise _invalid("start is not within the log", "joined.start")
        if joined.verdict in (pb.VERDICT_RESUMED, pb.VERDICT_GAP):
            if asked is None or asked.epoch != joined.epoch:
                raise _invalid("the verdict contradicts the position", "joined.verdict")
            resumed = joined.start == asked.offset + 1
            if resumed != (joined.verdict == pb.VERDICT_RESUMED) or joined.start < asked.offset + 1:
                raise _invalid("start contradicts the position", "joined.start")
        known, reset = self.epoch != 0, joined.verdict == pb.VERDICT_RESET
        if publish_only:
            self.expected = 0
            return Taken(reset=known and reset)  # the position stays where reading was left
        self.expected = joined.start
        # A reset that was told meanwhile is not told again by the answer to a join that carried the old epoch (ROM-10).
        beyond = reset and asked is not None and asked.epoch == joined.epoch
        if joined.epoch != self.epoch or beyond:
            self.epoch, self.offset = joined.epoch, joined.start - 1
            # Nothing of the new log was seen.
            return Taken(range(1, joined.start) if reset else range(0), known)
        # Chats that came between a second join and its answer are not forgotten (ROM-10).
        first, self.offset = self.offset + 1, max(self.offset, joined.start - 1)
        return Taken(range(first, joined.start))

    def updated(self, joined: pb.Joined, *, was_readable: bool) -> None:
        """Takes an unsolicited RESUMED: it changes rights and details, not the place (ROM-6)."""
        if joined.epoch != self.epoch and was_readable:
            raise _invalid("another epoch", "joined.epoch")
        if not was_readable:
            # Within an epoch the position does not go back: what was seen comes as a duplicate.
            seen = self.offset if joined.epoch == self.epoch else 0
            self.epoch, self.expected, self.offset = joined.epoch, joined.start, max(seen, joined.start - 1)
        elif joined.start != self.expected:
            raise _invalid("not the offset that comes next", "joined.start")

    def chat(self, offset: int) -> bool:
        """Whether the entry is taken; a duplicate is not (LOG-2)."""
        if not self.expected or offset > self.expected:
            raise _invalid(f"{offset} where {self.expected} comes next", "chat.offset")
        if offset < self.expected:
            return False
        self.expected += 1
        new = offset > self.offset
        self.offset = max(self.offset, offset)
        return new

    def gap(self, first: int, last: int) -> range:
        """RES-7. Returns what is missing: of it only what lies above the position (ROM-10)."""
        if first != self.expected:
            raise _invalid(f"{first} where {self.expected} comes next", "gap.first")
        missing = range(max(first, self.offset + 1), last + 1)
        self.expected = last + 1
        self.offset = max(self.offset, last)
        return missing

    def detached(self) -> None:
        self.expected = 0
