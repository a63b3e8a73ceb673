"""One connection without a client behind it: frames as a test wants them, right or wrong."""

import asyncio
import secrets

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from chappe_client import pb

SAFE = 2**53 - 1


class Raw:
    """Frames from batches come one by one. Pings are answered, and members and receipts dropped, unless `all` is set."""

    def __init__(self, port: int, user: str = "ada", *, session: bytes = b"", attempt: int = 1, credit: int = SAFE,
                 hello: bool = True, all: bool = False) -> None:  # fmt: skip
        self.port, self.all, self.welcome = port, all, None
        self.session = session or secrets.token_bytes(16)
        self.hello = pb.Hello(session=self.session, attempt=attempt, token=user, credit_bytes=credit) if hello else None
        self._frames, self.refs, self.error = [], 0, None

    async def __aenter__(self):
        self.websocket = await connect(f"ws://127.0.0.1:{self.port}/", subprotocols=["chappe.v1"], compression=None,
                                       ping_interval=None, max_size=262_144)  # fmt: skip
        if self.hello:
            await self.send(hello=self.hello)
        return self

    async def __aexit__(self, *_):
        await self.websocket.close()

    async def send(self, ref: int = 0, must_understand: bool = False, **body) -> None:
        frame = pb.Frame(ref=ref, must_understand=must_understand, **body)
        await self.websocket.send(frame.SerializeToString())

    async def next(self, seconds: float = 5.0) -> pb.Frame:
        while not self._frames:
            frame = pb.Frame.FromString(await asyncio.wait_for(self.websocket.recv(), seconds))
            for item in frame.batch.frames if frame.HasField("batch") else [frame]:
                body = item.WhichOneof("body")
                if body == "ping" and not self.all:
                    await self.send(pong=pb.Pong(echo_ms=item.ping.time_ms))
                elif self.all or body not in ("members", "receipt"):
                    self._frames.append(item)
        return self._frames.pop(0)

    async def expect(self, body: str, seconds: float = 5.0):
        """The next frame, which must have that body."""
        frame = await self.next(seconds)
        assert frame.WhichOneof("body") == body, frame
        return getattr(frame, body)

    async def until(self, body: str):
        while (frame := await self.next()).WhichOneof("body") != body:
            pass
        return getattr(frame, body)

    async def silent(self, seconds: float = 0.3) -> bool:
        try:
            frame = await self.next(seconds)
        except TimeoutError:
            return True
        raise AssertionError(frame)

    async def join(self, name: str = "lobby", **more) -> pb.Joined:
        """For a fresh connection takes the welcome too."""
        if self.welcome is None:
            self.welcome = await self.expect("welcome")
        self.refs += 1
        await self.send(self.refs, join=pb.Join(name=name, **more))
        return await self.expect("joined")

    async def publish(self, room: int, seq: int, id: bytes = b"", text: str = "x", **more) -> bytes:
        id = id or secrets.token_bytes(16)
        content = None if more.get("kind") in (pb.CHAT_KIND_VOID, pb.CHAT_KIND_REDACTION) else pb.Content(text=text)
        await self.send(publish=pb.Publish(room=room, seq=seq, id=id, content=content, **more))
        return id

    async def ended(self) -> tuple[int, str, int]:
        """Close code, reason, and the code of the last error of scope CONNECTION."""
        code = 0
        try:
            while True:
                frame = await self.next()
                if frame.HasField("error") and frame.error.scope == pb.SCOPE_CONNECTION:
                    code = frame.error.code
        except ConnectionClosed:
            return self.websocket.close_code, self.websocket.close_reason, code
