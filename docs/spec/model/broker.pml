/* The relays' and the broker's side of publish.pml: PUB-7, PUB-9, PUB-17, PUB-19, PUB-20. Law: what is stored is decided in one step. */

#if EPOCHS > 1
#define EPOCH epoch
#else
#define EPOCH 0
#endif
#define RING_START (expected > RING -> expected - RING : 1)

/*
 * A publish on the desk counts (PUB-10) until it is answered, given back, or a border comes (PUB-19). Once it does not, it is never answered.
 * Nor is any from a log that the connection has not been told of.
 */
#ifdef BROKEN_STALE_ANSWER
#define COUNTS true
#else
#define COUNTS counts
#endif
#ifdef BROKEN_OLD_EPOCH
#define IN_EPOCH true
#else
#define IN_EPOCH (joinedIn[s] == epoch)
#endif

/* Publishes on the desk with a seq from `low` to `high` count no longer. */
inline giveUp(low, high) {
  for (n_ : 1 .. len(desk[s])) {
    desk[s]?k_,q_,d_,m_,e_;
    desk[s]!k_,q_,d_,(m_ && !(q_ >= low && q_ <= high)),e_
  }
}

/* To the connection on which the publish came (PUB-17, 8). Nobody reads what a zombie is told. */
inline send(what, about, with) {
  if
  :: life[s] == LIVE -> CHECK(BOUNDED, nfull(down[s])); down[s]!what,about,with
  :: else
  fi
}

inline tell(what, about, with) {
  if
  :: IN_EPOCH && COUNTS -> send(what, about, with)
  :: else
  fi
}

inline border() { awaited[s] = 0; joinedIn[s] = epoch; giveUp(0, SEQS) }

/* PUB-17, 1 to 6: takes a frame, drops it, or opens the room. */
inline take() {
  if
  :: kind == JOIN -> border(); deaf[s] = 0; send(JOINED, expected, epoch)
  :: kind != JOIN && (deaf[s] || (awaited[s] != 0 && seq > awaited[s]))
  :: kind != JOIN && !deaf[s] && (awaited[s] == 0 || seq <= awaited[s]) ->
    if :: awaited[s] == seq -> awaited[s] = 0 :: else fi;
    giveUp(seq, seq);
    CHECK(BOUNDED, nfull(desk[s]));
    desk[s]!kind,seq,id,1,joinedIn[s];
    i_ = 0;
    for (n_ : 1 .. len(desk[s])) {
      desk[s]?k_,q_,d_,m_,e_;
      desk[s]!k_,q_,d_,m_,e_;
      i_ = i_ + m_
    }
    CHECK(BOUNDED, life[s] != LIVE || i_ <= WINDOW)
#ifdef BROKEN_ACK_EARLY
    ; send(ACKED, seq, head + 1)
#endif
  fi
}

/* Gives back this seq and all above: they are dropped until it comes (PUB-6; PUB-11, 2; PUB-17, 6). */
inline takeBack(what, from, with) {
  if
  :: IN_EPOCH && COUNTS && !deaf[s] && (awaited[s] == 0 || awaited[s] > from) ->
    awaited[s] = from;
    giveUp(from, SEQS);
    send(what, seq, with)
  :: else
  fi
}

/* Before it is handed over: the relay knows of another epoch and has not told it yet (PUB-19), or it rejects for rate, drain or the like. */
inline refuse() {
  if
  :: !deaf[s] && (awaited[s] == 0 || seq <= awaited[s]) -> awaited[s] = 0; counts = 1; takeBack(RETRY, seq, 0)
  :: else
  fi
}

#ifdef BROKEN_LATE_DECISION
#define LATE true
#else
#define LATE false
#endif

#if defined BROKEN_NO_LOOKUP
#define LOOKS_UP false
#elif defined BROKEN_VOID_BLIND
#define LOOKS_UP (kind != VOID)
#else
#define LOOKS_UP true
#endif

