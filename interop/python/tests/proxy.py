"""A TCP proxy that can cut its connections abruptly, at a chosen moment."""

import asyncio
import socket
import struct


class Proxy:
    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self.cut_after = 0  # bytes from the client, over the handshake; 0: never
        self.cuts = 0
        self.hold = False  # nothing of the relay's answers passes
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Resets every connection, on both sides."""
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, up_writer}
        await asyncio.gather(self._pipe(reader, up_writer, True), self._pipe(up_reader, writer, False))
        self._writers -= {writer, up_writer}

    async def _pipe(self, reader, writer, from_client):
        passed = 0
        try:
            while data := await reader.read(1024):
                passed += len(data)
                while self.hold and not from_client:
                    await asyncio.sleep(0.01)
                if from_client and self.cut_after and passed > self.cut_after:
                    writer.write(data[: len(data) // 2])  # in the middle of a message
                    self.cuts += 1
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()
        except (ConnectionError, RuntimeError):
            pass
        finally:
            if not writer.is_closing():
                writer.close()
