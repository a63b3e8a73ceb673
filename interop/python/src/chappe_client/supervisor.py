"""One attempt after another: sessions, tokens, waiting (SES-3, SES-7, AUT-10, LIV-6)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING

from . import events, pb
from .backoff import Backoff
from .connection import Connection
from .errors import LOST, ConnectionEnded, RequestError, Verdict
from .transport import OpenFailed, open_websocket

if TYPE_CHECKING:
    from .client import Client

AGENT = "chappe-py/0.1.0"
# Gives a token. The argument says that the one before was not accepted, or expires; None: there is none.
TokenSource = Callable[[bool], Awaitable[str | None]]


def _fixed(token: str) -> TokenSource:
    async def source(fresh: bool) -> str | None:
        return None if fresh else token

    return source


class Supervisor:
    def __init__(self, client: Client, token: str | TokenSource) -> None:
        self.client = client
        self._token = _fixed(token) if isinstance(token, str) else token
        self.session, self.attempt = secrets.token_bytes(16), 0
        self._backoff = Backoff(client.times)
        self._start = asyncio.Event()
        self._stopped = False
        self._fresh = False  # the next attempt needs a fresh token
        self._welcomed = False
        self._background: set[asyncio.Task[None]] = set()
        self._refresh_timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        self._stopped = True
        self._start.set()

    def start(self) -> None:
        self._start.set()

    async def run(self) -> None:
        while not self._stopped:
            await self.client.taken()
            if self._stopped:
                break
            token = await self._token(self._fresh)
            if token is None:  # locked (SES-8): waits for start()
                await self._wait(None)
                continue
            verdict = await self._attempt(token)
            self._backoff.ended(self._welcomed, verdict)
            self.client.on_lost()
            if self._refresh_timer:
                self._refresh_timer.cancel()
            if self._stopped:
                break
            if verdict.code == pb.ERROR_CODE_SESSION_TAKEN:
                self._new_session()
                verdict = replace(LOST, code=verdict.code)
            self._fresh = verdict.retry == pb.RETRY_REAUTHENTICATE
            delay = self._backoff.delay(verdict, self.client.now())
            self.client.emit(events.Disconnected(verdict, delay))
            if delay is None:
                break  # closed
            await self._wait(delay)
        self.client._arrived.set()

    async def _wait(self, delay: float | None) -> None:
        if not self._stopped:
            self._start.clear()
            try:
                await asyncio.wait_for(self._start.wait(), delay)
            except TimeoutError:
                pass

    async def _attempt(self, token: str) -> Verdict:
        client = self.client
        self.attempt += 1
        self._welcomed = False
        started = client.now()
        try:
            websocket = await open_websocket(client.url, client.times)
        except OpenFailed as failed:
            return failed.verdict
        left = max(0.1, client.times.connect - (client.now() - started))
        connection = Connection(websocket, client, replace(client.times, connect=left), client.bounds)
        client.connection = connection
        # What waits behind hello is sent by run(), in this order (SES-4).
        for room in client.rooms.values():
            room.attach(connection)
        hello = pb.Hello(session=self.session, attempt=self.attempt, token=token, agent=AGENT)
        return await connection.run(hello)

    def welcome(self, connection: Connection, welcome: pb.Welcome) -> None:
        self._welcomed, self._fresh = True, False
        self._backoff.welcome()
        self._expires(welcome.expires_in_ms)

    def _expires(self, in_ms: int) -> None:
        """AUT-4: at four fifths of the time."""
        if self._refresh_timer:
            self._refresh_timer.cancel()
        if in_ms:
            self._refresh_timer = asyncio.get_running_loop().call_later(in_ms * 0.8 / 1000, self.refresh)

    def refresh(self) -> None:
        if self.client.connection:
            self._spawn(self._refresh(self.client.connection))

    async def _refresh(self, connection: Connection) -> None:
        token = await self._token(True)
        if not token or connection is not self.client.connection:
            return
        try:
            answer = await connection.ask(pb.Frame(refresh=pb.Refresh(token=token)))
        except (RequestError, ConnectionEnded, TimeoutError):
            return  # the old token holds until it expires (AUT-5)
        self._expires(answer.refreshed.expires_in_ms)
        for room in self.client.rooms.values():
            room.outbox.resume()
        self.client.pump()

    def close(self, connection: Connection) -> None:
        """After the relay's goodbye (GBY-4)."""
        self._spawn(connection.close())

    def _new_session(self) -> None:
        """SES-7: entries that were never sent move, in their order; those that were sent are maybe."""
        self.session, self.attempt = secrets.token_bytes(16), 0
        for room in self.client.rooms.values():
            room.outbox.give_up(queued=False)
        self.client.emit(events.NewSession())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
