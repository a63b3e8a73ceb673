"""Relays for the tests: the real one where it is there, and a tiny one of the tests themselves."""

import asyncio
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from fake_relay import FakeRelay

MAIN = Path(__file__).parents[3] / "dist" / "src" / "node" / "cli" / "main.js"


def real_relay_is_there() -> bool:
    if not (shutil.which("node") and MAIN.exists()):
        return False
    asked = subprocess.run(["node", str(MAIN), "serve", "--help"], capture_output=True, text=True, check=False)
    return asked.returncode == 0


REAL = real_relay_is_there()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RealRelay:
    """`chappe serve --dev` in a process of its own."""

    def __init__(self, *options: str) -> None:
        self.port, self.options = free_port(), options

    async def __aenter__(self):
        await self.up()
        return self

    async def __aexit__(self, *_):
        await self.kill()

    async def up(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            "node", str(MAIN), "serve", "--dev", "--port", str(self.port), *self.options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        # It accepts connections a little earlier, and answers 426 to an upgrade then.
        async with asyncio.timeout(30):
            line = await self.process.stdout.readline()
        if b"ws://" not in line:
            raise RuntimeError(f"the relay does not start: {line!r}")

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


class FakeProcess:
    """The tiny relay, with the same interface."""

    def __init__(self) -> None:
        self.port = free_port()

    async def __aenter__(self):
        await self.up()
        return self

    async def __aexit__(self, *_):
        await self.kill()

    async def up(self) -> None:
        self.relay = await FakeRelay(self.port).__aenter__()

    async def kill(self) -> None:
        await self.relay.__aexit__()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.skipif(not REAL, reason="no chappe serve"))])
async def relay(request):
    async with (RealRelay if request.param == "real" else FakeProcess)() as started:
        yield started


@pytest.fixture
async def fake():
    async with FakeRelay() as started:
        yield started
