/*
 * A client reads a room, and resumes on any relay: position, verdict, epoch, replay, gaps, credit. Others append, retention trims, a tail
 * is lost. Law: every entry is delivered once, or the client is told what is missing; no more is under way than credit permits.
 *
 * A relay keeps nothing of a connection that has ended, and takes the log's state in one step (RES-2): so it does not matter which it is.
 */

#include "properties.pml"

#ifndef MESSAGES
#define MESSAGES 3 /* in all epochs */
#endif
#ifndef EPOCHS
#define EPOCHS 2
#endif
#define CREDIT 2  /* chats that the client wishes to have outstanding; each has size 1 */
#define CATCHUP 2 /* C of RES-2 */
#define TAIL 1    /* T of RES-2 */
#define FRAMES (CREDIT + 4)

/* Frames. JOINED and RESET: verdict, epoch, start, position's offset that is answered; CHAT: offset, id; GAP: first, last. */
#define JOINED 1
#define RESET 2
#define CHAT 3
#define GAP 4

#define FRESH 1
#define RESUMED 2
#define MISSING 3 /* the verdict GAP */
#define OTHER 4   /* the verdict RESET */

bit calm;
bit done;

/* The log. */
byte epoch = 1;
byte log[MESSAGES + 3];
byte head;
byte first = 1;
byte appended; /* ids 1, 2, … in the order of appending */

/* The client: its position, and what it has seen (MID-6). */
byte posEpoch; /* 0: no position */
byte pos;
byte expects; /* LOG-2; 0: nothing, for the join is unanswered */
bit seen[MESSAGES + 3];
byte shown[MESSAGES + 3]; /* how often */
bit told[MESSAGES + 3];   /* that this offset is missing */
byte counted;           /* chats on this connection (CRD-2) */
byte granted;
bit asked;              /* a join is unanswered */

/* The connection. A join waits at the relay with its position. */
bit linked;
bit joinWaits;
byte joinEpoch, joinPos;
byte permitted; /* as the relay knows it */
bit creditWaits;
byte sent;    /* chats */
byte next;    /* next_offset; 0: not joined */
byte inEpoch; /* of the last joined */
chan down = [FRAMES] of { byte, byte, byte, byte };

hidden byte i_, v_, s_;

#define LATEST(k) (head + 1 > first + k -> head + 1 - k : first)
#define MIN(a, b) ((a) < (b) -> (a) : (b))

#ifdef BROKEN_EPOCH_IGNORED
#define SAME_EPOCH(e) true
#else
#define SAME_EPOCH(e) ((e) == epoch)
#endif
#ifdef BROKEN_OFF_BY_ONE
#define AFTER(p) ((p) + 2)
#else
#define AFTER(p) ((p) + 1)
#endif

/* RES-2: the verdict v_ and the start s_ */
inline judge(e, p) {
  if
  :: e == 0 -> v_ = FRESH; s_ = LATEST(TAIL)
  :: e != 0 && (!SAME_EPOCH(e) || p > head) -> v_ = OTHER; s_ = LATEST(TAIL)
  :: e != 0 && SAME_EPOCH(e) && p <= head && p + 1 >= first && head - p <= CATCHUP -> v_ = RESUMED; s_ = AFTER(p)
  :: e != 0 && SAME_EPOCH(e) && p <= head && !(p + 1 >= first && head - p <= CATCHUP) -> v_ = MISSING; s_ = LATEST(CATCHUP)
  fi
}

#ifdef BROKEN_CREDIT_IGNORED
#define HAS_CREDIT true
#else
#define HAS_CREDIT (sent < permitted)
#endif
#define CAN_SEND nfull(down)

proctype Relay() {
end_idle:
  do
  :: atomic { joinWaits && CAN_SEND -> d_step { /* ROM-10: from here on, nothing of an earlier join */
      judge(joinEpoch, joinPos);
      next = s_;
      inEpoch = epoch;
      joinWaits = 0; joinEpoch = 0; joinPos = 0;
      down!JOINED,v_,epoch,s_ } }
  :: atomic { linked && creditWaits -> d_step { permitted = (granted > permitted -> granted : permitted); creditWaits = 0 } } /* CRD-3 */
  :: atomic { next != 0 && inEpoch != epoch && CAN_SEND -> d_step { /* ROM-6 */
#ifdef BROKEN_NO_RESET
      inEpoch = epoch
#else
      next = LATEST(TAIL);
      inEpoch = epoch;
      down!RESET,OTHER,epoch,next
#endif
    } }
  :: atomic { next != 0 && inEpoch == epoch && next < first && CAN_SEND -> d_step { /* RES-7: TRIMMED */
#ifndef BROKEN_SILENT_TRIM
      down!GAP,next,first - 1,0;
#endif
      next = first } }
  :: atomic { next != 0 && inEpoch == epoch && next >= first && next + CATCHUP <= head && sent >= permitted && CAN_SEND -> d_step { /* RES-7: TOO_MANY */
      down!GAP,next,head - CATCHUP,0;
      next = head - CATCHUP + 1 } }
  :: atomic { next != 0 && inEpoch == epoch && next >= first && next <= head && HAS_CREDIT && CAN_SEND -> d_step { /* RES-8, CRD-1 */
      down!CHAT,next,log[next],0;
      next++;
      sent++ } }
  od
}

