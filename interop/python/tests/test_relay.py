"""What the real relay does with right and wrong frames, clause by clause."""

import asyncio
import signal

import pytest
from conftest import REAL, RealRelay
from raw import Raw
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from chappe_client import pb
from chappe_client.constraints import ack_outcomes

pytestmark = pytest.mark.skipif(not REAL, reason="no chappe serve")


@pytest.fixture
async def port():
    async with RealRelay() as relay:
        yield relay.port


def code(name: str) -> int:
    return pb.ErrorCode.Value(f"ERROR_CODE_{name}")


async def test_welcome(port):
    async with Raw(port) as ada:
        welcome = await ada.expect("welcome")
        assert welcome.user == "ada" and welcome.dead_ms >= 2 * welcome.ping_ms
        assert welcome.limits.window_messages <= 256
        assert welcome.limits.frame_bytes >= welcome.limits.content_bytes + 1024


@pytest.mark.parametrize(
    ("frames", "closes", "reason"),
    [
        ([{"ping": pb.Ping()}], 4120, "UNEXPECTED_FRAME"),  # SES-1
        ([{"batch": pb.Batch(frames=[pb.Frame(hello=pb.Hello(session=bytes(16), attempt=1))])}], 4120, "UNEXPECTED_FRAME"),
        ([{"hello": pb.Hello(session=bytes(16), attempt=1, token="a", agent="x" * 128, features=["y" * 64] * 64)}] * 2,
         4120, "UNEXPECTED_FRAME"),
    ],
)  # fmt: skip
async def test_first_frame(port, frames, closes, reason):
    async with Raw(port, hello=False) as ada:
        for frame in frames:
            await ada.send(**frame)
        assert await ada.ended() == (closes, reason, closes % 100)


async def test_hello_that_breaks_a_constraint(port):
    async with Raw(port, hello=False) as ada:
        await ada.send(hello=pb.Hello(session=bytes(15), attempt=1, token="ada"))
        error = await ada.expect("error")
        assert error.code == code("FIELD_INVALID")


async def test_long_frame_before_welcome(port):
    async with Raw(port, hello=False) as ada:
        await ada.send(hello=pb.Hello(session=bytes(16), attempt=1, token="a" * 8192, agent="y" * 17_000))
        assert (await ada.ended())[0] in (4101, 1009)


@pytest.mark.parametrize(
    ("data", "closes"),
    [(b"\x0a\x80", 4102), (b"\x70" + b"\x80" * 10 + b"\x00", 4103), (b"\x00\x00", 4104), (b"\x0c", 4105),
     (b"\x2a\x03\x1a\x01\xff", 4106), (b"\x4a\x09\x08\x80\x80\x80\x80\x80\x80\x80\x10", 4107), ("text", 4120),
     (pb.Frame(welcome=pb.Welcome(user="a", ping_ms=1, dead_ms=2, limits=pb.Limits(**{
         f.name: 1 for f in pb.Limits.DESCRIPTOR.fields}))).SerializeToString(), 4120)],
)  # fmt: skip
async def test_faults_end_the_connection(port, data, closes):
    async with Raw(port) as ada:
        await ada.expect("welcome")
        await ada.websocket.send(data)
        got = await ada.ended()
        assert got[0] == closes and got[2] == closes % 100


async def test_upgrade(port):
    for options, status in (
        ({}, 400),
        ({"subprotocols": ["chappe.v9"]}, 400),
        ({"subprotocols": ["chappe.v1"], "origin": "https://evil.example"}, 403),
    ):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://127.0.0.1:{port}/", **options)
        assert caught.value.response.status_code == status
    for path, status in (("/?token=x", 400), ("/?access_token=x", 400), ("/other", 404)):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://127.0.0.1:{port}{path}", subprotocols=["chappe.v1"])
        assert caught.value.response.status_code == status
    async with connect(f"ws://127.0.0.1:{port}/", subprotocols=["x", "chappe.v1.json", "chappe.v1"]) as websocket:
        assert websocket.subprotocol == "chappe.v1.json"


async def test_requests(port):
    async with Raw(port) as ada:
        joined = await ada.join()
        await ada.send(join=pb.Join(name="x"))
        assert (await ada.expect("error")).code == code("REF_INVALID")
        await ada.send(9, must_understand=True)
        frame = await ada.next()
        assert (frame.error.code, frame.ref) == (code("UNSUPPORTED_FRAME"), 9)
        await ada.send(5, leave=pb.Leave(room=12_345))
        frame = await ada.next()
        assert (frame.error.code, frame.ref, frame.error.room) == (code("ROOM_UNKNOWN"), 5, 12_345)
        await ada.send(6, batch=pb.Batch(frames=[pb.Frame(batch=pb.Batch(), ref=2), pb.Frame(ping=pb.Ping(time_ms=4))]))
        answers = [await ada.next(), await ada.next()]
        assert {f.WhichOneof("body") for f in answers} == {"error", "pong"}
        assert next(f for f in answers if f.HasField("error")).error.code == code("BATCH_NESTED")
        await ada.send(7, leave=pb.Leave(room=joined.room))
        left = await ada.next()
        assert (left.WhichOneof("body"), left.ref, left.left.code) == ("left", 7, 0)
        await ada.send(8, join=pb.Join(name="@nothing"))
        assert (await ada.expect("error")).code == code("ROOM_UNAVAILABLE")


