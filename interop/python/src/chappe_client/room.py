"""One room as the client has it: its state (ROM-9), cursor, outbox, and what is told about its members."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from . import events, pb
from .backoff import Backoff
from .codec import content as make_content
from .connection import Connection
from .constraints import ack_outcomes, check
from .cursor import Cursor
from .errors import ProtocolError, RequestError, Verdict
from .outbox import Entry, Outbox
from .social import Social

if TYPE_CHECKING:
    from .client import Client


class RoomState(Enum):
    DETACHED = "detached"
    JOINING = "joining"
    JOINED = "joined"
    LEAVING = "leaving"
    LEFT = "left"


@dataclass(frozen=True)
class JoinOptions:
    tail: int = 0
    max_catchup: int = 0
    publish_only: bool = False


class Room:
    def __init__(self, client: Client, name: str, options: JoinOptions) -> None:
        self.client, self.name, self.options = client, name, options
        self.state = RoomState.DETACHED
        self.handle = 0  # of this connection (ROM-4)
        self.open = False
        self.cursor = Cursor(client.bounds)
        self.outbox = Outbox(client.bounds.outbox_entries, client.times)
        self.social = Social(self)
        self.info: pb.Joined | None = None
        self._backoff = Backoff(client.times)
        self._joined: asyncio.Future[pb.Joined] = asyncio.get_running_loop().create_future()
        self._retry: asyncio.TimerHandle | None = None

    # What the application does

    async def wait_joined(self) -> pb.Joined:
        """Raises RequestError where the relay refuses for good."""
        return await asyncio.shield(self._joined)

    def publish(self, text: str | None = None, *, data: bytes | None = None, content_type: str = "",
                headers: dict[str, str] | None = None, kind: int = pb.CHAT_KIND_UNSPECIFIED,
                target: bytes = b"") -> Entry:  # fmt: skip
        """Takes a message; `await entry.wait()` tells what became of it."""
        redaction = kind == pb.CHAT_KIND_REDACTION
        made = None if redaction else make_content(text, data, content_type, headers)
        if kind == pb.CHAT_KIND_VOID:
            raise ProtocolError(pb.ERROR_CODE_FIELD_INVALID, "use cancel", "publish.kind")
        check(pb.Frame(publish=pb.Publish(room=1, seq=1, id=bytes(16), content=made, kind=kind, target=target)))
        if made is not None and made.ByteSize() > self.client.limits.content_bytes:
            raise ProtocolError(pb.ERROR_CODE_LIMIT_EXCEEDED, "the content is too large", "publish.content")
        entry = self.outbox.add(made, kind, target)
        self.social.published()
        self.client.pump()
        return entry

    def cancel(self, entry: Entry) -> None:
        self.outbox.cancel(entry)
        self.client.pump()

    def want(self) -> None:
        """The input *join* of ROM-9."""
        if self.state is RoomState.LEFT:
            self.state = RoomState.DETACHED
            self._joined = asyncio.get_running_loop().create_future()
            if self.client.connection:
                self.attach(self.client.connection)

    def leave(self, *, give_up: bool = True) -> None:
        """With `give_up` entries that were sent and are not settled become maybe (ROM-8)."""
        self._cancel_retry()
        connection, was = self.client.connection, self.state
        if was is RoomState.JOINED and connection:
            self.state = RoomState.LEAVING

            def left(frame: pb.Frame | None) -> None:
                self._close(pb.ERROR_CODE_UNSPECIFIED)
                if give_up:
                    self.outbox.give_up()

            connection.request(pb.Frame(leave=pb.Leave(room=self.handle)), left)
        elif was is RoomState.JOINING:
            self.state = RoomState.LEAVING
        elif was is RoomState.DETACHED:
            self._close(pb.ERROR_CODE_UNSPECIFIED)
        if give_up and was is not RoomState.JOINED:
            self.outbox.give_up()

    # What the connection does

    def attach(self, connection: Connection) -> None:
        """Sends a join: for the first time, to resume, or again on a connection where the room is open (ROM-10)."""
        self._cancel_retry()
        if self.state not in (RoomState.DETACHED, RoomState.JOINED):
            return
        self.state = RoomState.JOINING
        asked = None if self.options.publish_only else self.cursor.position()
        join = pb.Join(name=self.name, position=asked, tail=self.options.tail,
                       max_catchup=self.options.max_catchup, publish_only=self.options.publish_only)  # fmt: skip

        def answer(frame: pb.Frame | None) -> None:
            if frame is None:
                return  # detach comes
            if frame.HasField("error"):
                self._refused(frame.error)
            elif frame.joined.name != self.name:
                raise ProtocolError(pb.ERROR_CODE_FIELD_INVALID, "another room", "joined.name")
            else:
                self.on_joined(connection, frame.joined, asked)

        connection.request(pb.Frame(join=join), answer)

    def detach(self) -> None:
        """The connection has ended."""
        self._cancel_retry()
        self.outbox.lost()
        self.cursor.detached()
        self.open, self.handle = False, 0
        if self.state is RoomState.LEAVING:
            self._close(pb.ERROR_CODE_UNSPECIFIED)
        elif self.state is not RoomState.LEFT:
            self.state = RoomState.DETACHED

    def on_joined(
        self, connection: Connection, joined: pb.Joined, asked: pb.Position | None, *, crossing: bool = False
    ) -> None:
        leaving = self.state is RoomState.LEAVING
        unread = self.options.publish_only or pb.RIGHT_READ not in joined.rights
        taken = self.cursor.joined(joined, asked, publish_only=unread)
        self._open(joined)
        if leaving:
            self.state = RoomState.JOINED
            self.leave()
            return
        if crossing:
            self.outbox.synced = False
        else:
            self.outbox.joined(joined.next_seq, joined.epoch)
        self._backoff.welcome()
        if taken.reset:
            self.client.emit(events.Reset(self.name, joined.epoch))
        if taken.missing:
            self.client.emit(events.Missing(self.name, taken.missing[0], taken.missing[-1]))
        self.social.joined(joined, reset=taken.reset)
        self._told(joined)
        self.client.pump()

    def on_unsolicited(self, connection: Connection, joined: pb.Joined) -> None:
        """ROM-6."""
        if self.state is RoomState.LEAVING:
            return
        if joined.verdict == pb.VERDICT_RESUMED and self.open:
            was_readable = bool(self.info and pb.RIGHT_READ in self.info.rights) and not self.options.publish_only
            if not self.options.publish_only:
                self.cursor.updated(joined, was_readable=was_readable)
            self.info = joined
            self.client.emit(events.RoomJoined(self.name, joined))
        else:
            # The answer to another join sets apart what may be crossing; the relay takes nothing before it (PUB-20).
            crossing = self.open
            self.on_joined(connection, joined, None, crossing=crossing)
            if crossing:
                self.attach(connection)

    def on_left(self, code: int) -> None:
        self._close(code)
        if not self._joined.done():
            self._joined.set_exception(RequestError(pb.ErrorInfo(code=code, retry=pb.RETRY_NEVER)))

    def on_publish_error(self, connection: Connection, info: pb.ErrorInfo, now: float) -> None:
        self.outbox.error(info, now)
        again = self.outbox.conflict or (info.code == pb.ERROR_CODE_ROOM_UNKNOWN and self.outbox.paused_until > now)
        if again and self.state is RoomState.JOINED:
            self.attach(connection)  # PUB-18, PUB-15

    def on_ack(self, ack: pb.Ack) -> None:
        for seq, offset, time_ms in ack_outcomes(ack):
            self.outbox.ack(seq, offset, time_ms)

    def on_chat(self, chat: pb.Chat) -> bool:
        """Whether the application is to see it."""
        if not self.cursor.chat(chat.offset):
            return False
        self.social.taken()
        return self.cursor.seen.add(chat.id)

    def on_gap(self, gap: pb.Gap) -> None:
        if missing := self.cursor.gap(gap.first, gap.last):
            self.client.emit(events.Missing(self.name, missing[0], missing[-1], gap.reason))

    def _open(self, joined: pb.Joined) -> None:
        self.state, self.open, self.handle, self.info = RoomState.JOINED, True, joined.room, joined
        self.client.handle_told(self)

    def _told(self, joined: pb.Joined) -> None:
        self.client.emit(events.RoomJoined(self.name, joined))
        if not self._joined.done():
            self._joined.set_result(joined)

    def _close(self, code: int) -> None:
        self.outbox.closed()
        self.cursor.detached()
        self.state, self.open = RoomState.LEFT, False
        self.client.emit(events.RoomLeft(self.name, code))

    def _refused(self, info: pb.ErrorInfo) -> None:
        """ROM-11."""
        if self.state is RoomState.LEAVING:
            self._close(pb.ERROR_CODE_UNSPECIFIED)
            return
        error = RequestError(info)
        self._backoff.ended(False, Verdict(error.retry))
        delay = self._backoff.delay(Verdict(error.retry, error.code, error.retry_after_ms), self.client.now())
        if delay is None:
            self._close(info.code)
            if not self._joined.done():
                self._joined.set_exception(error)
            return
        # An open room stays open where a second join of it fails.
        self.state = RoomState.JOINED if self.open else RoomState.DETACHED
        self._retry = asyncio.get_running_loop().call_later(delay, self._again)

    def _again(self) -> None:
        if self.client.connection:
            self.attach(self.client.connection)

    def _cancel_retry(self) -> None:
        if self._retry:
            self._retry.cancel()
            self._retry = None
