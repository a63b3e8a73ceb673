"""The outbox of one room: publishes that are not settled, and their seqs (PUB). No input, no output."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from enum import Enum
from itertools import takewhile

from . import pb
from .errors import OutboxFull, effective_processed, effective_retry
from .ids import message_ids
from .limits import Times


class State(Enum):
    """PUB-13."""

    QUEUED = "queued"
    SENT = "sent"
    VOIDING = "voiding"
    STORED = "stored"
    FAILED = "failed"
    MAYBE = "maybe"
    CANCELLED = "cancelled"


SETTLED = (State.STORED, State.FAILED, State.MAYBE, State.CANCELLED)


@dataclass(eq=False)
class Entry:
    id: bytes
    content: pb.Content | None
    kind: int = pb.CHAT_KIND_UNSPECIFIED
    target: bytes = b""
    state: State = State.QUEUED
    seq: int = 0  # 0: never sent
    in_flight: int = 0  # bytes of the Publish in flight; 0: it is not
    offset: int = 0
    time_ms: int = 0
    error: pb.ErrorInfo | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, room: int) -> pb.Publish:
        """What goes on the wire; a void in the place of a message that is to be cancelled (PUB-12)."""
        if self.state is State.VOIDING:
            return pb.Publish(room=room, seq=self.seq, id=self.id, kind=pb.CHAT_KIND_VOID)
        return pb.Publish(room=room, seq=self.seq, id=self.id, content=self.content, kind=self.kind, target=self.target)

    async def wait(self) -> Entry:
        await self.settled.wait()
        return self


class Window:
    """Publishes in flight on one connection, over all rooms (PUB-10)."""

    def __init__(self, messages: int = 256, size: int = 4_194_304) -> None:
        self.max_messages, self.max_bytes = min(messages, 256), size
        self.messages = self.bytes = 0

    def fits(self, size: int) -> bool:
        return self.messages < self.max_messages and self.bytes + size <= self.max_bytes

    def add(self, entry: Entry, size: int) -> None:
        self.remove(entry)
        entry.in_flight = size
        self.messages += 1
        self.bytes += size

    def remove(self, entry: Entry) -> None:
        if entry.in_flight:
            self.messages -= 1
            self.bytes -= entry.in_flight
            entry.in_flight = 0


class Outbox:
    def __init__(self, bound: int = 10_000, times: Times | None = None) -> None:
        self.bound, self.times = bound, times or Times()
        self.entries: list[Entry] = []  # those with a seq first, by seq; then queued ones
        self.window = Window()
        self.epoch = 0  # the epoch under which seqs were given
        self.next_seq = 1
        self.conflict = False
        self.synced = False  # PUB-8 is done on this connection
        self.paused_until = 0.0  # by the loop's clock; infinity: until told
        self._rejections = 0  # how often in a row the room was given back without an ack between

    @property
    def unsettled(self) -> list[Entry]:
        """U of PUB-8."""
        return list(takewhile(lambda entry: entry.seq, self.entries))

    # What the application does

    def add(self, content: pb.Content | None, kind: int = 0, target: bytes = b"") -> Entry:
        if len(self.entries) >= self.bound:
            raise OutboxFull(f"{self.bound} entries wait already")
        entry = Entry(message_ids.next(), content, kind, target)
        self.entries.append(entry)
        return entry

    def cancel(self, entry: Entry) -> None:
        """A wish; entry.state tells what became of it (PUB-12)."""
        if entry.state is State.QUEUED:
            self._settle(entry, State.CANCELLED)
        elif entry.state is State.SENT:
            entry.state = State.VOIDING

    def fail(self, entry: Entry, info: pb.ErrorInfo) -> None:
        entry.error = info
        self._settle(entry, State.FAILED)

    def give_up(self, *, queued: bool = True) -> list[Entry]:
        """The room or the session is given up: what was sent is maybe (ROM-8, SES-7). Returns what was never sent."""
        for entry in self.unsettled:
            self._settle(entry, State.MAYBE)
        rest = list(self.entries)
        if queued:
            for entry in rest:
                self._settle(entry, State.CANCELLED)
        return rest

    # What the connection does

    def lost(self) -> None:
        """PUB-16, 7. The window begins anew with the next connection."""
        for entry in self.entries:
            entry.in_flight = 0
        self.synced = False
        self.paused_until = 0.0

    def closed(self) -> None:
        """The room is closed on this connection: nothing more is sent; what was stays sent (ROM-8)."""
        self._give_back(0)
        self.synced = False

    def joined(self, next_seq: int, epoch: int) -> None:
        """PUB-8."""
        self._give_back(0)
        sent = self.unsettled
        if not sent:
            self.next_seq = next_seq
        elif self.conflict:
            self._renumber(next_seq)
        elif next_seq >= sent[0].seq:
            self.next_seq = max(next_seq, sent[-1].seq + 1)
            if epoch != self.epoch:  # what the old log used up would be a hole in this one
                self._renumber(next_seq, [entry for entry in sent if entry.seq >= next_seq])
        elif epoch != self.epoch:
            self._renumber(next_seq)
        else:
            for entry in sent:
                self._settle(entry, State.MAYBE)
            self.next_seq = next_seq
        self.epoch = epoch
        self.conflict, self.synced, self.paused_until = False, True, 0.0

    def transmit(self, room: int, now: float, content_bytes: int = 65_536) -> pb.Publish | None:
        """The next publish to send, or none (PUB-16, 2). It is in flight when this returns."""
        if not self.synced or self.conflict or now < self.paused_until:
            return None
        while entry := next((e for e in self.entries if not e.in_flight), None):
            if entry.state is State.VOIDING or entry.content is None or entry.content.ByteSize() <= content_bytes:
                break
            # The relay of this connection takes less than the one before did.
            if entry.seq:
                self.cancel(entry)
            else:
                self.fail(entry, pb.ErrorInfo(code=pb.ERROR_CODE_LIMIT_EXCEEDED, retry=pb.RETRY_NEVER))
        if entry is None:
            return None
        seq = entry.seq
        entry.seq = seq or self.next_seq
        publish = entry.publish(room)
        size = publish.ByteSize()
        if not self.window.fits(size):
            entry.seq = seq
            return None
        if not seq:
            self.next_seq += 1
            entry.state = State.SENT
        self.window.add(entry, size)
        return publish

    def ack(self, seq: int, offset: int, time_ms: int) -> None:
        """ACK-4: a seq that is settled, or was never given, is passed over."""
        self._rejections = 0
        if entry := self._find(seq):
            entry.offset, entry.time_ms = offset, time_ms
            self._settle(entry, State.STORED if offset else State.CANCELLED)

    def error(self, info: pb.ErrorInfo, now: float) -> None:
        """An error about a publish (PUB-11)."""
        entry = self._find(info.seq)
        if entry is None:
            return
        if info.code == pb.ERROR_CODE_SEQ_CONFLICT:
            self.conflict = True  # until the room is joined again (PUB-18)
            self._give_back(0)
        elif info.code == pb.ERROR_CODE_OUT_OF_ORDER and info.next_seq:
            if entry.in_flight:
                self._out_of_order(info.next_seq)
        elif effective_processed(info.processed) != pb.PROCESSED_NO:
            entry.error = info
            self._settle(entry, State.MAYBE)
        elif (retry := effective_retry(info.retry)) == pb.RETRY_NEVER:
            self.fail(entry, info)
        elif entry.in_flight:
            self._give_back(info.seq)
            self._rejections += 1
            self.paused_until = self._pause(info, retry, self._rejections, now)

    def resume(self) -> None:
        """What the room waited for has come: a refresh."""
        self.paused_until = 0.0

    def _pause(self, info: pb.ErrorInfo, retry: int, count: int, now: float) -> float:
        if info.code == pb.ERROR_CODE_ROOM_UNKNOWN or retry == pb.RETRY_REAUTHENTICATE:
            return float("inf")
        if info.retry_after_ms:
            return now + info.retry_after_ms / 1000
        if retry == pb.RETRY_NOW and count == 1:
            return now
        return now + random.uniform(0, min(self.times.backoff_cap, self.times.backoff_base * 2 ** min(count, 32)))

    def _out_of_order(self, expected: int) -> None:
        """PUB-16, 6."""
        if self._find(expected):
            self._give_back(expected)
        else:
            self._give_back(0)
            self._renumber(expected)

    def _find(self, seq: int) -> Entry | None:
        return next((e for e in self.unsettled if e.seq == seq), None) if seq else None

    def _give_back(self, first: int) -> None:
        for entry in self.unsettled:
            if entry.seq >= first:
                self.window.remove(entry)

    def _renumber(self, first: int, sent: list[Entry] | None = None) -> None:
        sent = self.unsettled if sent is None else sent
        for seq, entry in enumerate(sent, first):
            entry.seq = seq
        self.next_seq = first + len(sent)

    def _settle(self, entry: Entry, state: State) -> None:
        self.window.remove(entry)
        self.entries.remove(entry)
        entry.state = state
        entry.settled.set()
