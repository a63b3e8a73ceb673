/* The client's side of publish.pml: PUB-8, PUB-12, PUB-16, PUB-20. Law: an entry is sent under a stored seq, and settled once. */

#ifdef COPY
#define FLYING_NOW (FLYING(1) + FLYING(2) + FLYING(3) + FLYING(4))
#define ANY(which) (which(1) || which(2) || which(3) || which(4))
#define ALL(which) (which(1) && which(2) && which(3) && which(4))
#define SLOT c
#else
#define FLYING_NOW (FLYING(1) + FLYING(2) + FLYING(3))
#define ANY(which) (which(1) || which(2) || which(3))
#define ALL(which) (which(1) && which(2) && which(3))
#define SLOT 0
#endif
#define WAITS(i) (STATE(i) == QUEUED || (UNSETTLED(i) && !FLYING(i)))
#define UNSAVED(i) unsaved[CELL(c, i)]
#ifdef BROKEN_NO_RENUMBERING
#define RENUMBERS false
#else
#define RENUMBERS true
#endif

/* A write takes all that waits to be written. */
inline saved() {
  for (i_ : 1 .. MESSAGES) {
    UNSAVED(i_) = 0;
    if :: SETTLED(i_) -> SEQ(i_) = 0 :: else fi
  }
}

inline giveBack(from) {
  for (i_ : 1 .. MESSAGES) { if :: SEQ(i_) >= from -> FLYING(i_) = 0 :: else fi }
}

/* The entries of U from the seq `from` on get the seqs `to`, `to` + 1, … */
inline renumber(from, to) {
  low_ = to;
  for (i_ : 1 .. MESSAGES) {
    if :: UNSETTLED(i_) && SEQ(i_) >= from -> SEQ(i_) = low_; low_++ :: else fi
  }
  CHECK(BOUNDED, low_ <= SEQS);
  next[c] = low_;
  saved()
}

/* found_: where the log has the message that is settled; 0: nowhere. */
inline settle(m, to) {
  STATE(m) = to;
  FLYING(m) = 0;
  if :: CRASHES -> UNSAVED(m) = 1 :: else -> SEQ(m) = 0 fi;
  found_ = 0;
  for (n_ : 1 .. MESSAGES) { if :: log[n_] == m -> found_ = n_ :: else fi }
}

/* The application is told maybe: only beyond the window (PUB-9). Storage knows before (PUB-13). */
inline doubt(m, beyond) {
  settle(m, MAYBE);
  saved();
  CHECK(CERTAINTY, beyond)
}

inline attach(s) {
  at[c] = s;
  life[s] = LIVE;
  up[s]!JOIN,0,0
}

/* Frames under way may still arrive; answers do not. */
inline detach() {
  life[at[c]] = ZOMBIE;
  do :: nempty(down[at[c]]) -> down[at[c]]?_,_,_ :: empty(down[at[c]]) -> break od;
  at[c] = NONE;
  next[c] = 0;
  conflicted[c] = 0;
  giveBack(0)
}

/* ROM-10: nothing is sent until the join is answered; a second join is not sent before that. */
inline rejoin() {
  if
  :: next[c] != 0 -> next[c] = 0; CHECK(BOUNDED, nfull(up[at[c]])); up[at[c]]!JOIN,0,0
  :: else
  fi
}

/* A crash; what was settled and not yet written comes back. */
inline crash() {
  d_step { if :: at[c] != NONE -> detach() :: else fi; m = 1 }
  do
  :: m <= MESSAGES && UNSAVED(m) -> STATE(m) = (STATE(m) == CANCELLED -> VOIDING : SENT); m++
  :: m <= MESSAGES && !UNSAVED(m) -> m++
  :: m > MESSAGES -> break
  od;
  d_step { saved(); m = 0 }
}

/* PUB-12: an entry without a seq is dropped; another is voided when it is sent again. */
inline cancel(i) {
  if
  :: STATE(i) == QUEUED -> STATE(i) = CANCELLED
  :: else ->
#ifdef BROKEN_VOID_LOCALLY
    STATE(i) = CANCELLED; SEQ(i) = 0; FLYING(i) = 0
#else
    STATE(i) = VOIDING
#endif
  fi
}

/* PUB-16, 2: by ascending seq, none left out. Storing the seq and sending are one step: a frame may be lost with its connection. */
inline transmit() {
  low_ = 0;
  for (i_ : 1 .. MESSAGES) { if :: low_ == 0 && UNSETTLED(i_) && !FLYING(i_) -> low_ = i_ :: else fi }
  if
  :: low_ == 0 ->
    for (i_ : 1 .. MESSAGES) { if :: low_ == 0 && STATE(i_) == QUEUED -> low_ = i_ :: else fi }
    STATE(low_) = SENT;
    SEQ(low_) = next[c];
    next[c]++;
    CHECK(BOUNDED, next[c] <= SEQS);
    saved()
  :: else
  fi;
  FLYING(low_) = 1;
  CHECK(BOUNDED, nfull(up[at[c]]));
  up[at[c]]!(STATE(low_) == VOIDING -> VOID : PUBLISH),SEQ(low_),low_
}

