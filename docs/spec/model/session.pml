/*
 * Hello, welcome and fencing: two clients hold one session (a copied storage, SES-2), and connect to two relays that share a broker.
 * Law: the attempt is stored before it is sent; claims are decided one after the other; who has lost is told, and nobody else.
 *
 * A client has two connections, of which it has given one up (SES-10); the relay of that one need not know.
 */

#include "properties.pml"

#ifndef ATTEMPTS
#define ATTEMPTS 2 /* of one client, while there are faults */
#endif
#define TOP (ATTEMPTS + 1)
#ifndef REMEMBERS
#define REMEMBERS 0 /* 1: the highest attempt is remembered when its connection has ended (SES-3) */
#endif

/* What the relay tells. TAKEN: SESSION_TAKEN, and the relay closes. */
#define WELCOME 1
#define TAKEN 2
#define UNAUTHENTICATED 3

/* A connection, as its relay has it (SES-9). CLAIMED: authenticated, and the broker has said yes. */
#define CLOSED 0
#define AUTHENTICATING 1
#define CLAIMED 2
#define READY 3

#define NONE 4

bit calm;

/* Client h. Storage holds the first. */
byte attempt[2];
byte current[2] = NONE;
bit ready[2];
bit fresh[2]; /* it has lost the session, and has another one, which nobody else holds (SES-7) */

/* Connection c is of client c / 2. */
byte phase[4];
byte relayOf[4];
byte attemptOf[4];
bit waiting[4]; /* the join behind hello is kept (SES-4) */
bit heard[4];   /* the transport is whole */
chan down[4] = [2] of { byte };

/* The broker: the attempt that holds the session, and by which connection; 0: none. */
byte held;
byte heldBy = NONE;
byte takeover[2]; /* the highest claim that each relay is still to be told of; 0: none */

/* What only the checks know. */
bit hasClaimed[2];

hidden byte i_, n_;

inline close(c) {
  phase[c] = CLOSED;
  heard[c] = 0;
  waiting[c] = 0;
  attemptOf[c] = 0;
  relayOf[c] = 0;
  if :: heldBy == c -> heldBy = NONE; if :: !REMEMBERS -> held = 0 :: else fi :: else fi
}

inline tell(c, what) { if :: heard[c] -> CHECK(BOUNDED, nfull(down[c])); down[c]!what :: else fi }

/* SES-3, 1: those of this relay with a lower attempt end. */
inline fence(r, by) {
  for (i_ : 0 .. 3) {
    if
    :: relayOf[i_] == r && (phase[i_] == CLAIMED || phase[i_] == READY) && attemptOf[i_] < by -> tell(i_, TAKEN); close(i_)
    :: else
    fi
  }
}

/* The broker decides a claim: no live one has this attempt or a higher one. The others are told. */
inline claim(c, r) {
  if
#ifdef BROKEN_EQUAL_ATTEMPT
  :: attemptOf[c] >= held ->
#else
  :: attemptOf[c] > held ->
#endif
    held = attemptOf[c];
    heldBy = c;
    phase[c] = CLAIMED;
    hasClaimed[c / 2] = 1;
#ifndef BROKEN_LATE_END
    fence(r, held);
#endif
#ifndef BROKEN_NO_FENCE
    if :: held > takeover[1 - r] -> takeover[1 - r] = held :: else fi
#endif
  :: else -> tell(c, TAKEN); close(c) /* SES-3, 2 */
  fi
}

inline welcome(c, r) {
  n_ = 0;
  for (i_ : 0 .. 3) { if :: i_ != c && relayOf[i_] == r && phase[i_] == READY -> n_++ :: else fi }
  CHECK(FENCING, n_ == 0 || takeover[r] != 0);
  phase[c] = READY;
  tell(c, WELCOME);
  execute(c);
#ifdef BROKEN_LATE_END
  fence(r, attemptOf[c]);
#endif
  i_ = 0
}

inline execute(c) {
  if :: waiting[c] -> waiting[c] = 0; CHECK(AUTHORITY, phase[c] == READY) :: else fi
}

/* One live connection, or a takeover is on its way to the others. */
inline check(r) {
  for (i_ : 0 .. 3) {
    CHECK(FENCING, !(relayOf[i_] == r && phase[i_] == READY && attemptOf[i_] < held) || takeover[r] != 0)
  }
  i_ = 0
}

