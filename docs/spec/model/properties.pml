/*
 * What must hold, by name. Law: each check of a model names one of these; LIVENESS is a formula of each model, or an end that is none.
 *
 * A check that fails prints its number, and scripts/model.js the name. A broken variant is judged by ONLY one property; 0: by all.
 */

#define NO_LOSS 901      /* what is acknowledged is in the log, and reaches each reader, or a gap or reset tells it */
#define NO_DUPLICATE 902 /* one entry for a message, and no reader is given one twice */
#define NO_INVENTION 903 /* what has failed or is cancelled is never in the log */
#define ORDER 904        /* one client's messages in sending order; one value at an offset within an epoch */
#define ACK 905          /* an ack says what is stored, and where */
#define FENCING 906      /* one live connection for each session; the higher attempt wins, and who has lost learns it */
#define BOUNDED 907      /* each queue stays within its bound */
#define AUTHORITY 908    /* nothing is done before authentication */
#define CERTAINTY 909    /* maybe is told only beyond the window, or where a session was taken */

#ifndef ONLY
#define ONLY 0
#endif
#define CHECK(property, holds) assert((ONLY != 0 && ONLY != property) || (holds))
