"""Limits and times, with the defaults of LIM."""

from __future__ import annotations

from dataclasses import dataclass

from . import pb

MAX_SAFE_INTEGER = 2**53 - 1
CLIENT_FRAME_BYTES = 262_144
PRE_AUTH_FRAME_BYTES = 16_384
PRE_AUTH_QUEUE_BYTES = 65_536
PRE_AUTH_REQUESTS = 64
DEPTH = 16
ELEMENTS = 65_536
BATCH_FRAMES = 10  # BAT-4
BATCH_BYTES = 16_384


def default_limits() -> pb.Limits:
    """What is assumed before the first welcome."""
    return pb.Limits(
        frame_bytes=1_048_576, content_bytes=65_536, window_messages=256, window_bytes=4_194_304, batch_frames=256,
        open_requests=128, rooms=1_000, watched_users=256, page_entries=1_000, dedup_window_s=604_800,
        typing_interval_ms=1_000, presence_ttl_ms=300_000,
    )  # fmt: skip


@dataclass(frozen=True)
class Times:
    """In seconds. The relay's values, told in welcome, are not here."""

    connect: float = 20.0
    request: float = 10.0
    close: float = 5.0
    backoff_base: float = 1.0
    backoff_cap: float = 30.0
    slow_after: int = 5  # attempts in a row (LIV-7)
    slow_interval: float = 60.0
    typing_stop: float = 3.0
    typing_ttl: float = 6.0
    presence_refresh: float = 30.0
    receipt_interval: float = 0.5


@dataclass(frozen=True)
class Bounds:
    """Bounds of this client's own structures (LIM-6)."""

    outbox_entries: int = 10_000  # of one room
    seen_ids: int = 4_096  # of one room
    seen_seconds: float = 7 * 86_400.0
    credit_bytes: int = 1_048_576  # chats outstanding; at least 512 KiB (CRD-5)
    pending_requests: int = 2_048
    events: int = 16_384  # events other than chats that wait for the application; then the oldest go
    ephemeral_frames: int = 256  # receipts, typing, presence, signals that wait to be sent
