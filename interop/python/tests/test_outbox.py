"""The outbox by itself: seqs, PUB-8, rejections, cancelling, the window."""

import pytest

from chappe_client import pb
from chappe_client.errors import OutboxFull
from chappe_client.outbox import Outbox, State, Window

CONTENT = pb.Content(text="x")


def outbox(count: int = 0, *, epoch: int = 7, send: bool = True) -> tuple[Outbox, list]:
    box = Outbox()
    box.joined(1, epoch)
    entries = [box.add(CONTENT) for _ in range(count)]
    if send:
        sent(box)
    return box, entries


def sent(box: Outbox, now: float = 0.0) -> list[tuple[int, int]]:
    """What goes on the wire: (seq, kind)."""
    out = []
    while publish := box.transmit(3, now):
        out.append((publish.seq, publish.kind))
    return out


def error(name: str, seq: int, retry: int, processed: int = pb.PROCESSED_NO, **more) -> pb.ErrorInfo:
    code = pb.ErrorCode.Value(f"ERROR_CODE_{name}")
    return pb.ErrorInfo(code=code, room=3, seq=seq, retry=retry, processed=processed, **more)


def seqs(entries) -> list[int]:
    return [entry.seq for entry in entries]


def test_seq_is_given_at_first_transmission():
    box, entries = outbox(3, send=False)
    assert seqs(entries) == [0, 0, 0]
    assert sent(box) == [(1, 0), (2, 0), (3, 0)]
    assert sent(box) == []


def test_ack_settles_and_doubles_do_nothing():
    box, entries = outbox(3)
    box.ack(2, 11, 5)
    box.ack(2, 99, 9)
    box.ack(77, 1, 1)
    assert [e.state for e in entries] == [State.SENT, State.STORED, State.SENT]
    assert (entries[1].offset, entries[1].time_ms) == (11, 5)


def test_window_is_over_all_rooms():
    window = Window(messages=3, size=1_000)
    boxes = [outbox(2, send=False)[0] for _ in range(2)]
    for box in boxes:
        box.window = window
    assert len(sent(boxes[0])) == 2 and len(sent(boxes[1])) == 1
    boxes[0].ack(1, 1, 1)
    assert sent(boxes[1]) == [(2, 0)]
    assert (window.messages, window.bytes) == (3, 3 * pb.Publish(room=3, seq=1, id=bytes(16), content=CONTENT).ByteSize())


def test_window_counts_bytes():
    box, _ = outbox(3, send=False)
    box.window = Window(messages=256, size=60)
    assert len(sent(box)) == 2


@pytest.mark.parametrize(
    ("next_seq", "epoch", "expected", "then"),
    [
        (4, 7, [4, 5, 6], 7),  # c: what the ring answers is sent again as it was
        (6, 7, [4, 5, 6], 7),  # c
        (9, 7, [4, 5, 6], 9),  # c: a copy has gone on
        (4, 8, [4, 5, 6], 7),  # c, also in another epoch
        (2, 8, [2, 3, 4], 5),  # d: the log was lost
    ],
)
def test_joined_compares(next_seq, epoch, expected, then):
    box, entries = outbox(6)
    for seq in (1, 2, 3):
        box.ack(seq, seq, seq)
    box.lost()
    box.joined(next_seq, epoch)
    assert seqs(entries[3:]) == expected
    assert sent(box) == [(seq, 0) for seq in expected]
    assert box.next_seq == then


def test_joined_with_a_forgotten_producer():
    """PUB-8, e: nobody can say; nothing is sent again, and queued entries go on."""
    box, entries = outbox(3)
    for seq in (1, 2):
        box.ack(seq, seq, seq)
    queued = box.add(CONTENT)
    box.lost()
    box.joined(1, 7)
    assert entries[2].state is State.MAYBE
    assert sent(box) == [(1, 0)] and queued.seq == 1


def test_final_rejection_uses_the_seq_up():
    box, entries = outbox(3)
    box.error(error("REJECTED", 2, pb.RETRY_NEVER), 0)
    assert entries[1].state is State.FAILED and entries[1].error.code == pb.ERROR_CODE_REJECTED
    box.add(CONTENT)
    assert sent(box) == [(4, 0)]


def test_doubt_and_unspecified():
    box, entries = outbox(2)
    box.error(error("SEQ_FORGOTTEN", 1, pb.RETRY_NEVER, pb.PROCESSED_MAYBE), 0)
    box.error(error("INTERNAL", 2, pb.RETRY_AFTER, pb.PROCESSED_UNSPECIFIED), 0)
    assert [e.state for e in entries] == [State.MAYBE, State.MAYBE]


