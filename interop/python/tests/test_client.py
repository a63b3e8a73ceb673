"""The client against the tiny relay, which does what a real one does seldom."""

import asyncio
import time

import pytest
from test_live import QUICK, Reader, joined, settled
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from chappe_client import Bounds, Client, ProtocolError, RequestError, State, Times, events, pb


def url(relay) -> str:
    return f"ws://127.0.0.1:{relay.port}/"


def peer(relay):
    return next(iter(relay.peers))


def queued(connection) -> int:
    return sum(frame.HasField("publish") for frame, _ in connection._queue)


async def ended(reader: Reader) -> events.Disconnected:
    await reader.until(lambda: bool(reader.of(events.Disconnected)))
    return reader.of(events.Disconnected)[-1]


async def test_join_stands_right_behind_hello(fake):
    async with joined(fake.port, "ada"):
        assert [frame.WhichOneof("body") for frame in fake.received[:2]] == ["hello", "join"]


async def test_refused_join(fake):
    async with Client(url(fake), "ada", times=QUICK) as client:
        with pytest.raises(RequestError, match="ROOM_UNAVAILABLE"):
            await client.room("forbidden").wait_joined()


async def test_retryable_and_final_rejections(fake):
    counts = {}

    def reject(publish):
        text = publish.content.text
        counts[text] = counts.get(text, 0) + 1
        if text == "bad":
            return "REJECTED"
        return "UNAVAILABLE" if text == "slow" and counts[text] < 3 else None

    fake.reject = reject
    async with joined(fake.port, "ada") as (_, room, reader):
        entries = [room.publish(text) for text in ("one", "slow", "bad", "two")]
        await settled(entries)
        assert [e.state for e in entries] == [State.STORED, State.STORED, State.FAILED, State.STORED]
        await reader.until(lambda: len(reader.texts) == 3)
        assert reader.texts == ["one", "slow", "two"]


async def test_seq_conflict_of_a_copied_outbox(fake):
    """PUB-18: another copy of the outbox has gone on; the client joins again, on the same connection."""
    async with joined(fake.port, "ada") as (client, room, reader):
        await settled([room.publish("mine")])
        log, connection = fake.logs["lobby"], client.connection
        producer = log.producers[("ada", client.supervisor.session)]
        for n in range(3):
            copy = pb.Publish(room=log.handle, seq=producer.next, id=bytes([n]) * 16, content=pb.Content(text="copy"))
            log.decide("ada", client.supervisor.session, copy, False)
        entries = [room.publish(f"after {n}") for n in range(3)]
        await settled(entries)
        assert [e.seq for e in entries] == [5, 6, 7] and client.connection is connection
        await reader.until(lambda: len(reader.texts) == 7)
        assert reader.texts == ["mine", "copy", "copy", "copy", "after 0", "after 1", "after 2"]


async def test_the_log_is_lost_on_a_living_connection(fake):
    async with joined(fake.port, "ada") as (_, room, reader):
        await settled([room.publish("old")])
        await fake.new_epoch("lobby")
        await settled([room.publish("new")])
        await reader.until(lambda: reader.texts == ["old", "new"])
        assert len(reader.of(events.Reset)) == 1 and room.cursor.offset == 1


async def test_what_a_reset_leaves_out(fake):
    """RES-4: the application is told which entries of the new log it will not get; history has them."""
    async with joined(fake.port, "ada") as (client, room, reader):
        await settled([room.publish("old")])
        await fake.new_epoch("lobby", entries=4, start=4)
        await reader.until(lambda: reader.texts == ["old", "kept 4"])
        told = [e for e in reader.log if isinstance(e, events.Reset | events.Missing)]
        assert told == [events.Reset("lobby", room.cursor.epoch), events.Missing("lobby", 1, 3)]
        page = await client.history(room, before=4, limit=3)
        assert [entry.content.text for entry in page.entries] == ["kept 1", "kept 2", "kept 3"]


async def test_a_goodbye_holds_back_what_is_queued(fake):
    """GBY-4: no publish goes out after it, also none that was on its way to the transport."""
    async with joined(fake.port, "ada") as (client, room, _):
        connection = client.connection
        entries = [room.publish(f"{n}") for n in range(3)]
        assert queued(connection) == 3
        connection._dispatch(pb.Frame(goodbye=pb.Goodbye(retry=pb.RETRY_NOW, drain_ms=50)), 0)
        assert queued(connection) == 0 and all(e.state is State.SENT for e in entries)
        await settled(entries)
        assert [e.state for e in entries] == [State.STORED] * 3 and client.connection is not connection


