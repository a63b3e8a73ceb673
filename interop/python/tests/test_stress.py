"""Random cuts, rooms, cancels and restarts, against a relay; what the logs say in the end is compared with the outbox."""

import asyncio
import random

import pytest
from proxy import Proxy
from test_live import joined, settled

from chappe_client import State, pb


async def log_of(client, room) -> list[pb.Chat]:
    """The whole log, by history (HIS-5)."""
    entries: list[pb.Chat] = []
    while True:
        page = await client.history(room, before=entries[0].offset if entries else 0, limit=100)
        entries[:0] = page.entries
        if not page.entries or page.entries[0].offset == page.first_retained:
            return entries


@pytest.mark.parametrize("seed", range(3))
async def test_random_cuts(relay, seed):
    rng = random.Random(seed)
    async with Proxy(relay.port) as proxy, joined(proxy.port, "ada", "room 0", tail=1000) as (client, first, reader):
        rooms = [first] + [client.room(f"room {n}", tail=1000) for n in range(1, 4)]
        made = {room.name: [] for room in rooms}
        for n in range(400):
            room = rng.choice(rooms)
            made[room.name].append(room.publish(f"{n}"))
            if rng.random() < 0.1:
                room.cancel(rng.choice(made[room.name]))
            if rng.random() < 0.02:
                proxy.cut()
            if rng.random() < 0.1:
                await asyncio.sleep(rng.random() * 0.03)
        await settled([entry for entries in made.values() for entry in entries])
        while not all(room.open for room in rooms):
            await asyncio.sleep(0.01)
        for room in rooms:
            log = await log_of(client, room)
            stored = [e for e in made[room.name] if e.state is State.STORED]
            others = [e for e in made[room.name] if e.state is not State.STORED]
            assert {e.state for e in others} <= {State.CANCELLED}
            assert [c.id for c in log] == [e.id for e in stored]
            assert [c.offset for c in log] == [e.offset for e in stored]
            assert [c.time_ms for c in log] == [e.time_ms for e in stored]
        want = sum(e.state is State.STORED for entries in made.values() for e in entries)
        await reader.until(lambda: len(reader.texts) >= want)
        assert len(reader.texts) == len(set(reader.texts)) == want


async def test_restarts(relay):
    """The relay dies again and again; each message arrives, once for each reader, in order."""
    async with joined(relay.port, "ada", tail=1000) as (_, room, reader):
        entries = []
        for n in range(5):
            entries += [room.publish(f"{n * 50 + k}") for k in range(50)]
            await asyncio.sleep(0.02)
            await relay.kill()
            entries += [room.publish(f"{1000 + n}")] if n == 4 else []
            await relay.up()
        await settled(entries)
        assert all(e.state is State.STORED for e in entries)
        await reader.until(lambda: "1004" in reader.texts)
        shown = [int(text) for text in reader.texts]
        assert shown == sorted(set(shown))
