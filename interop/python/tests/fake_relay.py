"""A tiny relay with a broker in memory: enough of the specification to test a client without the real one."""

import secrets
import time
from dataclasses import dataclass, field

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from chappe_client import pb
from chappe_client.errors import close_code, code_name
from chappe_client.limits import default_limits

VERDICTS = {
    "OUT_OF_ORDER": (pb.RETRY_NOW, pb.SCOPE_FRAME, pb.PROCESSED_NO),
    "SEQ_CONFLICT": (pb.RETRY_NOW, pb.SCOPE_ROOM, pb.PROCESSED_NO),
    "SEQ_FORGOTTEN": (pb.RETRY_NEVER, pb.SCOPE_FRAME, pb.PROCESSED_MAYBE),
    "REJECTED": (pb.RETRY_NEVER, pb.SCOPE_FRAME, pb.PROCESSED_NO),
    "UNAVAILABLE": (pb.RETRY_AFTER, pb.SCOPE_FRAME, pb.PROCESSED_NO),
    "ROOM_UNAVAILABLE": (pb.RETRY_NEVER, pb.SCOPE_FRAME, pb.PROCESSED_NO),
    "UNAUTHENTICATED": (pb.RETRY_REAUTHENTICATE, pb.SCOPE_CONNECTION, pb.PROCESSED_NO),
}


def error(name: str, **more) -> pb.ErrorInfo:
    retry, scope, processed = VERDICTS[name]
    values = {"retry": retry, "scope": scope, "processed": processed, **more}
    return pb.ErrorInfo(code=pb.ErrorCode.Value(f"ERROR_CODE_{name}"), **values)


@dataclass
class Producer:
    next: int = 1
    ring: list = field(default_factory=list)  # (seq, id, outcome); an outcome is (offset, time) or an ErrorInfo