#define IS(c, p) (phase[c] == p && relayOf[c] == r)

inline serve(c) {
  if
#ifdef BROKEN_EAGER
  :: IS(c, AUTHENTICATING) && waiting[c] -> d_step { execute(c) }
#endif
  :: IS(c, AUTHENTICATING) -> d_step { claim(c, r); i_ = 0 }
  :: IS(c, AUTHENTICATING) && !calm -> d_step { tell(c, UNAUTHENTICATED); close(c) } /* AUT-1 */
  :: IS(c, CLAIMED) -> d_step { welcome(c, r) }
  :: relayOf[c] == r && !heard[c] && phase[c] != CLOSED -> d_step { close(c) } /* notices its end */
  fi
}

proctype Relay(byte r) {
end_idle:
  do
  :: atomic { serve(0) }
  :: atomic { serve(1) }
  :: atomic { serve(2) }
  :: atomic { serve(3) }
  :: atomic { takeover[r] != 0 -> d_step { fence(r, takeover[r]); takeover[r] = 0; check(r) } }
  od
}

/* SES-3: the attempt is raised and stored before hello. A connection that the client gives up may live on at the relay. */
inline connect(c, r) {
#ifdef BROKEN_UNSTORED_ATTEMPT
  if :: attempt[h] == 0 -> attempt[h] = 1 :: else fi;
  /* A crash comes before it is stored: the same is used again. */
#else
  attempt[h]++;
#endif
  do :: nempty(down[c]) -> down[c]?_ :: empty(down[c]) -> break od;
  current[h] = c;
  relayOf[c] = r;
  phase[c] = AUTHENTICATING;
  attemptOf[c] = attempt[h];
  waiting[c] = 1;
  heard[c] = 1
}

/* What is told on it from now on is not read (SES-7). */
inline giveUp() {
#ifndef BROKEN_OWN_TAKEN
  heard[current[h]] = 0;
  do :: len(down[current[h]]) > 0 -> down[current[h]]?_ :: len(down[current[h]]) == 0 -> break od;
#endif
  current[h] = NONE;
  ready[h] = 0
}

/* SES-7: another holder of this session is alive, or was. */
inline lose() {
  CHECK(FENCING, hasClaimed[1 - h]);
  CHECK(FENCING, !fresh[1 - h]);
  fresh[h] = 1;
  ready[h] = 0;
  current[h] = NONE
}

inline receive(c) {
  if
  :: got == WELCOME && current[h] == c -> ready[h] = 1
  :: got == TAKEN && current[h] == c -> lose()
#ifdef BROKEN_OWN_TAKEN
  :: got == TAKEN && current[h] != c && !fresh[h] -> lose()
#endif
  :: got == UNAUTHENTICATED && current[h] == c -> current[h] = NONE; ready[h] = 0 /* AUT-10: another token, another attempt */
  :: else
  fi
}

#define A (2 * h)
#define B (2 * h + 1)
#define MAY_CONNECT(c) (current[h] == NONE && !fresh[h] && phase[c] == CLOSED && attempt[h] < (calm -> TOP : ATTEMPTS))

proctype Client(byte h) {
  byte got;
end_open:
  do
  :: atomic { MAY_CONNECT(A) -> if :: d_step { connect(A, 0) } :: h == 1 || attempt[h] > 0 -> d_step { connect(A, 1) } fi }
  :: atomic { MAY_CONNECT(B) && phase[A] != CLOSED -> if :: d_step { connect(B, 0) } :: d_step { connect(B, 1) } fi }
  :: atomic { nempty(down[A]) -> d_step { down[A]?got; receive(A); got = 0 } }
  :: atomic { nempty(down[B]) -> d_step { down[B]?got; receive(B); got = 0 } }
  /* It gives the connection up (SES-10); its relay may notice late. */
  :: atomic { !calm && current[h] != NONE -> d_step { giveUp() } }
  od
}

proctype Adversary() { atomic { calm = 1 } }

init { atomic { run Client(0); run Client(1); run Relay(0); run Relay(1); run Adversary() } }

/* Once faults have ceased, one client has the session, and the other knows that it has not. */
ltl LIVENESS { [] (calm -> <> ((ready[0] && fresh[1]) || (ready[1] && fresh[0]))) }
