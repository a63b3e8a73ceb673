"""Receipts and typing of one room. The latest wins; nothing is acknowledged (RCP, TYP)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import pb

if TYPE_CHECKING:
    from .room import Room


class Social:
    def __init__(self, room: Room) -> None:
        self.room = room
        self.read = 0
        self._told = (0, 0)  # delivered, read, as the relay knows them
        self._flush: asyncio.TimerHandle | None = None
        self._next_receipt = 0.0
        self._next_typing = 0.0
        self._stop: asyncio.TimerHandle | None = None

    def joined(self, joined: pb.Joined, *, reset: bool) -> None:
        """Watermarks end with the epoch (RCP-7); those that the relay shows lower are told again (RCP-2)."""
        if reset:
            self.read = 0
        self.read = max(self.read, joined.read)
        own = [mark for mark in joined.marks if mark.user == self.room.client.user]
        self._told = (own[0].delivered if own else 0, joined.read)
        self._stop_timer()
        self.taken()

    def mark_read(self, offset: int) -> None:
        """The user has read everything up to `offset`."""
        self.read = max(self.read, min(offset, self.room.cursor.offset))
        self._schedule()

    def taken(self) -> None:
        """An entry came from the connection."""
        if self.room.client.receipts:
            self._schedule()

    def typing(self) -> None:
        """The user is writing: to be called for each key; sends as seldom as TYP-3 asks."""
        client, now = self.room.client, self.room.client.now()
        if not self._may_signal():
            return
        self._stop_timer()
        self._stop = asyncio.get_running_loop().call_later(client.times.typing_stop, self.stopped)
        if now < self._next_typing:
            return
        # Again after a part of the ttl, and never within the interval.
        interval = client.limits.typing_interval_ms / 1000
        self._next_typing = now + max(interval * 1.05, client.times.typing_ttl / 2)
        self._send_typing(int(client.times.typing_ttl * 1000))

    def stopped(self) -> None:
        """The user has stopped, or emptied the text; not after a publish."""
        if self._stop:
            self._stop_timer()
            if self._may_signal():
                self._send_typing(0)

    def published(self) -> None:
        self._stop_timer()

    def _send_typing(self, ttl_ms: int) -> None:
        self._send(pb.Frame(typing=pb.Typing(room=self.room.handle, marks=[pb.TypingMark(ttl_ms=ttl_ms)])))

    def _may_signal(self) -> bool:
        info = self.room.info
        return self.room.open and info is not None and pb.RIGHT_SIGNAL in info.rights

    def _send(self, frame: pb.Frame) -> None:
        connection = self.room.client.connection
        if connection and connection.ready:
            connection.send(frame)

    def _schedule(self) -> None:
        if self._flush is None:
            delay = max(0.0, self._next_receipt - self.room.client.now())
            self._flush = asyncio.get_running_loop().call_later(delay, self._send_receipt)

    def _send_receipt(self) -> None:
        self._flush = None
        marks = (self.room.cursor.offset if self.room.client.receipts else self.read, self.read)
        if self.room.options.publish_only or not self._may_signal():
            return
        if marks[0] > self._told[0] or marks[1] > self._told[1]:
            self._told = marks
            self._next_receipt = self.room.client.now() + self.room.client.times.receipt_interval
            mark = pb.ReceiptMark(delivered=marks[0], read=marks[1])
            self._send(pb.Frame(receipt=pb.Receipt(room=self.room.handle, marks=[mark])))

    def _stop_timer(self) -> None:
        if self._stop:
            self._stop.cancel()
            self._stop = None
