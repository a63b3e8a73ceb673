"""Frames to bytes and back (ENC, LIM-1)."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from . import pb
from .constraints import check
from .errors import ProtocolError
from .limits import CLIENT_FRAME_BYTES, DEPTH, ELEMENTS
from .wire import Scan


@dataclass(frozen=True)
class Decoded:
    frame: pb.Frame
    size: int
    inner_sizes: list[int]  # of the frames of a batch


def encode(frame: pb.Frame, limit: int = 1_048_576) -> bytes:
    """Refuses what a receiver would refuse, before anything is sent (ENC-8, LIM-1)."""
    check(frame)
    data = frame.SerializeToString(deterministic=True)
    if len(data) > limit:
        raise ProtocolError(pb.ERROR_CODE_FRAME_TOO_LARGE, f"{len(data)} bytes, {limit} are allowed")
    Scan(data)  # ENC-7 and LIM-2 hold for an encoder too
    return data


def decode(
    data: bytes, *, limit: int = CLIENT_FRAME_BYTES, depth: int = DEPTH, elements: int = ELEMENTS
) -> Decoded:
    """Judges the structure alone. The constraints are judged frame by frame, by constraints.check (BAT-3)."""
    if len(data) > limit:
        raise ProtocolError(pb.ERROR_CODE_FRAME_TOO_LARGE, f"{len(data)} bytes, {limit} are allowed")
    scan = Scan(data, depth, elements)
    try:
        frame = pb.Frame.FromString(data)
    except DecodeError as error:  # nothing that passed the scan should come here
        raise ProtocolError(pb.ERROR_CODE_FRAME_TRUNCATED, str(error)) from error
    return Decoded(frame, len(data), scan.inner_sizes)


def content(text: str | None = None, data: bytes | None = None, content_type: str = "",
            headers: dict[str, str] | None = None) -> pb.Content:  # fmt: skip
    """A Content. Text with half of a surrogate pair is refused (ENC-6)."""
    try:
        made = pb.Content(content_type=content_type, headers=headers or {})
        if text is not None:
            made.text = text
        elif data is not None:
            made.data = data
        return made
    except (UnicodeEncodeError, ValueError) as error:
        raise ProtocolError(pb.ERROR_CODE_FIELD_INVALID, str(error), "content") from None
