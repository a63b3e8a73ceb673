"""Message ids: UUIDs of version 7 that ascend strictly within the process (MID-1, MID-2)."""

from __future__ import annotations

import secrets
import time
import uuid

_RANDOM_BITS = 74


class MessageIds:
    def __init__(self) -> None:
        self._last = 0

    def next(self, now_ms: int | None = None) -> bytes:
        """A new id. Where the clock stands still or steps back, the one before is raised by a little instead."""
        ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        value = (ms << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        if value <= self._last:
            value = self._last + 1 + secrets.randbits(32)
        self._last = value
        ms, rest = value >> _RANDOM_BITS, value & ((1 << _RANDOM_BITS) - 1)
        a, b = rest >> 62, rest & ((1 << 62) - 1)
        return ((ms << 80) | (7 << 76) | (a << 64) | (2 << 62) | b).to_bytes(16)


def id_text(raw: bytes) -> str:
    """The text form (MID-5)."""
    return str(uuid.UUID(bytes=raw))


message_ids = MessageIds()
