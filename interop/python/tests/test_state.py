"""Cursor, credit, backoff, acks, errors: the parts that need no connection."""

import pytest

from chappe_client import pb
from chappe_client.backoff import Backoff
from chappe_client.constraints import ack_outcomes
from chappe_client.credit import Credit
from chappe_client.cursor import Cursor
from chappe_client.errors import ProtocolError, Verdict, verdict_of_close
from chappe_client.limits import Times


def joined(verdict: int, start: int, head: int, epoch: int = 7, retained: int = 1) -> pb.Joined:
    return pb.Joined(name="a", room=1, verdict=verdict, epoch=epoch, start=start, head=head, first_retained=retained)


def at(offset: int) -> Cursor:
    cursor = Cursor()
    cursor.joined(joined(pb.VERDICT_FRESH, offset + 1, offset), None)
    return cursor


def test_fresh_then_chats():
    cursor = at(4)
    assert cursor.chat(5) and cursor.chat(6) and not cursor.chat(5)
    assert cursor.position() == pb.Position(epoch=7, offset=6)
    with pytest.raises(ProtocolError, match="OFFSET_INVALID"):
        cursor.chat(8)


def test_resumed_and_gap():
    cursor = at(4)
    asked = cursor.position()
    assert not cursor.joined(joined(pb.VERDICT_RESUMED, 5, 9), asked)
    missing = cursor.joined(joined(pb.VERDICT_GAP, 8, 9), asked)
    assert (missing[0], missing[-1]) == (5, 7)
    assert cursor.chat(8)


def test_reset():
    cursor = at(4)
    cursor.joined(joined(pb.VERDICT_RESET, 1, 0, epoch=9), cursor.position())
    assert cursor.position() == pb.Position(epoch=9, offset=0) and cursor.chat(1)


def test_gap_frame():
    cursor = at(4)
    cursor.gap(5, 7)
    assert cursor.offset == 7 and cursor.chat(8)
    with pytest.raises(ProtocolError, match="OFFSET_INVALID"):
        cursor.gap(12, 13)


def test_chats_between_a_second_join_and_its_answer():
    """ROM-10: what came meanwhile comes again, and is not shown again."""
    cursor = at(4)
    asked = cursor.position()
    assert cursor.chat(5)
    cursor.joined(joined(pb.VERDICT_RESUMED, 5, 6), asked)
    assert not cursor.chat(5) and cursor.chat(6)


@pytest.mark.parametrize(
    "bad",
    [
        joined(pb.VERDICT_RESUMED, 6, 9),
        joined(pb.VERDICT_GAP, 5, 9),
        joined(pb.VERDICT_GAP, 3, 9),
        joined(pb.VERDICT_RESUMED, 5, 9, epoch=8),
        joined(pb.VERDICT_FRESH, 11, 9),
        joined(pb.VERDICT_FRESH, 2, 9, retained=3),
    ],
)
def test_joined_that_contradicts(bad):
    with pytest.raises(ProtocolError, match="OFFSET_INVALID"):
        cursor = at(4)
        cursor.joined(bad, cursor.position())


def test_unsolicited_resumed():
    cursor = at(4)
    cursor.chat(5)
    cursor.updated(joined(pb.VERDICT_RESUMED, 6, 9), was_readable=True)
    with pytest.raises(ProtocolError):
        cursor.updated(joined(pb.VERDICT_RESUMED, 7, 9), was_readable=True)


def test_credit():
    credit = Credit(1_000_000)
    credit.receive(600_000)
    assert credit.process(400_000) == 0
    assert credit.process(100_000) == 1_500_000
    credit.receive(900_000)
    with pytest.raises(ProtocolError, match="CREDIT_EXCEEDED"):
        credit.receive(1)


def test_credit_never_falls_short():
    """CRD-5: who has read everything has granted 256 KiB beyond the sum."""
    credit = Credit(0)
    for _ in range(100):
        credit.receive(50_001)
        credit.process(50_001)
        assert credit.granted - credit.received >= 262_144


def test_ack_example():
    """The example of ACK-3."""
    ack = pb.Ack(room=1, first_seq=7, offset_deltas=[40, 1, 0, 4], time_deltas=[1_700_000_000_000, 3, 0, 0])
    t = 1_700_000_000_000
    assert ack_outcomes(ack) == [(7, 40, t), (8, 41, t + 3), (9, 0, 0), (10, 45, t + 3)]
    with pytest.raises(ProtocolError, match="FIELD_INVALID"):
        ack_outcomes(pb.Ack(room=1, first_seq=7, offset_deltas=[0], time_deltas=[4]))


def most(low: float, high: float) -> float:
    return high


def test_backoff():
    backoff = Backoff(Times(slow_after=100), uniform=most)
    lost = Verdict(pb.RETRY_AFTER)
    assert backoff.delay(lost, 0) == 1.0
    waits = []
    for _ in range(6):
        backoff.ended(False, lost)
        waits.append(backoff.delay(lost, 0))
    assert waits == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    backoff.welcome()
    assert backoff.delay(Verdict(pb.RETRY_AFTER, retry_after_ms=5_000), 0) == 6.0
    assert backoff.delay(Verdict(pb.RETRY_NEVER), 0) is None
    assert backoff.delay(Verdict(pb.RETRY_AFTER, after_min_ms=1_000, after_max_ms=3_000), 0) == 3.0


def test_backoff_now():
    backoff = Backoff(Times(), uniform=most)
    now = Verdict(pb.RETRY_NOW)
    assert [backoff.delay(now, at) for at in (0.0, 1.0, 29.0, 30.0)] == [0.0, 1.0, 1.0, 0.0]


def test_backoff_slow():
    backoff = Backoff(Times(), uniform=most)
    for _ in range(5):
        backoff.ended(False, Verdict(pb.RETRY_AFTER))
    assert backoff.delay(Verdict(pb.RETRY_AFTER), 0) == 60.0


def test_backoff_with_refused_tokens():
    backoff, refused = Backoff(Times(), uniform=most), Verdict(pb.RETRY_REAUTHENTICATE)
    backoff.ended(False, refused)
    assert backoff.delay(refused, 0) == 0.0
    backoff.ended(False, refused)
    assert backoff.delay(refused, 0) == 4.0


@pytest.mark.parametrize(
    ("code", "retry", "error"),
    [(4146, pb.RETRY_NEVER, 46), (4373, pb.RETRY_AFTER, 73), (4299, pb.RETRY_NOW, 99), (4440, pb.RETRY_REAUTHENTICATE, 40),
     (1006, pb.RETRY_AFTER, 0), (1000, pb.RETRY_AFTER, 0), (4500, pb.RETRY_AFTER, 0), (None, pb.RETRY_AFTER, 0)],
)  # fmt: skip
def test_verdict_of_close(code, retry, error):
    verdict = verdict_of_close(code)
    assert (verdict.retry, verdict.code) == (retry, error)