/* PUB-7: in which cell of the table the publish is; found_: the seq under which its id is known. */
inline locate() {
  found_ = 0;
  for (i_ : RING_START .. expected - 1) { if :: usedBy[i_] == id -> found_ = i_ :: else fi }
  if
#ifndef BROKEN_LATE_DECISION
  :: in != epoch -> cell = OTHER_EPOCH
#endif
  :: (in == epoch || LATE) && found_ != 0 -> cell = RECORDED; known = outcome[found_]
  :: (in == epoch || LATE) && found_ == 0 ->
    if
#ifdef BROKEN_ID_ONLY
    :: true -> cell = NEW
#else
    :: seq > expected -> cell = ABOVE
    :: seq == expected -> cell = NEW
    :: seq < expected && seq >= RING_START -> cell = OTHER_ID
    :: seq < RING_START -> cell = BELOW
#endif
    fi
  fi;
  if
  :: cell == NEW && LOOKS_UP -> /* the log retains it */
    for (i_ : 1 .. MESSAGES) { if :: log[i_] == id -> cell = RECORDED; known = i_ :: else fi }
  :: else
  fi
}

inline useUp(result) {
  CHECK(BOUNDED, expected < SEQS - 1);
  usedBy[expected] = id;
  outcome[expected] = result;
  expected++;
  usedBy[RING_START - 1] = 0;
  outcome[RING_START - 1] = 0
}

/* ACK-2: only what is stored is acknowledged; see TELL_STORED. */
inline append() {
  found_ = 0;
  high_ = 0;
  for (i_ : 1 .. MESSAGES) {
    if :: log[i_] == id -> found_ = 1 :: else fi;
    if :: log[i_] != 0 && INVERTED(log[i_], id) -> high_ = 1 :: else fi
  }
  CHECK(NO_DUPLICATE, found_ == 0);
  CHECK(ORDER, high_ == 0 || forgot);
  CHECK(NO_INVENTION, !TOLD_NOT(id));
  if
  :: head < MESSAGES -> head++; log[head] = id; since[id] = EPOCH; useUp(head)
  :: else -> CHECK(BOUNDED, 0)
  fi
}

inline answerRecorded() {
  if :: seq == expected -> useUp(known) :: else fi;
  if
  :: known == REFUSED -> tell(REJECTED, seq, 0)
  :: else -> tell(ACKED, seq, known)
  fi
}

inline answerConflict() {
  if
  :: IN_EPOCH && COUNTS && !deaf[s] && (awaited[s] == 0 || awaited[s] > seq) -> deaf[s] = 1; send(CONFLICT, seq, expected)
  :: else
  fi
}

/* PUB-17, 6: what the connection had handed over behind one that is not settled is not stored. */
inline dropBehind() {
#ifndef BROKEN_OVERTAKING
  for (n_ : 1 .. len(desk[s])) {
    desk[s]?k_,q_,d_,m_,e_;
    if :: m_ > counts -> desk[s]!k_,q_,d_,m_,e_ :: else fi
  }
#endif
  n_ = 0
}

#ifdef BROKEN_ACK_EARLY
#define TELL_STORED skip
#else
#define TELL_STORED tell(ACKED, seq, head)
#endif
#ifdef BROKEN_UNRECORDED
#define RECORD_REFUSAL skip
#else
#define RECORD_REFUSAL useUp(REFUSED)
#endif
#ifdef BROKEN_VOID_UNRECORDED
#define RECORD_VOID skip
#else
#define RECORD_VOID useUp(VOIDED)
#endif

