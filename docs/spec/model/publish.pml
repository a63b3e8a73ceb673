/*
 * A session publishes into a room: outbox, connections over two relays, the broker's table, and every fault between them.
 * Law: a step is what a clause says, named beside it; what the application is told is compared with the log at once.
 *
 * A client has two connections, of which the older may be a zombie: nobody reads its answers, and its frames arrive late or not at all.
 * With COPY there are two clients, which hold copies of one outbox (PUB-18), each with one connection.
 */

#include "properties.pml"

#ifdef COPY
#define CLIENTS 2
#define MESSAGES 4
#else
#define CLIENTS 1
#define MESSAGES 3
#endif
#ifndef WINDOW
#define WINDOW 2 /* limits.window_messages */
#endif
#define RING WINDOW /* no smaller window would do (PUB-8) */
#ifndef EPOCHS
#define EPOCHS 1 /* 1: the log is never lost */
#endif
#ifndef CANCELS
#define CANCELS 0 /* so many of the first messages may be cancelled */
#endif
#ifndef REJECTS
#define REJECTS 0 /* 1: the broker rejects finally, if it likes */
#endif
#ifndef RETRIES
#define RETRIES 0 /* 1: relay and broker reject retryably, while there are faults */
#endif
#ifndef CRASHES
#define CRASHES 0 /* 1: the client loses what it has not stored */
#endif
#ifndef FORGETS
#define FORGETS 0 /* 1: the producer is forgotten once */
#endif
#define SEQS 9 /* seqs are below it */

/* An entry of the outbox (PUB-13). ABSENT: it is in the other copy alone. */
#define QUEUED 0
#define SENT 1
#define VOIDING 2
#define STORED 3
#define FAILED 4
#define MAYBE 5
#define CANCELLED 6
#define ABSENT 7

/* Frames: kind, seq, and an id, an offset, or the n of OUT_OF_ORDER. JOINED and RESET: next_seq, epoch. */
#define PUBLISH 1
#define VOID 2
#define JOIN 3
#define ACKED 4
#define REJECTED 5
#define RETRY 6
#define OUT_OF_ORDER 7
#define CONFLICT 8
#define FORGOTTEN 9
#define JOINED 10
#define RESET 11

/* An outcome in the ring: the offset, or one of these. */
#define VOIDED 0
#define REFUSED 9

/* Cells of the table of PUB-7. */
#define RECORDED 1
#define NEW 2
#define ABOVE 3
#define OTHER_ID 4
#define BELOW 5
#define OTHER_EPOCH 6 /* none of them: it was handed over under another epoch (PUB-20) */

#define NONE 2 /* no connection */
#define FREE 0 /* a connection is free, live, or a zombie */
#define LIVE 1
#define ZOMBIE 2

#define CELL(c, i) ((c) * (MESSAGES + 1) + (i))
#define CELLS (CLIENTS * (MESSAGES + 1))

bit calm; /* no faults from now on */
bit done[CLIENTS];

/* The client. Storage holds the first three. */
byte state[CELLS];
byte seqOf[CELLS];
byte stored[CLIENTS]; /* e of PUB-8 */
bit unsaved[CELLS];   /* settled, and storage does not know it yet */
bit flying[CELLS];
byte next[CLIENTS];   /* 0: a join is unanswered, or there is no connection */
bit conflicted[CLIENTS];
byte at[CLIENTS] = NONE;

/* Connection s, which goes to relay s. */
byte life[2];
chan up[2] = [2 * WINDOW + 2] of { byte, byte, byte };
chan down[2] = [2 * WINDOW + 2] of { byte, byte, byte };
chan desk[2] = [2 * WINDOW] of { byte, byte, byte, bit, byte }; /* handed to the broker (PUB-17, 6): kind, seq, id, whether it counts, epoch */
byte awaited[2];
bit deaf[2];      /* after SEQ_CONFLICT (PUB-17, 2) */
byte joinedIn[2]; /* epoch of the last joined */

/* The broker. */
byte epoch = 1;
byte expected = 1; /* `next` of PUB-7 */
byte usedBy[SEQS];
byte outcome[SEQS];
byte log[MESSAGES + 1]; /* by offset; 0: none */
byte head;

/* What only the checks know. */
bit lost[MESSAGES + 1]; /* was in a log that was lost */
bit forgot;
#if EPOCHS > 1
byte since[MESSAGES + 1]; /* the epoch in which it was stored */
byte toldEpoch[CLIENTS];      /* the epoch that the connection was told */
#else
hidden byte since[MESSAGES + 1], toldEpoch[CLIENTS];
#endif

hidden byte i_, n_, low_, high_, found_, k_, q_, d_, m_, e_; /* scratch: never read after the d_step that wrote it */

#define STATE(i) state[CELL(c, i)]
#define SEQ(i) seqOf[CELL(c, i)]
#define FLYING(i) flying[CELL(c, i)]
#define UNSETTLED(i) ((STATE(i) == SENT || STATE(i) == VOIDING) && SEQ(i) != 0)
#define SETTLED(i) (STATE(i) >= STORED)

/* Which messages stand in the wrong order, if `id` comes after `there`. */
#ifdef COPY
#define INVERTED(there, id) (there > id && id != 2)
#define TOLD_NOT(id) (NOT_STORED(0, id) || NOT_STORED(1, id))
#else
#define INVERTED(there, id) (there > id)
#define TOLD_NOT(id) NOT_STORED(0, id)
#endif
#define NOT_STORED(c, id) (state[CELL(c, id)] == FAILED || state[CELL(c, id)] == CANCELLED)

#include "outbox.pml"
#include "broker.pml"

init {
  atomic {
#ifdef COPY
    /* Both have 1, sent under seq 1. The first goes on with 2, the second with 3 and 4. */
    state[CELL(0, 1)] = SENT; seqOf[CELL(0, 1)] = 1; state[CELL(0, 3)] = ABSENT; state[CELL(0, 4)] = ABSENT;
    state[CELL(1, 1)] = SENT; seqOf[CELL(1, 1)] = 1; state[CELL(1, 2)] = ABSENT;
    stored[0] = 1; stored[1] = 1;
    run Client(1);
#endif
    run Client(0);
    run Relay(0);
    run Relay(1);
    run Adversary()
  }
}

/* Every publish is finally told, once faults have ceased. */
#ifdef COPY
#define TOLD (done[0] && done[1])
#else
#define TOLD done[0]
#endif
ltl LIVENESS { [] (calm -> <> TOLD) }