async def test_order_of_publishes(port):
    """PUB-6, PUB-7."""
    async with Raw(port) as ada:
        room = (await ada.join(publish_only=True)).room
        one = await ada.publish(room, 1)
        assert ack_outcomes(await ada.expect("ack"))[0][:2] == (1, 1)
        await ada.publish(room, 4)
        await ada.publish(room, 5)
        await ada.publish(room, 3)
        error = await ada.expect("error")
        assert (error.code, error.seq, error.next_seq) == (code("OUT_OF_ORDER"), 4, 2)
        assert (error.retry, error.scope, error.processed) == (pb.RETRY_NOW, pb.SCOPE_FRAME, pb.PROCESSED_NO)
        assert await ada.silent()
        await ada.publish(room, 1, one)  # sent again: the first outcome
        assert ack_outcomes(await ada.expect("ack"))[0][:2] == (1, 1)
        await ada.publish(room, 2, one)  # under the next seq: uses it up
        assert ack_outcomes(await ada.expect("ack"))[0][:2] == (2, 1)
        await ada.publish(room, 3, kind=pb.CHAT_KIND_VOID)
        assert ack_outcomes(await ada.expect("ack"))[0][:2] == (3, 0)
        await ada.publish(room, 2)
        error = await ada.expect("error")
        assert (error.code, error.seq, error.next_seq, error.scope) == (code("SEQ_CONFLICT"), 2, 4, pb.SCOPE_ROOM)
        await ada.publish(room, 4)
        assert await ada.silent()
        assert (await ada.join(publish_only=True)).next_seq == 4
        await ada.publish(room, 4)
        assert ack_outcomes(await ada.expect("ack"))[0][:2] == (4, 2)


async def test_final_rejections(port):
    async with Raw(port) as ada:
        room = (await ada.join(publish_only=True)).room
        await ada.publish(room, 1, kind=pb.CHAT_KIND_TOMBSTONE)
        error = await ada.expect("error")
        assert (error.code, error.seq, error.retry) == (code("FIELD_INVALID"), 1, pb.RETRY_NEVER)
        await ada.publish(room, 2, text="x" * 70_000)
        error = await ada.expect("error")
        assert (error.code, error.seq) == (code("LIMIT_EXCEEDED"), 2)
        edit = await ada.publish(room, 3, kind=pb.CHAT_KIND_EDIT, target=bytes(16))
        assert (await ada.expect("error")).code == code("TARGET_UNKNOWN")
        await ada.publish(room, 4, edit)  # the record answers, and uses the seq up
        error = await ada.expect("error")
        assert (error.code, error.seq) == (code("TARGET_UNKNOWN"), 4)
        await ada.publish(room, 5, id=b"short")
        error = await ada.expect("error")
        assert (error.code, error.seq, error.scope) == (code("FIELD_INVALID"), 0, pb.SCOPE_FRAME)
        await ada.publish(room + 77, 1)
        error = await ada.expect("error")
        assert (error.code, error.seq, error.retry) == (code("ROOM_UNKNOWN"), 1, pb.RETRY_NOW)
        await ada.publish(room, 5)
        assert ack_outcomes(await ada.expect("ack"))[0][:2] == (5, 1)


async def test_ring_of_256(port):
    async with Raw(port) as ada:
        room = (await ada.join(publish_only=True)).room
        ids, settled = [], 0
        for seq in range(1, 301):
            ids.append(await ada.publish(room, seq))
            while seq - settled > 200:
                settled += len((await ada.expect("ack")).offset_deltas)
        while settled < 300:
            settled += len((await ada.expect("ack")).offset_deltas)
        await ada.publish(room, 45, ids[44])  # the oldest in the ring
        assert ack_outcomes(await ada.expect("ack"))[0][:2] == (45, 45)
        await ada.publish(room, 44, ids[43])
        error = await ada.expect("error")
        assert (error.code, error.processed) == (code("SEQ_FORGOTTEN"), pb.PROCESSED_MAYBE)


