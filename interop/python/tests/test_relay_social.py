"""What the real relay does with redactions, receipts, typing, presence, members, signals, leaving, and retention."""

import asyncio

import pytest
from conftest import REAL, RealRelay
from raw import Raw

from chappe_client import pb

pytestmark = pytest.mark.skipif(not REAL, reason="no chappe serve")


@pytest.fixture
async def port():
    async with RealRelay() as relay:
        yield relay.port


def code(name: str) -> int:
    return pb.ErrorCode.Value(f"ERROR_CODE_{name}")


async def test_redaction(port):
    """LOG-7: the target and its edits become tombstones."""
    async with Raw(port) as ada:
        room = (await ada.join(publish_only=True)).room
        first = await ada.publish(room, 1, text="secret")
        await ada.publish(room, 2, text="secret too", kind=pb.CHAT_KIND_EDIT, target=first)
        await ada.publish(room, 3, text="+1", kind=pb.CHAT_KIND_REACTION, target=first)
        await ada.publish(room, 4, kind=pb.CHAT_KIND_REDACTION, target=first)
        async with Raw(port, "bob") as bob:
            joined = await bob.join(tail=10)
            chats = [await bob.expect("chat") for _ in range(joined.head)]
            kinds = [(c.kind, c.HasField("content"), c.target) for c in chats]
            tomb = pb.CHAT_KIND_TOMBSTONE
            assert kinds == [(tomb, False, b""), (tomb, False, first), (pb.CHAT_KIND_REACTION, True, first),
                             (pb.CHAT_KIND_REDACTION, False, first)]  # fmt: skip
            assert chats[0].id == first and chats[0].sender == "ada" and chats[0].time_ms
            await bob.publish(joined.room, 1, kind=pb.CHAT_KIND_REDACTION, target=chats[2].id)
            error = await bob.until("error")
            assert error.code in (code("FORBIDDEN"), 0) and error.seq == 1


async def test_receipts(port):
    async with Raw(port) as ada, Raw(port, "bob", all=True) as bob:
        room = (await ada.join()).room
        await bob.until("welcome")
        await bob.send(1, join=pb.Join(name="lobby"))
        await bob.until("joined")
        await ada.publish(room, 1)
        await bob.until("chat")
        await ada.send(receipt=pb.Receipt(room=room, marks=[pb.ReceiptMark(user="eve", read=99)]))
        mark = (await bob.until("receipt")).marks[0]
        assert (mark.user, mark.delivered, mark.read) == ("ada", 1, 1)  # RCP-3, FRM-9
        async with Raw(port) as again:
            joined = await again.join()
            assert joined.read == 1 and {m.user for m in joined.marks} >= {"ada"}


async def test_typing(port):
    async with Raw(port) as ada, Raw(port) as ada2, Raw(port, "bob") as bob:
        room = (await ada.join()).room
        await ada2.join()
        await bob.join()
        for _ in range(3):
            await ada.send(typing=pb.Typing(room=room, marks=[pb.TypingMark(ttl_ms=6000, user="eve")]))
        marks = (await bob.expect("typing")).marks
        assert [(m.user, m.ttl_ms) for m in marks] == [("ada", 6000)]
        assert await bob.silent(0.7)
        await ada.send(typing=pb.Typing(room=room, marks=[pb.TypingMark(ttl_ms=0)]))
        assert (await bob.expect("typing")).marks[0].ttl_ms == 0
        assert await ada.silent() and await ada2.silent()


async def test_presence(port):
    async with Raw(port, "bob") as bob:
        await bob.expect("welcome")
        await bob.send(3, watch=pb.Watch(users=["ada", "nobody"]))
        frame = await bob.next()
        assert frame.ref == 3 and frame.presence.snapshot
        assert {(m.user, m.state, m.devices) for m in frame.presence.marks} == {("ada", 0, 0), ("nobody", 0, 0)}
        async with Raw(port) as ada:
            await ada.expect("welcome")
            await ada.send(presence=pb.Presence(marks=[pb.PresenceMark(user="eve", state=0, activity="viewing")]))
            frame = await bob.next(7)
            mark = frame.presence.marks[0]
            assert (mark.user, mark.state, mark.activity, mark.devices) == ("ada", pb.PRESENCE_STATE_ONLINE, "viewing", 1)
            assert not frame.presence.snapshot and not frame.ref
            await ada.send(goodbye=pb.Goodbye(retry=pb.RETRY_NEVER))
        mark = (await bob.next(7)).presence.marks[0]
        assert (mark.state, mark.devices) == (pb.PRESENCE_STATE_OFFLINE, 0) and mark.last_seen_ms
        await bob.send(4, watch=pb.Watch(users=[f"u{n}" for n in range(256)]))
        frame = await bob.next()
        assert (frame.ref, frame.error.code, frame.error.scope) == (4, code("LIMIT_EXCEEDED"), pb.SCOPE_FRAME)