async def test_cancel(fake):
    fake.reject = lambda publish: "UNAVAILABLE" if publish.content.text == "oops" else None
    async with joined(fake.port, "ada") as (_, room, reader):
        entry = room.publish("oops")
        await asyncio.sleep(0.02)
        room.cancel(entry)
        await settled([entry, room.publish("next")])
        assert entry.state is State.CANCELLED
        await reader.until(lambda: reader.texts == ["next"])


async def test_credit_holds_the_relay_back(fake):
    async with joined(fake.port, "ada") as (_, room, _), Client(url(fake), "slow", times=QUICK) as slow:
        await slow.room("lobby").wait_joined()
        await settled([room.publish("x" * 60_000) for _ in range(30)])
        await asyncio.sleep(0.1)
        assert sum(isinstance(e, events.Chat) for e, _, _ in slow._events) < 20  # 1 MiB, and no event is taken
        reader = Reader(slow)
        await reader.until(lambda: len(reader.texts) == 30)
        reader.task.cancel()


async def test_ping_is_answered_and_silence_is_noticed(fake):
    fake.dead_ms, fake.ping_ms = 400, 200
    async with joined(fake.port, "ada") as (_, _, reader):
        await peer(fake).send(ping=pb.Ping(time_ms=77))
        await asyncio.sleep(0.35)
        assert [f.pong.echo_ms for f in fake.received if f.HasField("pong")] == [77]
        assert any(f.HasField("ping") for f in fake.received)
        fake.mute = True
        began = time.monotonic()
        verdict = (await ended(reader)).verdict
        fake.mute = False
        assert verdict.code == pb.ERROR_CODE_HEARTBEAT_TIMEOUT and time.monotonic() - began < 0.7
        await reader.until(lambda: len(reader.of(events.Connected)) == 2)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"chat": pb.Chat(room=1, offset=9, id=bytes(16))}, pb.ERROR_CODE_OFFSET_INVALID),
        ({"gap": pb.Gap(room=1, first=5, last=6)}, pb.ERROR_CODE_OFFSET_INVALID),
        ({"join": pb.Join(name="x")}, pb.ERROR_CODE_UNEXPECTED_FRAME),
        ({"chat": pb.Chat(room=1, offset=1)}, pb.ERROR_CODE_FIELD_INVALID),
        ({"batch": pb.Batch(frames=[pb.Frame(batch=pb.Batch())])}, pb.ERROR_CODE_BATCH_NESTED),
        ({"ack": pb.Ack(room=1, first_seq=1, offset_deltas=[0], time_deltas=[1])}, pb.ERROR_CODE_FIELD_INVALID),
    ],
)
async def test_faults_of_the_relay(fake, frame, code):
    async with joined(fake.port, "ada") as (_, _, reader):
        await peer(fake).send(**frame)
        assert (await ended(reader)).verdict.code == code
        assert fake.received[-1].error.code == code or len(reader.of(events.Connected)) > 1


async def test_what_is_ignored(fake):
    """Unknown handles, answers nobody asked for, faulty ephemeral frames, settled seqs (ROM-4, FRM-5, ERR-10, PUB-16)."""
    async with joined(fake.port, "ada") as (_, room, reader):
        to = peer(fake)
        await to.send(chat=pb.Chat(room=99, offset=9, id=bytes(16)))
        await to.send(7, left=pb.Left(room=1))
        await to.send(typing=pb.Typing())
        await to.send(pong=pb.Pong())
        await to.send(ack=pb.Ack(room=1, first_seq=50, offset_deltas=[3], time_deltas=[3]))
        await to.websocket.send(b"")
        await to.websocket.send(b"\xf2\x01\x00")  # a body of a later version
        await to.websocket.send(pb.Frame(ref=5, must_understand=True).SerializeToString())
        await settled([room.publish("still here")])
        assert not reader.of(events.Disconnected)
        told = [f for f in fake.received if f.HasField("error")]
        assert [(f.error.code, f.ref) for f in told] == [(pb.ERROR_CODE_UNSUPPORTED_FRAME, 5)]


async def test_goodbye(fake):
    async with joined(fake.port, "ada") as (_, room, reader):
        bye = pb.Goodbye(code=pb.ERROR_CODE_GOING_AWAY, retry=pb.RETRY_AFTER, after_min_ms=100, after_max_ms=200,
                         drain_ms=5_000)  # fmt: skip
        await peer(fake).send(goodbye=bye)
        gone = await ended(reader)
        assert gone.verdict.code == pb.ERROR_CODE_GOING_AWAY and 0.1 <= gone.delay <= 0.2
        entry = room.publish("after")
        await settled([entry])
        assert entry.state is State.STORED


