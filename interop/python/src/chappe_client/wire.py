"""Judges the bytes of a frame before protobuf reads them (ENC-2 to ENC-7, LIM-2).

The runtime refuses most malformed bytes too, yet not all of them, and it does not say which rule was broken.
"""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, FieldDescriptor as F

from . import pb
from .errors import ProtocolError
from .limits import DEPTH, ELEMENTS, MAX_SAFE_INTEGER

_WIRE_TYPES = {F.TYPE_UINT32: 0, F.TYPE_UINT64: 0, F.TYPE_BOOL: 0, F.TYPE_ENUM: 0,
               F.TYPE_STRING: 2, F.TYPE_BYTES: 2, F.TYPE_MESSAGE: 2}  # fmt: skip
_FIXED = {1: 8, 5: 4}


class Scan:
    """One pass over a frame. `chats` are the sizes of the frames of a batch, in order (CRD-1)."""

    def __init__(self, data: bytes, depth: int = DEPTH, elements: int = ELEMENTS) -> None:
        self.data, self.max_depth, self.left = data, depth, elements
        self.inner_sizes: list[int] = []
        self._message(0, len(data), pb.Frame.DESCRIPTOR, 1, ())

    def _fail(self, code: int, message: str, path: tuple[str, ...]) -> ProtocolError:
        return ProtocolError(code, message, ".".join(path))

    def _varint(self, pos: int, end: int, path: tuple[str, ...], tag: bool = False) -> tuple[int, int]:
        code = pb.ERROR_CODE_TAG_INVALID if tag else pb.ERROR_CODE_VARINT_OVERLONG
        most, bits = (5, 32) if tag else (10, 64)
        value = 0
        for index in range(most):
            if pos >= end:
                raise self._fail(pb.ERROR_CODE_FRAME_TRUNCATED, "ends in a varint", path)
            byte = self.data[pos]
            pos += 1
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if value >> bits:
                    break
                return value, pos
        raise self._fail(code, "too long", path)

    def _tag(self, pos: int, end: int, path: tuple[str, ...]) -> tuple[int, int, int]:
        tag, pos = self._varint(pos, end, path, tag=True)
        number, wire = tag >> 3, tag & 7
        if number == 0 or wire > 5:
            raise self._fail(pb.ERROR_CODE_TAG_INVALID, f"field {number}, wire type {wire}", path)
        self._element(path)
        return number, wire, pos

    def _element(self, path: tuple[str, ...]) -> None:
        self.left -= 1
        if self.left < 0:
            raise self._fail(pb.ERROR_CODE_ELEMENTS_EXCEEDED, "too many fields", path)

    def _deeper(self, depth: int, path: tuple[str, ...]) -> int:
        if depth >= self.max_depth:
            raise self._fail(pb.ERROR_CODE_DEPTH_EXCEEDED, f"deeper than {self.max_depth}", path)
        return depth + 1

    def _length(self, pos: int, end: int, path: tuple[str, ...]) -> tuple[int, int]:
        size, pos = self._varint(pos, end, path)
        if size > end - pos:
            raise self._fail(pb.ERROR_CODE_FRAME_TRUNCATED, "a length past the end", path)
        return pos, pos + size

    def _message(self, pos: int, end: int, desc: Descriptor, depth: int, path: tuple[str, ...]) -> None:
        while pos < end:
            number, wire, pos = self._tag(pos, end, path)
            field = desc.fields_by_number.get(number)
            here = (*path, field.name) if field else path
            if wire == 4:
                raise self._fail(pb.ERROR_CODE_GROUP_UNBALANCED, "an end without a start", here)
            if wire == 3:
                pos = self._group(pos, end, number, self._deeper(depth, path), path)
            elif wire in _FIXED:
                pos += _FIXED[wire]
                if pos > end:
                    raise self._fail(pb.ERROR_CODE_FRAME_TRUNCATED, "ends in a value", here)
            elif wire == 0:
                value, pos = self._varint(pos, end, here)
                self._integer(value, field, here)
            else:
                start, pos = self._length(pos, end, here)
                if field and (_WIRE_TYPES[field.type] == 2 or field.is_repeated):
                    self._delimited(start, pos, field, depth, here)

    def _integer(self, value: int, field: F | None, path: tuple[str, ...]) -> None:
        if field and field.type == F.TYPE_UINT64 and value > MAX_SAFE_INTEGER:
            raise self._fail(pb.ERROR_CODE_INTEGER_RANGE, f"{value} is above 2^53-1", path)

    def _delimited(self, start: int, end: int, field: F, depth: int, path: tuple[str, ...]) -> None:
        if field.type == F.TYPE_MESSAGE:
            inner = self._deeper(depth, path)
            if depth == 1:
                self.inner_sizes = self.inner_sizes if field.name == "batch" else []
            elif depth == 2 and path == ("batch", "frames"):
                self.inner_sizes.append(end - start)
            self._message(start, end, field.message_type, inner, path)
        elif field.type == F.TYPE_STRING:
            try:
                self.data[start:end].decode()
            except UnicodeDecodeError as error:
                raise self._fail(pb.ERROR_CODE_UTF8_INVALID, error.reason, path) from None
        elif field.type != F.TYPE_BYTES:
            while start < end:
                value, start = self._varint(start, end, path)
                self._element(path)
                self._integer(value, field, path)

    def _group(self, pos: int, end: int, number: int, depth: int, path: tuple[str, ...]) -> int:
        while pos < end:
            inner, wire, pos = self._tag(pos, end, path)
            if wire == 4:
                if inner != number:
                    raise self._fail(pb.ERROR_CODE_GROUP_UNBALANCED, "another end", path)
                return pos
            if wire == 3:
                pos = self._group(pos, end, inner, self._deeper(depth, path), path)
            elif wire == 0:
                pos = self._varint(pos, end, path)[1]
            elif wire == 2:
                pos = self._length(pos, end, path)[1]
            else:
                pos += _FIXED[wire]
                if pos > end:
                    raise self._fail(pb.ERROR_CODE_FRAME_TRUNCATED, "ends in a value", path)
        raise self._fail(pb.ERROR_CODE_GROUP_UNBALANCED, "a start without an end", path)