async def test_members(port):
    async with Raw(port, all=True) as ada:
        await ada.until("welcome")
        await ada.send(1, join=pb.Join(name="lobby"))
        joined = await ada.until("joined")
        assert joined.count == 1 and [m.user for m in joined.members] == ["ada"]
        async with Raw(port, "bob") as bob:
            await bob.join()
            members = await ada.until("members")
            assert members.count == 2 and [m.user for m in members.entered] == ["bob"]
            await bob.send(goodbye=pb.Goodbye(retry=pb.RETRY_NEVER))
        members = await asyncio.wait_for(ada.until("members"), 2)
        assert members.count == 1 and list(members.exited) == ["bob"]


async def test_signals(port):
    async with Raw(port) as ada, Raw(port) as ada2, Raw(port, "bob") as bob:
        room = (await ada.join()).room
        await ada2.join()
        await bob.join()
        await ada.send(signal=pb.Signal(room=room, name="cursor", sender="eve", content=pb.Content(data=b"1")))
        for other in (ada2, bob):
            signal = await other.expect("signal")
            assert (signal.sender, signal.name, signal.content.data) == ("ada", "cursor", b"1")
        await ada.send(signal=pb.Signal(name="nobody"))
        await ada.send(signal=pb.Signal(room=room, name="big", content=pb.Content(data=bytes(70_000))))
        error = await ada.expect("error")
        assert (error.code, error.scope) == (code("LIMIT_EXCEEDED"), pb.SCOPE_FRAME)


async def test_leaving_settles_what_came_before(port):
    """ROM-7."""
    async with Raw(port) as ada:
        room = (await ada.join(publish_only=True)).room
        publishes = [pb.Frame(publish=pb.Publish(room=room, seq=n, id=bytes([n]) * 16)) for n in range(1, 20)]
        await ada.send(batch=pb.Batch(frames=[*publishes, pb.Frame(ref=77, leave=pb.Leave(room=room))]))
        acked = 0
        while (frame := await ada.next()).HasField("ack"):
            acked += len(frame.ack.offset_deltas)
        assert (acked, frame.left.room, frame.ref) == (19, room, 77)
        await ada.publish(room, 20)
        assert (await ada.expect("error")).code == code("ROOM_UNKNOWN")
        await ada.send(signal=pb.Signal(room=room, name="x"))
        assert await ada.silent()  # ROM-4, 4
        joined = await ada.join()
        assert joined.room == room and joined.next_seq == 20


async def test_retention_and_gap():
    """RES-2, RES-7: a reader without credit is overtaken by retention."""
    async with RealRelay("--retention", "10") as relay, Raw(relay.port) as ada, Raw(relay.port, "bob", credit=0) as bob:
        room = (await ada.join(publish_only=True)).room
        epoch = (await bob.join()).epoch
        for seq in range(1, 31):
            await ada.publish(room, seq)
        got = 0
        while got < 30:
            got += len((await ada.expect("ack")).offset_deltas)
        await bob.send(credit=pb.Credit(total_bytes=1_000_000))
        gap = await bob.expect("gap")
        assert (gap.first, gap.reason) == (1, pb.GAP_REASON_TRIMMED)
        chats = [(await bob.expect("chat")).offset for _ in range(30 - gap.last)]
        assert chats == list(range(gap.last + 1, 31))
        joined = await bob.join(position=pb.Position(epoch=epoch, offset=3))
        assert (joined.verdict, joined.start, joined.first_retained) == (pb.VERDICT_GAP, gap.last + 1, gap.last + 1)