@dataclass
class Log:
    name: str
    handle: int
    epoch: int = field(default_factory=lambda: secrets.randbelow(2**53 - 1) + 1)
    chats: list = field(default_factory=list)
    producers: dict = field(default_factory=dict)

    def decide(self, user: str, session: bytes, publish: pb.Publish, reject: bool):
        """PUB-7. An outcome, or an ErrorInfo."""
        producer = self.producers.setdefault((user, session), Producer())
        seq = publish.seq
        known = next((outcome for _, i, outcome in producer.ring if i == publish.id), None)
        if known is None:
            if seq > producer.next:
                return error("OUT_OF_ORDER", next_seq=producer.next)
            if seq < producer.next:
                inside = producer.ring and seq >= producer.ring[0][0]
                return error("SEQ_CONFLICT", next_seq=producer.next) if inside else error("SEQ_FORGOTTEN")
            known = self._new(user, publish, reject)
        elif seq != producer.next:
            return known
        producer.ring = [*producer.ring[-255:], (seq, publish.id, known)]
        producer.next += 1
        return known

    def _new(self, user: str, publish: pb.Publish, reject: bool):
        if reject:
            return error("REJECTED")
        if publish.kind == pb.CHAT_KIND_VOID:
            return (0, 0)
        chat = pb.Chat(room=self.handle, offset=len(self.chats) + 1, sender=user, id=publish.id,
                       time_ms=time.time_ns() // 1_000_000, kind=publish.kind, target=publish.target)  # fmt: skip
        if publish.HasField("content"):
            chat.content.CopyFrom(publish.content)
        self.chats.append(chat)
        return (chat.offset, chat.time_ms)


class FakeRelay:
    """`user` is the token. Hooks: reject(publish) → name of an error or None; limits; ping_ms, dead_ms; mute."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.logs: dict[str, Log] = {}
        self.peers: set[Peer] = set()
        self.reject = lambda publish: None
        self.limits, self.ping_ms, self.dead_ms, self.mute = default_limits(), 25_000, 60_000, False
        self.received: list[pb.Frame] = []
        self.tokens = None  # the tokens that are accepted; None: any

    async def __aenter__(self):
        self._server = await serve(self._serve, "127.0.0.1", self.port, subprotocols=["chappe.v1"], compression=None,
                                   ping_interval=None)  # fmt: skip
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        for peer in list(self.peers):
            peer.websocket.transport.abort()
        self._server.close()

    async def _serve(self, websocket):
        peer = Peer(self, websocket)
        self.peers.add(peer)
        try:
            async for message in websocket:
                frame = pb.Frame.FromString(message)
                for item in frame.batch.frames if frame.HasField("batch") else [frame]:
                    self.received.append(item)
                    await peer.handle(item)
        except ConnectionClosed:
            pass
        finally:
            self.peers.discard(peer)

    def log(self, name: str) -> Log:
        return self.logs.setdefault(name, Log(name, len(self.logs) + 1))

    async def new_epoch(self, name: str, *, entries: int = 0, start: int = 1) -> None:
        """The log is lost while connections live (ROM-6, RESET); the new one has `entries`, and delivery begins at `start`."""
        old = self.logs[name]
        log = self.logs[name] = Log(name, old.handle)
        for n in range(1, entries + 1):
            log.decide("service", b"", pb.Publish(seq=n, id=n.to_bytes(16), content=pb.Content(text=f"kept {n}")), False)
        for peer in self.peers:
            if old.handle in peer.rooms:
                await peer.joined(log, pb.VERDICT_RESET, start, 0)


class Peer:
    def __init__(self, relay: FakeRelay, websocket) -> None:
        self.relay, self.websocket = relay, websocket
        self.user, self.session = "", b""
        self.rooms: dict[int, int] = {}  # handle → next_offset
        self.awaited: dict[int, int] = {}
        self.credit = self.sent = 0

    async def send(self, ref: int = 0, **body) -> None:
        if not self.relay.mute:
            await self.websocket.send(pb.Frame(ref=ref, **body).SerializeToString())

    async def end(self, info: pb.ErrorInfo) -> None:
        await self.send(error=info)
        await self.websocket.close(close_code(info.code, info.retry), code_name(info.code))

    async def handle(self, frame: pb.Frame) -> None:
        body = frame.WhichOneof("body")
        content = getattr(frame, body) if body else None
        if body == "hello":
            if self.relay.tokens is not None and content.token not in self.relay.tokens:
                await self.end(error("UNAUTHENTICATED"))
                return
            self.user, self.session, self.credit = content.token or "guest", content.session, content.credit_bytes
            relay = self.relay
            await self.send(welcome=pb.Welcome(user=self.user, limits=relay.limits, ping_ms=relay.ping_ms,
                                               dead_ms=relay.dead_ms))  # fmt: skip
        elif body == "join":
            await self._join(content, frame.ref)
        elif body == "leave":
            self.rooms.pop(content.room, None)
            await self.send(frame.ref, left=pb.Left(room=content.room))
        elif body == "publish":
            await self._publish(content)
        elif body == "credit":
            self.credit = max(self.credit, content.total_bytes)
            await self._deliver_all()
        elif body == "history":
            log = next(log for log in self.relay.logs.values() if log.handle == content.room)
            chats = log.chats[: content.before - 1] if content.before else log.chats
            entries = chats[-(content.limit or 1000) :]
            page = pb.Page(room=log.handle, epoch=log.epoch, entries=entries, first_retained=1, head=len(log.chats))
            await self.send(frame.ref, page=page)
        elif body == "ping":
            await self.send(pong=pb.Pong(echo_ms=content.time_ms))

    async def _join(self, join: pb.Join, ref: int) -> None:
        if join.name == "forbidden":
            await self.send(ref, error=error("ROOM_UNAVAILABLE"))
            return
        log = self.relay.log(join.name)
        head, position = len(log.chats), join.position
        latest = max(1, head - join.tail + 1)
        if not join.HasField("position"):
            verdict, start = pb.VERDICT_FRESH, latest
        elif position.epoch != log.epoch or position.offset > head:
            verdict, start = pb.VERDICT_RESET, latest
        elif head - position.offset <= (join.max_catchup or 1000):
            verdict, start = pb.VERDICT_RESUMED, position.offset + 1
        else:
            verdict, start = pb.VERDICT_GAP, head - (join.max_catchup or 1000) + 1
        await self.joined(log, verdict, start, ref)

    async def joined(self, log: Log, verdict: int, start: int, ref: int) -> None:
        producer = log.producers.get((self.user, self.session), Producer())
        self.rooms[log.handle] = start
        self.awaited.pop(log.handle, None)
        joined = pb.Joined(name=log.name, room=log.handle, verdict=verdict, epoch=log.epoch, start=start,
                           head=len(log.chats), first_retained=1, next_seq=producer.next, durability=1,
                           rights=[1, 2, 4], receipts=1, roster=1, count=1)  # fmt: skip
        await self.send(ref, joined=joined)
        await self._deliver(log)

    async def _publish(self, publish: pb.Publish) -> None:
        log = next(log for log in self.relay.logs.values() if log.handle == publish.room)
        awaited = self.awaited.get(publish.room, 0)
        if awaited and publish.seq > awaited:
            return
        if publish.seq == awaited:
            self.awaited.pop(publish.room)
        why = self.relay.reject(publish)
        if why == "UNAVAILABLE":
            self.awaited[publish.room] = publish.seq
            await self.send(error=error(why, room=publish.room, seq=publish.seq, retry_after_ms=50))
            return
        outcome = log.decide(self.user, self.session, publish, why == "REJECTED")
        if isinstance(outcome, pb.ErrorInfo):
            info = pb.ErrorInfo()
            info.CopyFrom(outcome)
            info.room, info.seq = publish.room, publish.seq
            if info.code == pb.ERROR_CODE_OUT_OF_ORDER:
                self.awaited[publish.room] = info.next_seq
            elif info.code == pb.ERROR_CODE_SEQ_CONFLICT:
                self.awaited[publish.room] = -1
            await self.send(error=info)
            return
        ack = pb.Ack(room=publish.room, first_seq=publish.seq, offset_deltas=[outcome[0]], time_deltas=[outcome[1]])
        await self.send(ack=ack)
        for peer in list(self.relay.peers):
            await peer._deliver(log)

    async def _deliver_all(self) -> None:
        for log in self.relay.logs.values():
            await self._deliver(log)

    async def _deliver(self, log: Log) -> None:
        while (offset := self.rooms.get(log.handle, 0)) and offset <= len(log.chats):
            frame = pb.Frame(chat=log.chats[offset - 1])
            if self.sent + frame.ByteSize() > self.credit:
                return
            self.sent += frame.ByteSize()
            self.rooms[log.handle] = offset + 1
            try:
                await self.send(chat=frame.chat)
            except ConnectionClosed:
                return
