"""The constraints of the schema, read from the descriptors (buf.validate), and the table of ENC-8."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from . import pb
from .errors import ProtocolError
from .limits import MAX_SAFE_INTEGER

Broken = tuple[str, str]  # path, what is wrong
_TARGETED = (pb.CHAT_KIND_REDACTION, pb.CHAT_KIND_EDIT, pb.CHAT_KIND_REACTION)


def check(frame: pb.Frame, *, inner: bool = True) -> None:
    """Raises FIELD_INVALID or BATCH_NESTED. With inner=False the frames of a batch are left to the caller (BAT-3)."""
    body = frame.WhichOneof("body")
    if body is None:
        return
    for path, problem in _message(getattr(frame, body), body):
        raise ProtocolError(pb.ERROR_CODE_FIELD_INVALID, problem, path)
    if body == "batch" and inner:
        for index, item in enumerate(frame.batch.frames):
            check_inner(item, index)


def check_inner(item: pb.Frame, index: int) -> None:
    path = f"batch.frames[{index}]"
    if item.HasField("batch"):
        raise ProtocolError(pb.ERROR_CODE_BATCH_NESTED, "a batch in a batch", f"{path}.batch")
    try:
        check(item)
    except ProtocolError as error:
        raise ProtocolError(error.code, error.message, f"{path}.{error.path}") from None


def _message(message: Message, path: str) -> Iterator[Broken]:
    for field in message.DESCRIPTOR.fields:
        rules = field.GetOptions().Extensions[validate_pb2.field]
        name = f"{path}.{field.name}"
        if field.is_repeated:
            yield from _repeated(message, field, rules, name)
        elif field.message_type:
            if message.HasField(field.name):
                yield from _message(getattr(message, field.name), name)
            elif rules.required:
                yield name, "absent"
        elif not field.has_presence or message.HasField(field.name):
            value = getattr(message, field.name)
            if value or rules.ignore != validate_pb2.IGNORE_IF_ZERO_VALUE:
                yield from _scalar(value, rules, name)
    yield from _rules_between_fields(message, path)


def _repeated(message: Message, field: FieldDescriptor, rules: validate_pb2.FieldRules, name: str) -> Iterator[Broken]:
    values = getattr(message, field.name)
    if field.message_type and field.message_type.GetOptions().map_entry:
        if rules.map.HasField("max_pairs") and len(values) > rules.map.max_pairs:
            yield name, f"more than {rules.map.max_pairs} pairs"
        for key, value in values.items():
            yield from _scalar(key, rules.map.keys, name)
            yield from _scalar(value, rules.map.values, name)
        return
    if len(values) < rules.repeated.min_items:
        yield name, f"fewer than {rules.repeated.min_items} items"
    if rules.repeated.HasField("max_items") and len(values) > rules.repeated.max_items:
        yield name, f"more than {rules.repeated.max_items} items"
    if field.message_type:
        if field.message_type is not pb.Frame.DESCRIPTOR:
            for index, value in enumerate(values):
                yield from _message(value, f"{name}[{index}]")
    elif rules.repeated.HasField("items"):
        for index, value in enumerate(values):
            yield from _scalar(value, rules.repeated.items, f"{name}[{index}]")


def _scalar(value: object, rules: validate_pb2.FieldRules, name: str) -> Iterator[Broken]:
    kind = rules.WhichOneof("type")
    if kind is None:
        return
    rule = getattr(rules, kind)
    if kind == "string":
        size = len(value.encode())
        if size < rule.min_bytes or (rule.HasField("max_bytes") and size > rule.max_bytes):
            yield name, f"{size} bytes"
    elif kind == "bytes":
        if rule.HasField("len") and len(value) != rule.len:
            yield name, f"{len(value)} bytes"
    elif kind in ("uint32", "uint64"):
        low, high = rule.WhichOneof("greater_than"), rule.WhichOneof("less_than")
        if low == "gt" and value <= rule.gt or low == "gte" and value < rule.gte:
            yield name, f"{value} is too small"
        if high == "lte" and value > rule.lte:
            yield name, f"{value} is too large"


def _rules_between_fields(message: Message, path: str) -> Iterator[Broken]:
    if isinstance(message, pb.Ack):
        if len(message.offset_deltas) != len(message.time_deltas):
            yield f"{path}.time_deltas", "not as long as offset_deltas"
        for name in ("offset_deltas", "time_deltas"):
            if sum(getattr(message, name)) > MAX_SAFE_INTEGER:
                yield f"{path}.{name}", "the sum is above 2^53-1"
    elif isinstance(message, pb.Gap):
        if message.last < message.first:
            yield f"{path}.last", "below first"
    elif isinstance(message, (pb.Publish, pb.Chat)):
        publish = isinstance(message, pb.Publish)
        if message.kind == (pb.CHAT_KIND_TOMBSTONE if publish else pb.CHAT_KIND_VOID):
            yield f"{path}.kind", "not allowed here"
        if message.kind in _TARGETED and not message.target:
            yield f"{path}.target", "absent"
        if publish and message.kind in (pb.CHAT_KIND_VOID, pb.CHAT_KIND_REDACTION) and message.HasField("content"):
            yield f"{path}.content", "not allowed with this kind"
        if publish and message.kind == pb.CHAT_KIND_VOID and message.target:
            yield f"{path}.target", "not allowed with this kind"


def ack_outcomes(ack: pb.Ack) -> list[tuple[int, int, int]]:
    """The run of an ack as (seq, offset, time in ms); offset 0 is a void (ACK-3, ACK-5)."""
    if ack.first_seq + len(ack.offset_deltas) - 1 > MAX_SAFE_INTEGER:
        raise ProtocolError(pb.ERROR_CODE_FIELD_INVALID, "a seq above 2^53-1", "ack.first_seq")
    deltas = zip(ack.offset_deltas, ack.time_deltas, strict=True)
    if any(time and not offset for offset, time in deltas):
        raise ProtocolError(pb.ERROR_CODE_FIELD_INVALID, "a time without an offset", "ack.time_deltas")
    sums = zip(ack.offset_deltas, accumulate(ack.offset_deltas), accumulate(ack.time_deltas), strict=True)
    return [
        (ack.first_seq + index, offset, time) if delta else (ack.first_seq + index, 0, 0)
        for index, (delta, offset, time) in enumerate(sums)
    ]