/* PUB-8 */
inline open(nextSeq, newEpoch) {
  low_ = 0;
  high_ = 0;
  for (i_ : 1 .. MESSAGES) {
    FLYING(i_) = 0;
    if
    :: UNSETTLED(i_) ->
      if :: low_ == 0 -> low_ = SEQ(i_) :: else fi;
      high_ = SEQ(i_)
    :: else
    fi
  }
  if
  :: low_ == 0 -> next[c] = nextSeq /* a */
  :: low_ != 0 && conflicted[c] -> renumber(1, nextSeq) /* b */
  :: low_ != 0 && !conflicted[c] && nextSeq >= low_ -> /* c */
#ifdef BROKEN_TRUST_NEXT
    for (i_ : 1 .. MESSAGES) {
      if
      :: UNSETTLED(i_) && SEQ(i_) < nextSeq -> settle(i_, STORED); CHECK(ACK, found_ != 0 || lost[i_])
      :: else
      fi
    }
#endif
    next[c] = (nextSeq > high_ + 1 -> nextSeq : high_ + 1);
    if :: newEpoch != stored[c] && RENUMBERS -> renumber(nextSeq, nextSeq) :: else fi
  :: low_ != 0 && !conflicted[c] && nextSeq < low_ && newEpoch != stored[c] -> /* d */
    if :: RENUMBERS -> renumber(1, nextSeq) :: else -> next[c] = high_ + 1 fi
  :: low_ != 0 && !conflicted[c] && nextSeq < low_ && newEpoch == stored[c] -> /* e */
    for (i_ : 1 .. MESSAGES) { if :: UNSETTLED(i_) -> doubt(i_, forgot) :: else fi }
    next[c] = nextSeq
  fi;
  stored[c] = newEpoch;
  conflicted[c] = 0
}

/* PUB-16, 3 to 9; ACK-4; PUB-20. m: the entry that is meant. */
inline receive() {
  if :: kind == JOINED || kind == RESET -> toldEpoch[c] = x :: else fi;
  for (i_ : 1 .. MESSAGES) { if :: UNSETTLED(i_) && SEQ(i_) == seq -> m = i_ :: else fi }
  if
  :: kind == JOINED -> open(seq, x)
#ifdef BROKEN_EARLY_PUBLISH
  :: kind == RESET && next[c] != 0 -> open(seq, x)
#else
  :: kind == RESET -> rejoin()
#endif
  :: kind == ACKED && m != 0 && x != VOIDED -> settle(m, STORED); CHECK(ACK, (x == found_ && since[m] <= toldEpoch[c]) || (lost[m] && toldEpoch[c] != epoch))
  :: kind == ACKED && m != 0 && x == VOIDED -> settle(m, CANCELLED); CHECK(NO_INVENTION, found_ == 0)
  :: kind == REJECTED && m != 0 -> settle(m, FAILED); CHECK(NO_INVENTION, found_ == 0)
  :: kind == FORGOTTEN && m != 0 -> doubt(m, forgot || CLIENTS == 2) /* a copy has gone on beyond the ring */
  :: kind == RETRY && m != 0 && FLYING(m) -> giveBack(seq)
  :: kind == CONFLICT && m != 0 && FLYING(m) -> giveBack(0); rejoin(); conflicted[c] = 1
  :: kind == OUT_OF_ORDER && m != 0 && FLYING(m) ->
    n_ = 0;
    for (i_ : 1 .. MESSAGES) { if :: UNSETTLED(i_) && SEQ(i_) == x -> n_ = 1 :: else fi }
    if
    :: n_ == 1 || !RENUMBERS -> giveBack(x)
    :: n_ != 1 && RENUMBERS && next[c] != 0 -> giveBack(0); renumber(1, x)
    :: n_ != 1 && RENUMBERS && next[c] == 0 -> giveBack(0) /* the answer to the join renumbers */
    fi
  :: else
  fi
}

/* At the end: what was told to be stored is in the log, or in one that was lost. */
inline finish() {
  for (i_ : 1 .. MESSAGES) {
    found_ = 0;
    for (n_ : 1 .. MESSAGES) { if :: log[n_] == i_ -> found_ = n_ :: else fi }
    CHECK(NO_LOSS, STATE(i_) != STORED || found_ != 0 || lost[i_])
  }
}

proctype Client(byte c) {
  byte kind, seq, x, m;
  do
  :: atomic { calm && ALL(SETTLED) -> d_step { finish(); done[c] = 1 }; break }
  :: atomic { at[c] == NONE && life[SLOT] == FREE -> d_step { attach(SLOT) } }
#ifndef COPY
  :: atomic { at[c] == NONE && life[0] != FREE && life[1] == FREE -> d_step { attach(1) } }
#endif
  :: atomic { at[c] != NONE && next[c] != 0 && FLYING_NOW < WINDOW && ANY(WAITS) -> d_step { transmit() } }
  :: atomic { at[c] != NONE && nempty(down[at[c]]) -> d_step { down[at[c]]?kind,seq,x; receive(); kind = 0; seq = 0; x = 0; m = 0 } }
#if CANCELS >= 1
  :: atomic { STATE(1) < VOIDING -> d_step { cancel(1) } }
#endif
#if CANCELS >= 2
  :: atomic { STATE(2) < VOIDING -> d_step { cancel(2) } }
#endif
  :: atomic { !calm && at[c] != NONE -> d_step { detach(); i_ = 0 } }
#if CRASHES
  :: atomic { !calm && ANY(UNSAVED) -> crash() }
#endif
  od
}
