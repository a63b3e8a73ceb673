"""Against a relay: chat, cut connections, a relay that dies. Each test runs with the tiny relay and with the real one."""

import asyncio
from contextlib import asynccontextmanager

from proxy import Proxy

from chappe_client import Client, State, Times, events

QUICK = Times(backoff_base=0.05, backoff_cap=0.3, slow_after=1000)


class Reader:
    """Takes the events of a client; `texts` are the chats in the order in which they came."""

    def __init__(self, client: Client) -> None:
        self.client, self.log = client, []
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._take())

    async def _take(self) -> None:
        async for event in self.client.events():
            self.log.append(event)
            self._changed.set()

    @property
    def texts(self) -> list[str]:
        return [e.chat.content.text for e in self.log if isinstance(e, events.Chat)]

    def of(self, kind: type) -> list:
        return [e for e in self.log if isinstance(e, kind)]

    async def until(self, condition, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def joined(port: int, user: str, room: str = "lobby", **options):
    async with Client(f"ws://127.0.0.1:{port}/", user, times=QUICK) as client:
        reader, entered = Reader(client), client.room(room, **options)
        async with asyncio.timeout(10):
            await entered.wait_joined()
        try:
            yield client, entered, reader
        finally:
            reader.task.cancel()


async def settled(entries) -> None:
    async with asyncio.timeout(30):
        for entry in entries:
            await entry.wait()


async def test_chat_between_two(relay):
    async with joined(relay.port, "ada") as (ada, room, reader), joined(relay.port, "bob") as (_, other, heard):
        entries = [room.publish(f"ada {n}") for n in range(20)] + [other.publish("bob")]
        await settled(entries)
        await heard.until(lambda: len(heard.texts) == 21)
        await reader.until(lambda: len(reader.texts) == 21)
        assert reader.texts == heard.texts
        assert [t for t in heard.texts if t.startswith("ada")] == [f"ada {n}" for n in range(20)]
        assert all(entry.state is State.STORED for entry in entries)
        chats = heard.of(events.Chat)
        assert [e.chat.offset for e in chats] == list(range(chats[0].chat.offset, chats[0].chat.offset + 21))
        assert {e.chat.sender for e in chats if e.chat.content.text == "bob"} == {heard.client.user}
        page = await ada.history(room, limit=5)
        assert [c.content.text for c in page.entries] == reader.texts[-5:]


async def test_cut_while_publishing(relay):
    """Nothing is lost, nothing doubled, and the order holds, however often the connection is cut."""
    async with Proxy(relay.port) as proxy:
        async with joined(relay.port, "bob") as (_, _, heard), joined(proxy.port, "ada") as (ada, room, reader):
            proxy.cut_after = 3_000
            entries = []
            for n in range(400):
                entries.append(room.publish(f"message {n}"))
                if n % 10 == 0:
                    await asyncio.sleep(0.005)
                if proxy.cuts >= 8:
                    proxy.cut_after = 0
            while proxy.cuts < 3:
                await asyncio.sleep(0.01)
            proxy.cut_after = 0
            await settled(entries)
            await heard.until(lambda: len(heard.texts) >= 400)
            await reader.until(lambda: len(reader.texts) >= 400)
            await asyncio.sleep(0.1)
            expected = [f"message {n}" for n in range(400)]
            assert heard.texts == expected
            assert reader.texts == expected
            assert [e.state for e in entries] == [State.STORED] * 400
            offsets = [e.offset for e in entries]
            assert offsets == list(range(offsets[0], offsets[0] + 400))
            assert proxy.cuts >= 3 and ada.supervisor.attempt > 3


async def test_acks_lost_with_the_connection(relay):
    """The relay has stored everything, and the client does not hear of it: sending again stores nothing twice."""
    async with Proxy(relay.port) as proxy:
        async with joined(relay.port, "bob") as (_, _, heard), joined(proxy.port, "ada") as (_, room, reader):
            proxy.hold = True
            entries = [room.publish(f"message {n}") for n in range(50)]
            await heard.until(lambda: len(heard.texts) == 50)
            assert all(entry.state is State.SENT for entry in entries)
            proxy.cut()
            proxy.hold = False
            await settled(entries)
            await reader.until(lambda: len(reader.texts) == 50)
            await asyncio.sleep(0.1)
            assert heard.texts == reader.texts == [f"message {n}" for n in range(50)]


async def test_resume_gets_what_was_missed(relay):
    async with Proxy(relay.port) as proxy:
        async with joined(relay.port, "ada") as (_, room, _), joined(proxy.port, "bob") as (_, _, heard):
            await settled([room.publish("before")])
            await heard.until(lambda: heard.texts == ["before"])
            target, proxy.target = proxy.target, 1  # bob cannot come back
            proxy.cut()
            await settled([room.publish(f"missed {n}") for n in range(30)])
            proxy.target = target
            await heard.until(lambda: len(heard.texts) == 31)
            assert heard.texts == ["before"] + [f"missed {n}" for n in range(30)]
            assert not heard.of(events.Missing) and not heard.of(events.Reset)


async def test_relay_dies_and_comes_back_empty(relay):
    """A new epoch: queued messages arrive once, in order; seqs begin anew (PUB-8, d)."""
    # With tail 0 who comes back late would begin behind what is new: a RESET delivers from the latest `tail` (RES-2).
    both = joined(relay.port, "ada", tail=1000), joined(relay.port, "bob", tail=1000)
    async with both[0] as (_, room, reader), both[1] as (_, _, heard):
        await settled([room.publish(f"old {n}") for n in range(5)])
        await heard.until(lambda: len(heard.texts) == 5)
        await relay.kill()
        entries = [room.publish(f"queued {n}") for n in range(300)]  # more than the window
        await asyncio.sleep(0.3)
        await relay.up()
        await settled(entries)
        await reader.until(lambda: bool(reader.of(events.Reset)))
        assert [e.state for e in entries] == [State.STORED] * 300
        expected = [f"queued {n}" for n in range(300)]
        for got in (reader, heard):
            await got.until(lambda got=got: len(got.texts) >= 305)
            await asyncio.sleep(0.05)
            assert got.texts == [f"old {n}" for n in range(5)] + expected


async def test_relay_dies_while_publishing(relay):
    async with joined(relay.port, "ada", tail=1000) as (_, room, reader):
        entries = []
        for n in range(200):
            entries.append(room.publish(f"message {n}"))
            if n == 100:
                await asyncio.sleep(0.01)
                await relay.kill()
        await relay.up()
        await settled(entries)
        await reader.until(lambda: len(reader.texts) >= 1 and "message 199" in reader.texts)
        assert len(reader.texts) == len(set(reader.texts))  # MID-6
        assert all(e.state is State.STORED for e in entries)
        assert reader.texts == sorted(reader.texts, key=lambda text: int(text.split()[1]))
