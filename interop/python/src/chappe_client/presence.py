"""The client's own presence, and the users it watches (PRS)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import events, pb
from .errors import ProtocolError

if TYPE_CHECKING:
    from .client import Client
    from .connection import Connection


class Presence:
    def __init__(self, client: Client) -> None:
        self.client = client
        self._mark: pb.PresenceMark | None = None
        self._watched: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, state: int, activity: str = "", status_text: str = "") -> None:
        self._mark = pb.PresenceMark(state=state, activity=activity, status_text=status_text)
        self._send()

    def watch(self, *users: str) -> None:
        """What is known, and each change, come as Ephemeral events of no room.

        Raises ProtocolError LIMIT_EXCEEDED where the relay takes no further user (LIM-1); nobody of them is watched then.
        """
        most = self.client.limits.watched_users
        if len(self._watched.union(users)) > most:
            raise ProtocolError(pb.ERROR_CODE_LIMIT_EXCEEDED, f"the relay takes {most} watched users")
        self._watched.update(users)
        if self.client.connection:
            self._watch(self.client.connection, list(users))

    def unwatch(self, *users: str) -> None:
        self._watched.difference_update(users)
        if self.client.connection and self.client.connection.ready:
            self.client.connection.send(pb.Frame(unwatch=pb.Unwatch(users=users)))

    def welcome(self, connection: Connection) -> None:
        """Both end with the connection, hence are told again (PRS-2, PRS-8)."""
        self._send()
        if self._watched:
            self._watch(connection, sorted(self._watched))

    def lost(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def received(self, presence: pb.Presence) -> None:
        marks = [mark for mark in presence.marks if mark.user in self._watched]
        if marks:
            self.client.emit(events.Ephemeral("", pb.Presence(marks=marks, snapshot=presence.snapshot)))

    def _watch(self, connection: Connection, users: list[str]) -> None:
        def answer(frame: pb.Frame | None) -> None:
            if frame is not None and frame.HasField("presence"):
                self.received(frame.presence)

        connection.request(pb.Frame(watch=pb.Watch(users=users)), answer)

    def _send(self) -> None:
        self.lost()
        connection = self.client.connection
        if self._mark is None or connection is None or not connection.ready:
            return
        connection.send(pb.Frame(presence=pb.Presence(marks=[self._mark])))
        if self._mark.state != pb.PRESENCE_STATE_OFFLINE:
            every = min(self.client.times.presence_refresh, self.client.limits.presence_ttl_ms / 3000)
            self._timer = asyncio.get_running_loop().call_later(every, self._send)