/* The application is told that the offsets from `from` to `to` are missing (RES-4). */
inline miss(from, to) { for (i_ : from .. to) { told[i_] = 1 } }

/* RES-4 and ROM-10: the position does not go back within an epoch. s_: `start`. */
inline open(verdict, e) {
  if
  :: e != posEpoch ->
    for (i_ : 1 .. MESSAGES) { told[i_] = 0 }
#ifdef BROKEN_IDS_FORGOTTEN
    for (i_ : 1 .. MESSAGES) { seen[i_] = 0 }
#endif
    posEpoch = e;
    pos = 0
  :: else
  fi;
  if :: verdict != RESUMED -> miss(pos + 1, s_ - 1) :: else fi;
  if :: s_ - 1 > pos -> pos = s_ - 1 :: else fi;
  expects = s_
}

inline display(id) {
  if
  :: !seen[id] -> seen[id] = 1; shown[id]++; CHECK(NO_DUPLICATE, shown[id] == 1)
  :: else
  fi
}

inline receive() {
  if
  :: kind == JOINED -> s_ = c; asked = 0; CHECK(NO_LOSS, a != RESUMED || b == posEpoch); open(a, b)
  :: kind == RESET -> s_ = c; open(a, b)
  :: kind == CHAT ->
#ifdef BROKEN_CREDIT_LEAK
    if :: a > pos -> counted++ :: else fi;
#else
    counted++; /* CRD-2: a duplicate too */
#endif
    CHECK(BOUNDED, counted <= granted);
    CHECK(NO_LOSS, a <= expects); /* LOG-2: else OFFSET_INVALID */
    CHECK(ORDER, posEpoch != epoch || log[a] == b || a < first);
    if :: a == expects -> expects++ :: else fi;
    if :: a > pos -> pos = a; display(b) :: else fi
  :: kind == GAP ->
    CHECK(NO_LOSS, a == expects);
    if :: b > pos -> miss(pos + 1, b); pos = b :: else fi; /* what is at or below the position is a duplicate */
    expects = b + 1
  fi
}

/* All that the log holds is shown, or told to be missing. */
inline audit() {
  for (i_ : 1 .. head) { CHECK(NO_LOSS, told[i_] || shown[log[i_]] > 0) }
}

#define CAUGHT_UP (linked && !asked && posEpoch == epoch && pos == head && len(down) == 0)

proctype Client() {
  byte kind, a, b, c;
end_reading:
  do
  :: atomic { !linked -> d_step { linked = 1; asked = 1; joinWaits = 1; joinEpoch = posEpoch; joinPos = pos; granted = CREDIT; permitted = CREDIT } }
  :: atomic { nempty(down) -> d_step { down?kind,a,b,c; receive(); kind = 0; a = 0; b = 0; c = 0 } }
  /* CRD-5: it grants when half is used. */
  :: atomic { linked && counted + CREDIT > granted -> d_step { granted = counted + CREDIT; creditWaits = 1 } }
  /* ROM-10 */
  :: atomic { !calm && linked && !asked && counted < 2 * CREDIT -> d_step { asked = 1; joinWaits = 1; joinEpoch = posEpoch; joinPos = pos } }
  :: atomic { !calm && linked -> d_step {
      linked = 0; asked = 0; joinWaits = 0; joinEpoch = 0; joinPos = 0; permitted = 0; granted = 0; creditWaits = 0; counted = 0; sent = 0;
      next = 0; inEpoch = 0; expects = 0;
      do :: len(down) > 0 -> down?_,_,_,_ :: len(down) == 0 -> break od;
      i_ = 0 } }
  :: atomic { calm && CAUGHT_UP -> d_step { audit(); done = 1 }; break }
  od
}

proctype Others() {
  byte k;
  do
  :: atomic { appended < MESSAGES -> d_step { appended++; head++; log[head] = appended } }
  :: atomic { first <= head -> first++ } /* LOG-5 */
  :: atomic { epoch < EPOCHS && head > 0 -> /* LOG-3 */
      k = head;
      do :: k + 1 > first -> k-- :: break od;
      d_step {
        for (i_ : k + 1 .. MESSAGES) { log[i_] = 0 }
        head = k;
        if :: first > head + 1 -> first = head + 1 :: else fi;
        epoch++;
        k = 0 } }
  :: atomic { appended == MESSAGES -> calm = 1; break }
  od
}

init { atomic { run Relay(); run Client(); run Others() } }

/* Once faults have ceased, the client catches up. */
ltl LIVENESS { [] (calm -> <> done) }