async def test_resuming(port):
    async with Raw(port) as ada:
        room = (await ada.join(publish_only=True)).room
        for seq in range(1, 11):
            await ada.publish(room, seq, text=str(seq))
        async with Raw(port, "bob") as bob:
            fresh = await bob.join(tail=3)
            assert (fresh.verdict, fresh.start, fresh.head) == (pb.VERDICT_FRESH, 8, 10)
            assert [(await bob.expect("chat")).offset for _ in range(3)] == [8, 9, 10]
            epoch = fresh.epoch
            for position, options, verdict, start in (
                (pb.Position(epoch=epoch, offset=4), {}, pb.VERDICT_RESUMED, 5),
                (pb.Position(epoch=epoch, offset=4), {"max_catchup": 2}, pb.VERDICT_GAP, 9),
                (pb.Position(epoch=epoch, offset=11), {}, pb.VERDICT_RESET, 11),
                (pb.Position(epoch=epoch % 2**52 + 1, offset=4), {"tail": 2}, pb.VERDICT_RESET, 9),
                (pb.Position(epoch=epoch, offset=10), {}, pb.VERDICT_RESUMED, 11),
            ):
                joined = await bob.join(position=position, **options)
                assert (joined.verdict, joined.start, joined.room) == (verdict, start, fresh.room)
                assert [(await bob.expect("chat")).offset for _ in range(start, 11)] == list(range(start, 11))
            await bob.send(40, history=pb.History(room=fresh.room, before=5, limit=3, epoch=epoch))
            page = await bob.expect("page")
            assert [c.offset for c in page.entries] == [2, 3, 4] and {c.room for c in page.entries} == {0}
            await bob.send(41, history=pb.History(room=fresh.room, after=0, limit=2))
            assert [c.offset for c in (await bob.expect("page")).entries] == [1, 2]
            await bob.send(42, history=pb.History(room=fresh.room, after=1, epoch=epoch % 2**52 + 1))
            assert (await bob.expect("error")).code == code("EPOCH_CHANGED")


async def test_credit(port):
    async with Raw(port) as ada, Raw(port, "bob", credit=0) as bob:
        room = (await ada.join(publish_only=True)).room
        await bob.join()
        for seq in (1, 2):
            await ada.publish(room, seq)
        assert await bob.silent()
        await bob.send(credit=pb.Credit(total_bytes=10))
        assert await bob.silent()
        await bob.send(credit=pb.Credit(total_bytes=1_000_000))
        assert [(await bob.expect("chat")).offset for _ in range(2)] == [1, 2]


async def test_session_taken(port):
    async with Raw(port, attempt=5) as old:
        await old.expect("welcome")
        async with Raw(port, session=old.session, attempt=4) as lower:
            assert await lower.ended() == (4146, "SESSION_TAKEN", 46)
        async with Raw(port, session=old.session, attempt=6) as newer:
            assert await old.ended() == (4146, "SESSION_TAKEN", 46)
            await newer.expect("welcome")
        async with Raw(port, "eve", session=old.session, attempt=1) as other:
            await other.expect("welcome")  # another principal, another session


async def test_batch_frames(port):
    async with Raw(port) as ada:
        limits = (await ada.expect("welcome")).limits
        await ada.send(batch=pb.Batch(frames=[pb.Frame()] * (limits.batch_frames + 1)))
        assert await ada.ended() == (4127, "LIMIT_EXCEEDED", 27)


async def test_unknown_fields_are_dropped_outside_of_content(port):
    """PUB-2, PUB-3."""
    async with Raw(port) as ada:
        room = (await ada.join()).room
        content = bytes.fromhex("0a0178") + bytes.fromhex("c03e05")  # text "x", and an unknown field
        body = bytes([0x08, room, 0x10, 1, 0x1A, 16]) + bytes(16) + bytes([0x22, len(content)]) + content
        body += bytes.fromhex("48014a0178")  # fields 9 of Chat: a forged profile
        await ada.websocket.send(bytes([0x12, len(body)]) + body)
        chat = await ada.until("chat")
        assert chat.content.SerializeToString() == content and chat.profile.display_name == "ada"


async def test_goodbye_at_sigterm():
    async with RealRelay() as relay, Raw(relay.port) as ada:
        await ada.join()
        relay.process.send_signal(signal.SIGTERM)
        bye = await ada.until("goodbye")
        assert (bye.code, bye.retry) == (code("GOING_AWAY"), pb.RETRY_AFTER)
        room = 1
        await ada.publish(room, 1)
        error = await ada.expect("error")
        assert (error.code, error.retry, error.scope) == (code("GOING_AWAY"), pb.RETRY_AFTER, pb.SCOPE_FRAME)
        await ada.send(ping=pb.Ping(time_ms=1))
        assert (await ada.expect("pong")).echo_ms == 1
        await ada.websocket.close()
        assert await asyncio.wait_for(relay.process.wait(), 10) == 0
