"""One connection: from hello to its end. Knows frames, requests and liveness; nothing of rooms."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from . import limits as lim, pb
from .codec import decode, encode
from .constraints import check, check_inner
from .credit import Credit
from .errors import (
    LOST, ConnectionEnded, ProtocolError, RequestError, Verdict, close_code, code_name, connection_error,
    verdict_of_close, verdict_of_error, verdict_of_goodbye,
)  # fmt: skip

Answer = Callable[["pb.Frame | None"], None]  # called with None where the connection ended first

_ANSWERS = {"join": "joined", "leave": "left", "history": "page", "watch": "presence", "refresh": "refreshed"}
_CLIENT_ONLY = {"hello", "join", "leave", "publish", "history", "watch", "unwatch", "credit", "refresh"}
_EPHEMERAL = {"receipt", "typing", "presence", "signal", "members"}


class Handler(Protocol):
    def on_welcome(self, connection: Connection, welcome: pb.Welcome) -> None: ...
    def on_frame(self, connection: Connection, body: str, frame: pb.Frame, size: int) -> None: ...
    def on_goodbye(self, connection: Connection, goodbye: pb.Goodbye) -> None: ...


class Connection:
    def __init__(self, websocket: ClientConnection, handler: Handler, times: lim.Times, bounds: lim.Bounds) -> None:
        self.websocket, self.handler, self.times, self.bounds = websocket, handler, times, bounds
        self.limits = lim.default_limits()
        self.credit = Credit(bounds.credit_bytes)
        self.ready = self.draining = False
        self.round_trip: float | None = None  # seconds, averaged (LIV-3)
        self.dead = times.connect
        self._verdict: Verdict | None = None
        self._closing = False
        self._urgent: dict[str, pb.Frame] = {}  # the latest ping and pong; they go before all else (LIV-2)
        self._queue: deque[tuple[pb.Frame, int]] = deque()
        self._early = 0  # bytes sent behind hello
        self._wake = asyncio.Event()
        self._open: dict[int, tuple[str, Answer]] = {}
        self._pending: deque[tuple[pb.Frame, Answer]] = deque()
        self._last_ref = 0
        self._ping_open = False
        self._heard = asyncio.get_running_loop().time()
        self._tasks: set[asyncio.Task[None]] = set()

    # Sending

    def send(self, frame: pb.Frame) -> None:
        """Puts a frame into the queue. Raises where it breaks a rule."""
        data = encode(frame, self.limits.frame_bytes if self.ready else lim.PRE_AUTH_FRAME_BYTES)
        if frame.WhichOneof("body") in _EPHEMERAL and len(self._queue) >= self.bounds.ephemeral_frames:
            return
        self._queue.append((frame, len(data)))
        self._wake.set()

    def request(self, frame: pb.Frame, answer: Answer) -> None:
        """`answer` is called in the order of frames, before the next one is looked at."""
        if len(self._pending) >= self.bounds.pending_requests:
            raise ProtocolError(pb.ERROR_CODE_TOO_MANY_REQUESTS, "too many requests wait")
        self._pending.append((frame, answer))
        self._send_requests()

    async def ask(self, frame: pb.Frame) -> pb.Frame:
        """Raises RequestError, ConnectionEnded, or TimeoutError after the request timeout (FRM-7, 5)."""
        future: asyncio.Future[pb.Frame] = asyncio.get_running_loop().create_future()

        def answer(got: pb.Frame | None) -> None:
            if future.done():
                return
            if got is None:
                future.set_exception(ConnectionEnded("the connection ended"))
            elif got.HasField("error"):
                future.set_exception(RequestError(got.error))
            else:
                future.set_result(got)

        self.request(frame, answer)
        return await asyncio.wait_for(future, self.times.request)

    def _send_requests(self) -> None:
        # Before welcome the limits are not known (SES-4).
        most = self.limits.open_requests if self.ready else lim.PRE_AUTH_REQUESTS
        while self._pending and len(self._open) < most:
            frame, answer = self._pending.popleft()
            ref = self._last_ref % (2**32 - 1) + 1
            while ref in self._open:
                ref = ref % (2**32 - 1) + 1
            self._last_ref = frame.ref = ref
            self.send(frame)
            self._open[ref] = (frame.WhichOneof("body"), answer)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while data := self._take():
                await self.websocket.send(data)

    def _take(self) -> bytes | None:
        if self._urgent:
            return self._urgent.pop(next(iter(self._urgent))).SerializeToString()
        if not self._queue:
            return None
        frame, size = self._queue[0]
        if not self.ready:
            # One by one, for the limits of welcome will hold for what waits there (SES-4).
            if self._early + size > lim.PRE_AUTH_QUEUE_BYTES:
                return None
            self._early += size
            self._queue.popleft()
            return frame.SerializeToString()
        batch, total = [], 0
        most = min(lim.BATCH_FRAMES, self.limits.batch_frames)
        while self._queue and len(batch) < most and (not batch or total + self._queue[0][1] + 8 <= lim.BATCH_BYTES):
            frame, size = self._queue.popleft()
            batch.append(frame)
            total += size + 8
        return (batch[0] if len(batch) == 1 else pb.Frame(batch=pb.Batch(frames=batch))).SerializeToString()

    # Life

    async def run(self, hello: pb.Hello) -> Verdict:
        """Returns what the end says about coming back (LIV-8)."""
        timeout = asyncio.get_running_loop().call_later(self.times.connect, self._connect_timeout)
        try:
            hello.credit_bytes = self.credit.granted
            await self.websocket.send(encode(pb.Frame(hello=hello), lim.PRE_AUTH_FRAME_BYTES))
            self._spawn(self._write())
            async for message in self.websocket:
                if not self._closing:
                    self._receive(message)
        except ConnectionClosed:
            pass
        except ProtocolError as error:
            await self.fail(error)
        finally:
            timeout.cancel()
            self._closing = True
            for task in list(self._tasks):
                task.cancel()
            answers = [answer for _, answer in self._open.values()] + [answer for _, answer in self._pending]
            self._open.clear()
            self._pending.clear()
            for answer in answers:
                answer(None)
        return self._verdict or verdict_of_close(self.websocket.close_code, self.websocket.close_reason or "")

    async def fail(self, error: ProtocolError, *, drop: bool = False) -> None:
        """Ends the connection for a reason (ERR-8). With `drop` nothing is waited for."""
        if self._closing:
            return
        info = connection_error(error.code, error.message)
        self._verdict = verdict_of_error(info)
        self._closing = True
        try:
            async with asyncio.timeout(0.1 if drop else 1.0):
                await self.websocket.send(pb.Frame(error=info).SerializeToString())
                await self.websocket.close(close_code(error.code, info.retry), code_name(error.code))
        except (TimeoutError, ConnectionClosed):
            pass
        self.websocket.transport.abort()

    async def close(self) -> None:
        """Ends it because the application wishes so, or after the relay's goodbye."""
        if self._closing:
            return
        with_queue = asyncio.get_running_loop().time() + 1.0
        while self._queue and self.ready and asyncio.get_running_loop().time() < with_queue:
            await asyncio.sleep(0.01)
        self._closing = True
        await self.websocket.close(1000)

    def drop(self) -> None:
        """Ends it at once, without a word: nothing more of it is taken."""
        if not self._closing:
            self._verdict, self._closing = LOST, True
            self.websocket.transport.abort()

    def _spawn(self, work) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() and not isinstance(task.exception(), ConnectionClosed):
            raise task.exception()

    def _connect_timeout(self) -> None:
        if not self.ready:
            self.drop()

    async def _watch(self) -> None:
        """LIV-1, LIV-4."""
        loop = asyncio.get_running_loop()
        while True:
            idle = loop.time() - self._heard
            if idle >= self.dead:
                break
            if idle >= self.dead / 2 and not self._ping_open:
                self._ping_open = True
                self._urgent["ping"] = pb.Frame(ping=pb.Ping(time_ms=int(loop.time() * 1000)))
                self._wake.set()
            await asyncio.sleep((self.dead if idle >= self.dead / 2 else self.dead / 2) - idle + 0.001)
        await self.fail(ProtocolError(pb.ERROR_CODE_HEARTBEAT_TIMEOUT, "nothing was heard"), drop=True)

    # Receiving

    def _receive(self, message: bytes | str) -> None:
        self._heard = asyncio.get_running_loop().time()
        if isinstance(message, str):
            raise ProtocolError(pb.ERROR_CODE_UNEXPECTED_FRAME, "a text message")
        decoded = decode(message)
        if not decoded.frame.HasField("batch"):
            if self._check(decoded.frame):
                self._dispatch(decoded.frame, decoded.size)
            return
        if not self.ready:
            raise ProtocolError(pb.ERROR_CODE_UNEXPECTED_FRAME, "a batch before welcome")
        check(decoded.frame, inner=False)
        for index, (frame, size) in enumerate(zip(decoded.frame.batch.frames, decoded.inner_sizes, strict=True)):
            if frame.HasField("welcome"):
                raise ProtocolError(pb.ERROR_CODE_UNEXPECTED_FRAME, "a welcome in a batch")
            if self._check(frame, index):
                self._dispatch(frame, size)

    def _check(self, frame: pb.Frame, index: int | None = None) -> bool:
        """Whether the frame counts. A fault in an ephemeral one is ignored together with it (ERR-10)."""
        try:
            check(frame) if index is None else check_inner(frame, index)
        except ProtocolError:
            if frame.WhichOneof("body") not in _EPHEMERAL:
                raise
            return False
        return True

    def _dispatch(self, frame: pb.Frame, size: int) -> None:
        body = frame.WhichOneof("body")
        early = body in ("welcome", "goodbye") or (body == "error" and frame.error.scope == pb.SCOPE_CONNECTION)
        if body in _CLIENT_ONLY or (not self.ready and not early) or (self.ready and body == "welcome"):
            raise ProtocolError(pb.ERROR_CODE_UNEXPECTED_FRAME, f"{body} from the relay, not now")
        if body is None:
            if frame.must_understand:
                info = pb.ErrorInfo(code=pb.ERROR_CODE_UNSUPPORTED_FRAME, retry=pb.RETRY_NEVER,
                                    scope=pb.SCOPE_FRAME, processed=pb.PROCESSED_NO)  # fmt: skip
                self.send(pb.Frame(error=info, ref=frame.ref))
        elif body == "welcome":
            self._welcome(frame.welcome)
        elif body == "ping":
            pong = pb.Pong(echo_ms=frame.ping.time_ms, time_ms=time.time_ns() // 1_000_000)
            self._urgent["pong"] = pb.Frame(pong=pong)
            self._wake.set()
        elif body == "pong":
            self._pong(frame.pong)
        elif body == "goodbye":
            self._verdict = verdict_of_goodbye(frame.goodbye)
            if self.ready:
                self.draining = True
                # Whatever has not left yet must not (GBY-4); its room sends it again on the next connection.
                self._queue = deque(item for item in self._queue if not item[0].HasField("publish"))
                self.handler.on_goodbye(self, frame.goodbye)
        else:
            self._answer_or_frame(body, frame, size)

    def _answer_or_frame(self, body: str, frame: pb.Frame, size: int) -> None:
        if body == "error" and frame.error.scope == pb.SCOPE_CONNECTION:
            self._verdict = verdict_of_error(frame.error)
            return
        is_answer = body in ("joined", "left", "page", "refreshed") or (body == "presence" and frame.presence.snapshot)
        if frame.ref and (body == "error" or is_answer):
            asked, answer = self._open.get(frame.ref, ("", None))
            if answer is None and is_answer:
                return  # an answer whose ref is not open (FRM-5)
            if answer is not None:
                if is_answer and _ANSWERS[asked] != body:
                    raise ProtocolError(pb.ERROR_CODE_UNEXPECTED_FRAME, f"{body} answers {asked}")
                del self._open[frame.ref]
                answer(frame)
                self._send_requests()
                return
        self.handler.on_frame(self, body, frame, size)

    def _welcome(self, welcome: pb.Welcome) -> None:
        self.limits, self.ready = welcome.limits, True
        self.dead = welcome.dead_ms / 1000
        self._spawn(self._watch())
        self.handler.on_welcome(self, welcome)
        self._send_requests()
        self._wake.set()

    def _pong(self, pong: pb.Pong) -> None:
        self._ping_open = False
        took = asyncio.get_running_loop().time() - pong.echo_ms / 1000
        self.round_trip = took if self.round_trip is None else 0.9 * self.round_trip + 0.1 * took