async def test_a_second_goodbye_replaces_the_first(fake):
    """GBY-4: its time to drain holds, for a publish that is still in flight."""
    async with joined(fake.port, "ada") as (_, room, reader):
        fake.mute = True
        room.publish("not answered")
        async with asyncio.timeout(10):
            while not any(frame.HasField("publish") for frame in fake.received):
                await asyncio.sleep(0.01)
        fake.mute = False
        for drain_ms in (20, 60_000):
            await peer(fake).send(goodbye=pb.Goodbye(retry=pb.RETRY_AFTER, drain_ms=drain_ms))
        await asyncio.sleep(0.2)
        assert not reader.of(events.Disconnected)


async def test_session_taken(fake):
    async with joined(fake.port, "ada") as (client, room, reader):
        fake.mute = True
        sent = room.publish("sent")
        await asyncio.sleep(0.05)
        fake.mute, session = False, client.supervisor.session
        taken = pb.ErrorInfo(code=pb.ERROR_CODE_SESSION_TAKEN, retry=pb.RETRY_NEVER, scope=pb.SCOPE_CONNECTION,
                             processed=pb.PROCESSED_MAYBE)  # fmt: skip
        queued_from = peer(fake)
        await queued_from.end(taken)
        await ended(reader)
        assert client.supervisor.session != session and sent.state is State.MAYBE
        await settled([room.publish("queued")])


async def test_fresh_token(fake):
    fake.tokens = {"good"}
    asked = []

    async def token(fresh: bool) -> str:
        asked.append(fresh)
        return "good" if fresh else "old"

    async with Client(url(fake), token, times=QUICK) as client:
        await asyncio.wait_for(client.room("lobby").wait_joined(), 5)
    assert asked == [False, True]


async def test_never_ends_it(fake):
    async with joined(fake.port, "ada") as (client, _, reader):
        await peer(fake).websocket.close(4144, "FORBIDDEN")
        assert (await ended(reader)).delay is None
        await asyncio.wait_for(client._task, 5)


async def test_wrong_subprotocol():
    async def accept(websocket):
        await websocket.wait_closed()
        codes.append(websocket.close_code)

    codes = []
    async with serve(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Client(f"ws://127.0.0.1:{port}/", times=QUICK) as client:
            reader = Reader(client)
            assert (await ended(reader)).delay is None
    assert codes == [4122]


async def test_no_welcome(fake):
    fake.mute = True
    times = Times(connect=0.3, backoff_base=0.05, backoff_cap=0.1)
    async with Client(url(fake), "ada", times=times) as client:
        reader = Reader(client)
        assert (await ended(reader)).verdict.retry == pb.RETRY_AFTER


async def test_typing_is_throttled(fake):
    async with joined(fake.port, "ada") as (_, room, _):
        for _ in range(50):
            room.social.typing()
        room.social.stopped()
        await settled([room.publish("x")])
        assert [f.typing.marks[0].ttl_ms for f in fake.received if f.HasField("typing")] == [6000, 0]


async def test_no_token_without_tls():
    with pytest.raises(ValueError):
        Client("ws://relay.example.org/", "secret")


async def test_an_application_that_takes_nothing_is_not_buried(fake):
    """LIM-6: what the relay tells is bounded; the connection ends, and the next one waits until the application has taken half."""
    bounds = Bounds(events=20)
    async with Client(url(fake), "ada", times=QUICK, bounds=bounds) as client:
        room = client.room("lobby")
        await room.wait_joined()
        relay = peer(fake)
        again = pb.Joined(name="lobby", room=room.handle, verdict=pb.VERDICT_RESUMED, epoch=room.cursor.epoch, start=1,
                          first_retained=1, next_seq=1, durability=1, rights=[1, 2], receipts=1, roster=1, count=1)  # fmt: skip
        for _ in range(200):
            try:
                await relay.send(joined=again)
            except ConnectionClosed:
                break
        await asyncio.sleep(0.3)
        assert len(client._events) <= bounds.events + 2 and client.connection is None
        reader = Reader(client)
        await reader.until(lambda: len(reader.of(events.Connected)) == 2)
        assert len(reader.of(events.Disconnected)) == 1
        reader.task.cancel()


async def test_the_limits_of_welcome_are_kept_before_anything_is_sent(fake):
    """LIM-1: rooms and watched users."""
    async with joined(fake.port, "ada") as (client, _, _):
        client.limits = pb.Limits.FromString(client.limits.SerializeToString())
        client.limits.rooms, client.limits.watched_users = 2, 3
        client.room("second")
        with pytest.raises(ProtocolError, match="LIMIT_EXCEEDED"):
            client.room("third")
        assert client.room("second") and "third" not in client.rooms
        client.presence.watch("a", "b")
        with pytest.raises(ProtocolError, match="LIMIT_EXCEEDED"):
            client.presence.watch("c", "d")
        client.presence.watch("b", "c")