proctype Relay(byte s) {
  byte kind, seq, id, counts, in, cell, known;
end_idle:
  do
  :: atomic { life[s] != FREE && nempty(up[s]) && nfull(desk[s]) -> d_step { up[s]?kind,seq,id; take(); kind = 0; seq = 0; id = 0 } }
  #if RETRIES
  :: atomic { !calm && life[s] != FREE && (up[s]?[PUBLISH,_,_] || up[s]?[VOID,_,_]) ->
      d_step { up[s]?kind,seq,id; refuse(); kind = 0; seq = 0; id = 0; counts = 0 } }
#endif
  :: atomic { nempty(desk[s]) -> d_step { desk[s]?kind,seq,id,counts,in; locate() }
      if
      :: cell == NEW && kind == PUBLISH -> d_step { append(); TELL_STORED }
      :: cell == NEW && kind == VOID -> d_step { RECORD_VOID; tell(ACKED, seq, VOIDED) }
      :: REJECTS && cell == NEW && kind == PUBLISH -> d_step { RECORD_REFUSAL; tell(REJECTED, seq, 0) }
      :: RETRIES && cell == NEW && !calm -> d_step { takeBack(RETRY, seq, 0); dropBehind() }
      :: cell == RECORDED -> d_step { answerRecorded() }
      :: cell == ABOVE -> d_step { takeBack(OUT_OF_ORDER, expected, expected); dropBehind() }
      :: cell == OTHER_ID -> d_step { answerConflict(); dropBehind() }
      :: cell == BELOW -> d_step { tell(FORGOTTEN, seq, 0) }
      :: cell == OTHER_EPOCH
      fi;
      d_step { kind = 0; seq = 0; id = 0; counts = 0; in = 0; cell = 0; known = 0 } }
  :: atomic { life[s] == ZOMBIE -> d_step { /* its end is noticed; what has not arrived never will */
      do :: nempty(up[s]) -> up[s]?_,_,_ :: empty(up[s]) -> break od;
      do :: nempty(desk[s]) -> desk[s]?_,_,_,_,_ :: empty(desk[s]) -> break od;
      life[s] = FREE; awaited[s] = 0; deaf[s] = 0; joinedIn[s] = 0 } }
  :: atomic { life[s] != FREE && joinedIn[s] != 0 && joinedIn[s] != epoch -> d_step { /* PUB-20 */
      border();
#ifndef BROKEN_EARLY_PUBLISH
      deaf[s] = 1;
#endif
      send(RESET, expected, epoch) } }
  od
}

/* The broker takes over with what is left of the log, and of what it knew when that ended: it decides on as from seq k (LOG-3, PUB-9). */
inline loseTail() {
  k = expected;
  do
  :: k > RING_START -> k--
  :: k = 1; break
  :: break
  od;
  d_step {
#ifdef BROKEN_RING_LOST
    k = 1;
    high_ = head;
#else
    epoch++;
    high_ = (k == 1 -> 0 : head);
    for (i_ : k .. expected - 1) { if :: outcome[i_] <= high_ && outcome[i_] != VOIDED -> high_ = outcome[i_] - 1 :: else fi }
#endif
    for (i_ : 1 .. MESSAGES) { if :: i_ > high_ && log[i_] != 0 -> lost[log[i_]] = 1; log[i_] = 0 :: else fi }
    head = high_;
#ifndef BROKEN_RING_KEPT
    for (i_ : 1 .. SEQS - 1) { if :: i_ >= k -> usedBy[i_] = 0; outcome[i_] = 0 :: else fi }
    expected = k;
#endif
    k = 0
  }
}

/* PUB-9: for so long nothing was published that no frame is under way. */
#define IS_QUIET(s) (empty(up[s]) && empty(desk[s]) && empty(down[s]) && life[s] != ZOMBIE)

proctype Adversary() {
  byte k;
  do
#if EPOCHS > 1
  :: atomic { epoch < EPOCHS && expected > 1 -> loseTail() }
#endif
#if FORGETS
  :: atomic { !forgot && expected > 1 && IS_QUIET(0) && IS_QUIET(1) && at[0] == NONE -> d_step {
      forgot = 1;
      for (i_ : 1 .. SEQS - 1) { usedBy[i_] = 0; outcome[i_] = 0 }
      expected = 1 } }
#endif
  :: atomic { calm = 1; break }
  od
}