def test_retryable_rejection_gives_back_and_pauses():
    box, entries = outbox(4)
    box.ack(1, 1, 1)
    box.error(error("UNAVAILABLE", 2, pb.RETRY_AFTER, retry_after_ms=500), now=10.0)
    assert box.window.messages == 0
    box.add(CONTENT)
    assert sent(box, 10.4) == []
    assert sent(box, 10.6) == [(2, 0), (3, 0), (4, 0), (5, 0)]
    assert all(e.state is State.SENT for e in entries[1:])
    box.error(error("UNAVAILABLE", 9, pb.RETRY_AFTER), 11.0)  # never given
    assert box.paused_until < 11.0


def test_retryable_with_now_and_unknown_code():
    box, _ = outbox(2)
    info = error("UNAVAILABLE", 1, pb.RETRY_NOW)
    info.code = 999
    box.error(info, 1.0)
    assert sent(box, 1.0) == [(1, 0), (2, 0)]


def test_now_waits_from_the_second_time_on(monkeypatch):
    """PUB-16, 5: not at all the first time in a row, then as with AFTER; an ack begins anew."""
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    box, _ = outbox(3)
    box.error(error("UNAVAILABLE", 1, pb.RETRY_NOW), 0.0)
    assert box.paused_until == 0.0 and sent(box, 0.0) == [(1, 0), (2, 0), (3, 0)]
    box.error(error("UNAVAILABLE", 1, pb.RETRY_NOW), 0.0)
    assert box.paused_until == 4.0 and sent(box, 4.0) == [(1, 0), (2, 0), (3, 0)]
    box.ack(1, 1, 1)
    box.error(error("UNAVAILABLE", 2, pb.RETRY_NOW), 4.0)
    assert box.paused_until == 4.0 and sent(box, 4.0) == [(2, 0), (3, 0)]
    box.error(error("UNAVAILABLE", 3, pb.RETRY_NOW), 4.0)  # the same row, at another place
    assert box.paused_until == 8.0


def test_retryable_backs_off_by_count():
    box, _ = outbox(1)
    for _ in range(20):
        box.error(error("UNAVAILABLE", 1, pb.RETRY_AFTER), 0.0)
        assert 0 <= box.paused_until <= 30
        sent(box, 100.0)


def test_out_of_order_with_a_seq_of_the_outbox():
    box, _ = outbox(4)
    box.error(error("OUT_OF_ORDER", 4, pb.RETRY_NOW, next_seq=3), 0)
    assert sent(box) == [(3, 0), (4, 0)]


def test_out_of_order_with_another_seq_renumbers():
    box, entries = outbox(3)
    box.ack(1, 1, 1)
    box.error(error("OUT_OF_ORDER", 2, pb.RETRY_NOW, next_seq=1), 0)
    assert seqs(entries[1:]) == [1, 2]
    assert sent(box) == [(1, 0), (2, 0)] and box.next_seq == 3


def test_out_of_order_about_what_is_not_in_flight_is_ignored():
    box, entries = outbox(3)
    box.error(error("UNAVAILABLE", 2, pb.RETRY_AFTER, retry_after_ms=500), 0)
    box.error(error("OUT_OF_ORDER", 3, pb.RETRY_NOW, next_seq=9), 0)
    assert seqs(entries) == [1, 2, 3]


def test_seq_conflict():
    box, entries = outbox(3)
    box.ack(1, 1, 1)
    box.error(error("SEQ_CONFLICT", 2, pb.RETRY_NOW, next_seq=8, scope=pb.SCOPE_ROOM), 0)
    assert box.conflict and sent(box) == [] and box.window.messages == 0
    box.joined(8, 7)
    assert seqs(entries[1:]) == [8, 9]
    assert sent(box) == [(8, 0), (9, 0)]


def test_cancel():
    box, entries = outbox(2)
    queued = box.add(CONTENT)
    box.cancel(queued)
    assert queued.state is State.CANCELLED
    box.cancel(entries[0])
    assert entries[0].state is State.VOIDING and sent(box) == []  # in flight: only the wish is noted
    box.lost()
    box.joined(1, 7)
    assert sent(box) == [(1, pb.CHAT_KIND_VOID), (2, 0)]
    box.ack(1, 0, 0)
    assert entries[0].state is State.CANCELLED


def test_cancel_too_late():
    box, entries = outbox(1)
    box.cancel(entries[0])
    box.ack(1, 5, 5)
    assert entries[0].state is State.STORED


def test_bounded():
    box = Outbox(bound=1)
    box.add(CONTENT)
    with pytest.raises(OutboxFull):
        box.add(CONTENT)


def test_a_new_session_takes_what_was_never_sent():
    box, entries = outbox(2)
    queued = box.add(CONTENT)
    assert box.give_up(queued=False) == [queued]
    assert [e.state for e in entries] == [State.MAYBE, State.MAYBE] and queued.state is State.QUEUED


def test_content_above_a_later_limit():
    box, _ = outbox()
    entry = box.add(pb.Content(text="x" * 100))
    assert box.transmit(3, 0.0, content_bytes=50) is None
    assert entry.state is State.FAILED and entry.seq == 0
    assert box.next_seq == 1
