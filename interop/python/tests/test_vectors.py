"""The test vectors of the specification: frames.json, invalid.json, message-id.json."""

import json
import uuid
from pathlib import Path

import pytest
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from chappe_client import pb
from chappe_client.codec import decode, encode
from chappe_client.constraints import check
from chappe_client.errors import ProtocolError, close_code, code_name
from chappe_client.ids import MessageIds, id_text

VECTORS = Path(__file__).parents[3] / "test" / "vectors"


def load(name: str) -> list:
    groups = json.loads((VECTORS / name).read_text())["groups"]
    return [pytest.param(test, id=test["id"]) for group in groups for test in group["tests"]]


def bounds(test: dict) -> dict:
    given = test.get("limits", {})
    return {
        "limit": given.get("frameBytes", 1_048_576),
        "depth": given.get("depth", 16),
        "elements": given.get("elements", 65_536),
    }


# Valid frames that the runtime reads otherwise, or not at all: it drops an entry of a map that holds an unknown
# field (ENC-1), and refuses a length of more than 5 bytes (ENC-3).
RUNTIME_DIFFERS = {"frame/unknown-inside", "wire-type/inside", "varint/longest-length"}

VALID = [p for p in load("frames.json") if "hex" in p.values[0]]
INVALID = [p for p in load("invalid.json") if "hex" in p.values[0]]
INVALID_TEXT = [p for p in load("invalid.json") if "text" in p.values[0]]


@pytest.mark.parametrize("test", VALID)
def test_valid_frame(test, request):
    if test["id"] in RUNTIME_DIFFERS:
        request.applymarker(pytest.mark.xfail(strict=True, reason="the protobuf runtime"))
    frame = decode(bytes.fromhex(test["hex"]), **bounds(test)).frame
    check(frame)
    assert json_format.MessageToDict(frame) == test["json"]
    parsed = json_format.ParseDict(test["json"], pb.Frame(), ignore_unknown_fields=True)
    if "UnknownField" in test["flags"] or "WrongWireType" in test["flags"]:
        frame.DiscardUnknownFields()
    assert parsed == frame
    if not test["flags"]:
        assert len(encode(parsed)) == len(test["hex"]) // 2  # maps may be in another order (ENC-10)


@pytest.mark.parametrize("test", [p for p in VALID if "closeCode" in p.values[0]])
def test_close_code(test):
    error = decode(bytes.fromhex(test["hex"])).frame.error
    if test["closeCode"]:
        assert close_code(error.code, error.retry) == test["closeCode"]


@pytest.mark.parametrize("test", INVALID)
def test_invalid_frame(test):
    with pytest.raises(ProtocolError) as caught:
        check(decode(bytes.fromhex(test["hex"]), **bounds(test)).frame)
    assert (code_name(caught.value.code), caught.value.path) == (test["error"], test.get("field", ""))


# What the protobuf runtime by itself does not see: it reads these bytes or this text without an error.
# Codes that are not in the table of a runtime at all (constraints, limits, 2^53-1, batches) are left out.
RUNTIME_READS = {"varint/65-bits"}
RUNTIME_READS_TEXT = {"json/array", "json/string", "json/base64"}
STRUCTURE = {"FRAME_TRUNCATED", "VARINT_OVERLONG", "TAG_INVALID", "GROUP_UNBALANCED", "UTF8_INVALID"}


def test_what_the_runtime_reads():
    reads = set()
    for param in INVALID:
        test = param.values[0]
        if test["error"] in STRUCTURE:
            try:
                pb.Frame.FromString(bytes.fromhex(test["hex"]))
                reads.add(test["id"])
            except DecodeError:
                pass
    assert reads == RUNTIME_READS


def test_what_the_runtime_reads_as_text():
    reads = set()
    for param in INVALID_TEXT:
        test = param.values[0]
        if test["error"] == "JSON_INVALID":
            try:
                json_format.Parse(test["text"], pb.Frame(), ignore_unknown_fields=True)
                reads.add(test["id"])
            except json_format.ParseError:
                pass
    assert reads == RUNTIME_READS_TEXT


def test_message_ids():
    vectors = json.loads((VECTORS / "message-id.json").read_text())
    for item in vectors["ids"]:
        assert id_text(bytes.fromhex(item["hex"])) == item["text"]
    made, ids = [], MessageIds()
    for now in (5, 5, 5, 4, 9, 1):
        made.append(ids.next(now))
    assert made == sorted(set(made))
    assert all(uuid.UUID(bytes=i).version == 7 and uuid.UUID(bytes=i).variant == uuid.RFC_4122 for i in made)
