"""The client: sessions, connections one after another, rooms (SES, LIV, AUT)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from . import events, limits as lim, pb
from .connection import Connection
from .errors import ConnectionEnded, ProtocolError
from .outbox import Window
from .presence import Presence
from .room import JoinOptions, Room, RoomState
from .supervisor import Supervisor, TokenSource
from .transport import check_url


class Client:
    def __init__(self, url: str, token: str | TokenSource = "", *, allow_insecure: bool = False,
                 receipts: bool = True, times: lim.Times | None = None, bounds: lim.Bounds | None = None) -> None:  # fmt: skip
        check_url(url, token != "", allow_insecure)
        self.url, self.receipts = url, receipts
        self.times, self.bounds = times or lim.Times(), bounds or lim.Bounds()
        self.supervisor = Supervisor(self, token)
        self.connection: Connection | None = None  # while hello is sent, or more
        self.limits = lim.default_limits()
        self.user = ""
        self.rooms: dict[str, Room] = {}
        self.presence = Presence(self)
        self._handles: dict[int, Room] = {}  # of this connection
        self._window = Window()  # of this connection
        self._events: deque[tuple[events.Event, Connection | None, int]] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()  # cleared while the application lags behind
        self._taken.set()
        self._task: asyncio.Task[None] | None = None
        self._pump_timer: asyncio.TimerHandle | None = None
        self._drain_timer: asyncio.TimerHandle | None = None

    # What the application does

    async def __aenter__(self) -> Client:
        self._task = asyncio.create_task(self.supervisor.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Says goodbye and closes (GBY-6)."""
        self.supervisor.stop()
        self._taken.set()
        if self.connection:
            if self.connection.ready:
                self.connection.send(pb.Frame(goodbye=pb.Goodbye(retry=pb.RETRY_NEVER)))
            await self.connection.close()
        if self._task:
            await self._task
        self._arrived.set()

    def start(self) -> None:
        """An attempt at once, if one is waited for: there is a network again, or a fresh token."""
        self.supervisor.start()

    def room(self, name: str, *, tail: int = 0, max_catchup: int = 0, publish_only: bool = False) -> Room:
        """The room of that name; joins it, and again after each loss of the connection, until it is left.

        Raises ProtocolError LIMIT_EXCEEDED where the relay takes no further room (LIM-1).
        """
        room = self.rooms.get(name)
        is_new = room is None or room.state is RoomState.LEFT
        if is_new and sum(other.state is not RoomState.LEFT for other in self.rooms.values()) >= self.limits.rooms:
            raise ProtocolError(pb.ERROR_CODE_LIMIT_EXCEEDED, f"the relay takes {self.limits.rooms} rooms")
        if room is None:
            room = self.rooms[name] = Room(self, name, JoinOptions(tail, max_catchup, publish_only))
            if self.connection:
                room.attach(self.connection)
        else:
            room.want()
        return room

    async def history(self, room: Room, *, before: int | None = None, after: int | None = None, limit: int = 0) -> pb.Page:
        if self.connection is None or not room.open:
            raise ConnectionEnded("the room is not open")
        asked = pb.History(room=room.handle, before=before, after=after, limit=limit,
                           epoch=room.cursor.epoch if before or after else 0)  # fmt: skip
        return (await self.connection.ask(pb.Frame(history=asked))).page

    async def events(self) -> AsyncIterator[events.Event]:
        """What happens. The relay stops sending chats while the application does not take them (CRD)."""
        while True:
            while self._events:
                event, connection, size = self._events.popleft()
                if len(self._events) <= self.bounds.events // 2:
                    self._taken.set()
                yield event
                if connection is not None:
                    self._processed(connection, size)
            if self._task is None or self._task.done():
                return
            self._arrived.clear()
            if not self._events:
                await self._arrived.wait()

    # What rooms use

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def emit(self, event: events.Event, connection: Connection | None = None, size: int = 0) -> None:
        """Chats are bounded by credit. Of what else there is too much, the passing is dropped; the rest ends the connection, and no other
        is opened until the application has taken half of it (LIM-6)."""
        if connection is None and len(self._events) >= self.bounds.events:
            if isinstance(event, events.Ephemeral):
                return
            self._taken.clear()
            if self.connection:
                self.connection.drop()
        self._events.append((event, connection, size))
        self._arrived.set()

    async def taken(self) -> None:
        """Waits until the application has taken enough of what waits for it, or the client is stopped."""
        await self._taken.wait()

    def pump(self) -> None:
        """Sends what may be sent (PUB-16, 2), of each open room in turn."""
        connection = self.connection
        if connection is None or not connection.ready or connection.draining:
            return
        now, sent, again = self.now(), True, float("inf")
        rooms = [room for room in self.rooms.values() if room.state is RoomState.JOINED]
        while sent:
            sent = False
            for room in rooms:
                if publish := room.outbox.transmit(room.handle, now, self.limits.content_bytes):
                    connection.send(pb.Frame(publish=publish))
                    sent = True
        for room in rooms:
            if room.outbox.entries and now < room.outbox.paused_until:
                again = min(again, room.outbox.paused_until)
        if self._pump_timer:
            self._pump_timer.cancel()
            self._pump_timer = None
        if again < float("inf"):
            self._pump_timer = asyncio.get_running_loop().call_at(again + 0.001, self.pump)

    # What the connection tells

    def on_welcome(self, connection: Connection, welcome: pb.Welcome) -> None:
        self.limits, self.user = welcome.limits, welcome.user
        self._window = Window(welcome.limits.window_messages, welcome.limits.window_bytes)
        self.supervisor.welcome(connection, welcome)
        self.emit(events.Connected(welcome))
        self.presence.welcome(connection)

    def on_goodbye(self, connection: Connection, goodbye: pb.Goodbye) -> None:
        """GBY-4. A second one replaces the first."""
        self._cancel_drain()
        close = self.supervisor.close
        self._drain_timer = asyncio.get_running_loop().call_later(goodbye.drain_ms / 1000, close, connection)
        self._drained(connection)

    def on_lost(self) -> None:
        """The connection has ended."""
        self.connection = None
        self._cancel_drain()
        self._handles.clear()
        self.presence.lost()
        for room in self.rooms.values():
            room.detach()

    def on_frame(self, connection: Connection, body: str, frame: pb.Frame, size: int) -> None:
        content = getattr(frame, body)
        if body == "chat":
            connection.credit.receive(size)
            room = self._readable(content.room)
            if room is not None and room.on_chat(content):
                self.emit(events.Chat(room.name, content), connection, size)
            else:
                self._processed(connection, size)
        elif body == "joined":
            self._unsolicited(connection, content)
        elif body == "presence":
            self.presence.received(content)
        elif body == "signal" and not content.room:
            self.emit(events.Ephemeral("", content))
        elif body != "pong" and (room := self._handles.get(content.room)) and room.open:
            self._room_frame(connection, room, body, content)
        self.pump()
        if connection.draining:
            self._drained(connection)

    def _cancel_drain(self) -> None:
        if self._drain_timer:
            self._drain_timer.cancel()
            self._drain_timer = None

    def _drained(self, connection: Connection) -> None:
        if not self._window.messages:
            self.supervisor.close(connection)

    def _room_frame(self, connection: Connection, room: Room, body: str, content) -> None:
        if body == "ack":
            room.on_ack(content)
        elif body == "error":
            if content.seq:
                room.on_publish_error(connection, content, self.now())
                if content.retry == pb.RETRY_REAUTHENTICATE:
                    self.supervisor.refresh()
            if content.scope == pb.SCOPE_ROOM and content.code != pb.ERROR_CODE_SEQ_CONFLICT:
                room.on_left(content.code)
        elif body == "left":
            room.on_left(content.code)
        elif room.state is not RoomState.LEAVING:
            if body == "gap":
                room.on_gap(content)
            elif body in ("receipt", "typing", "members", "signal"):
                self.emit(events.Ephemeral(room.name, content))

    def handle_told(self, room: Room) -> None:
        """The handle of an open room, for this connection."""
        self._handles[room.handle] = room
        room.outbox.window = self._window

    def _readable(self, handle: int) -> Room | None:
        room = self._handles.get(handle)
        return room if room and room.open and room.state is not RoomState.LEAVING else None

    def _unsolicited(self, connection: Connection, joined: pb.Joined) -> None:
        room = self.rooms.get(joined.name)
        if room is None:  # the relay enters it for us (ROM-6)
            room = self.rooms[joined.name] = Room(self, joined.name, JoinOptions())
        room.on_unsolicited(connection, joined)

    def _processed(self, connection: Connection, size: int) -> None:
        total = connection.credit.process(size)
        if total and connection is self.connection and connection.ready:
            connection.send(pb.Frame(credit=pb.Credit(total_bytes=total)))
