"""Cursor, credit, backoff, acks, errors: the parts that need no connection."""

import pytest

from chappe_client import pb
from chappe_client.backoff import Backoff
from chappe_client.constraints import ack_outcomes
from chappe_client.credit import Credit
from chappe_client.cursor import Cursor, Taken
from chappe_client.errors import ProtocolError, Verdict, verdict_of_close, verdict_of_status
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
    assert cursor.joined(joined(pb.VERDICT_RESUMED, 5, 9), asked) == Taken()
    assert cursor.joined(joined(pb.VERDICT_GAP, 8, 9), asked) == Taken(missing=range(5, 8))
    assert cursor.chat(8)


def test_reset():
    cursor = at(4)
    assert cursor.joined(joined(pb.VERDICT_RESET, 1, 0, epoch=9), cursor.position()) == Taken(reset=True)
    assert cursor.position() == pb.Position(epoch=9, offset=0) and cursor.chat(1)


@pytest.mark.parametrize("epoch", [9, 7])
def test_reset_leaves_out_what_lies_before_its_start(epoch):
    """RES-4: of the new log nothing was seen, hence 1 to start - 1 are missing; also where only the position was beyond the head."""
    cursor = at(40)
    told = cursor.joined(joined(pb.VERDICT_RESET, 5, 8, epoch=epoch, retained=3), cursor.position())
    assert told == Taken(missing=range(1, 5), reset=True)
    assert cursor.position() == pb.Position(epoch=epoch, offset=4) and cursor.chat(5)


def test_reset_of_a_room_that_is_not_read_leaves_nothing_out():
    told = at(40).joined(joined(pb.VERDICT_RESET, 9, 8, epoch=9), None, publish_only=True)
    assert told == Taken(reset=True)


def test_reset_is_told_once():
    """ROM-10: a join that still carried the old epoch is answered after the reset was told."""
    cursor = at(4)
    asked = cursor.position()
    cursor.joined(joined(pb.VERDICT_RESET, 1, 0, epoch=9), None)
    assert cursor.chat(1) and cursor.chat(2)
    assert cursor.joined(joined(pb.VERDICT_RESET, 1, 3, epoch=9), asked) == Taken()
    assert not cursor.chat(1) and not cursor.chat(2) and cursor.chat(3)
    assert cursor.position() == pb.Position(epoch=9, offset=3)


def test_reading_again_does_not_go_back():
    """ROM-6, ROM-10: RIGHT_READ comes back, and delivery begins before what was seen."""
    cursor = at(4)
    cursor.updated(joined(pb.VERDICT_RESUMED, 3, 4), was_readable=False)
    assert not cursor.chat(3) and not cursor.chat(4) and cursor.offset == 4 and cursor.chat(5)


def test_gap_frame():
    cursor = at(4)
    assert cursor.gap(5, 7) == range(5, 8)
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


def test_gap_over_what_was_seen():
    """ROM-10: only what lies above the position is missing."""
    cursor = at(4)
    asked = cursor.position()
    assert cursor.chat(5) and cursor.chat(6)
    cursor.joined(joined(pb.VERDICT_RESUMED, 5, 9), asked)
    assert cursor.gap(5, 8) == range(7, 9) and cursor.chat(9)
    cursor.joined(joined(pb.VERDICT_RESUMED, 5, 9), asked)
    assert not cursor.gap(5, 6)


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
    """LIV-7: the longer of two times, one of them between half and all of a minute."""
    for uniform, expected in ((most, 60.0), (lambda low, high: low, 30.0)):
        backoff = Backoff(Times(), uniform=uniform)
        for _ in range(5):
            backoff.ended(False, Verdict(pb.RETRY_AFTER))
        assert backoff.delay(Verdict(pb.RETRY_AFTER), 0) == expected


@pytest.mark.parametrize(
    ("status", "retry_after", "expected"),
    [(401, "", (pb.RETRY_REAUTHENTICATE, 0)), (503, "7", (pb.RETRY_AFTER, 7_000)), (503, "soon", (pb.RETRY_AFTER, 0)),
     (403, "7", (pb.RETRY_AFTER, 0)), (500, "", (pb.RETRY_AFTER, 0))],
)  # fmt: skip
def test_verdict_of_a_refused_upgrade(status, retry_after, expected):
    """LIV-8."""
    verdict = verdict_of_status(status, retry_after)
    assert (verdict.retry, verdict.retry_after_ms) == expected


def test_backoff_with_refused_tokens():
    backoff, refused = Backoff(Times(), uniform=most), Verdict(pb.RETRY_REAUTHENTICATE)
    backoff.ended(False, refused)
    assert backoff.delay(refused, 0) == 0.0
    backoff.ended(False, refused)
    assert backoff.delay(refused, 0) == 4.0
    # They are counted apart (AUT-10): the first attempt that is lost is the first.
    lost = Verdict(pb.RETRY_AFTER)
    backoff.ended(False, lost)
    assert backoff.delay(lost, 0) == 2.0


def test_a_fresh_token_is_not_kept_waiting():
    """LIV-7 excepts the first attempt after a REAUTHENTICATE; LIV-6: the delays of such a goodbye do not hold."""
    backoff = Backoff(Times(), uniform=most)
    for _ in range(5):
        backoff.ended(False, Verdict(pb.RETRY_AFTER))
    refused = Verdict(pb.RETRY_REAUTHENTICATE)
    backoff.ended(False, refused)
    assert backoff.delay(refused, 0) == 0.0
    assert backoff.delay(Verdict(pb.RETRY_REAUTHENTICATE, after_min_ms=1_000, after_max_ms=3_000), 0) == 0.0


@pytest.mark.parametrize(
    ("code", "retry", "error"),
    [(4146, pb.RETRY_NEVER, 46), (4373, pb.RETRY_AFTER, 73), (4299, pb.RETRY_NOW, 99), (4440, pb.RETRY_REAUTHENTICATE, 40),
     (1006, pb.RETRY_AFTER, 0), (1000, pb.RETRY_AFTER, 0), (4500, pb.RETRY_AFTER, 0), (None, pb.RETRY_AFTER, 0)],
)  # fmt: skip
def test_verdict_of_close(code, retry, error):
    verdict = verdict_of_close(code)
    assert (verdict.retry, verdict.code) == (retry, error)
