/* The database, the broker, the game and the workers, and what is counted for the properties. */

#ifndef WORLD
#define WORLD 1
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
/* After this many unclear answers, a row has failed. */
#ifndef MAX_TRIES
#define MAX_TRIES 2
#endif
/* How often, in one history, dispatch claims a row again before its recorded SUCCESS is settled. */
#define OVERTAKES 1

#define ROWS 2
#define NO_ROW ROWS                 /* a row that stays absent: the twin of a player in one guild */
#if WORLD == 2
#define RUNS 2
#define PLAYERS 1
#define RUN_OF(m) (m)
#define PLAYER_OF(m) 0
#define TWIN(m) (1 - (m))
#else
#define RUNS 1
#define PLAYERS 2
#define RUN_OF(m) 0
#define PLAYER_OF(m) (m)
#define TWIN(m) NO_ROW
#endif
#if WORLD == 3
#define WORKERS 1
#define PERMITS 1
#else
#define WORKERS 2
#define PERMITS 2
#endif

/* The states of a redemption and of a member redemption (docs/reference/states.md). PARKED stands
   for the states whose reason is an answer of the game. FAILED is a parked state, too. */
mtype = { WAITING, RUNNING, COMPLETE, STOPPED };
mtype = { ABSENT, PENDING, IN_FLIGHT, UNCONFIRMED, SETTLED, COVERED, PARKED, FAILED, CANCELLED };
/* The answers, and what a worker does next. */
mtype = { NOTHING, NOT_SENT, SUCCESS, RECEIVED, REFUSED, UNCLEAR };
mtype = { FREE, INTENDS, GIVES_BACK, ASKS, WAITS, RECORDS, PROVES, COVERS };

/* The database. `locked`: a transaction holds the lock of the redemption's row. */
mtype state[RUNS] = WAITING;
bool stopping[RUNS];
bool locked[RUNS];
bool budget_locked;
mtype row[ROWS + 1] = ABSENT;
bool confirming[ROWS];
bool lease_over[ROWS];
byte tries[ROWS];
bool has_attempt[ROWS];             /* the current claim has an Attempt */
bool has_success[ROWS + 1];         /* an Attempt of the row has SUCCESS */

/* The broker: the message for the current claim of a row. A message for an older claim does
   nothing, so it is left out. */
bool message[ROWS];

/* The game: whether the player has the code. The world: whether the member of row 1 has joined. */
bool granted[PLAYERS];
bool has_joined;
byte faults = FAULTS;
byte overtakes = OVERTAKES;

/* The workers. Tokens are only compared with the token of the row, so the model keeps only whether
   they are equal: a new token makes all others old. The two last flags say that the lease of the
   claim ended between the intent and the request: before the worker's last check (late), or after
   it (frozen). */
mtype does[WORKERS] = FREE;
byte row_of[WORKERS];
bool is_current[WORKERS];           /* the worker's token is the token of the row */
bool is_late[WORKERS];
bool is_frozen[WORKERS];

/* What is only counted, for the properties. */
bool run_is_open[RUNS];
bool is_owed[PLAYERS];              /* the newest request has no recorded answer */
byte credit[PLAYERS];               /* faults that explain a repeated request, less the repeats */
byte after_success[PLAYERS];        /* Attempts after a recorded SUCCESS */
bool is_excused[PLAYERS];           /* a row failed without an answer, or a frozen worker sent */

#define IS_OPEN(m) (row[m] == PENDING || row[m] == IN_FLIGHT || row[m] == UNCONFIRMED)
#define IS_HOLDING(m) (row[m] == IN_FLIGHT || row[m] == UNCONFIRMED || row[m] == SETTLED)
#define IS_PARKED(m) (row[m] == PARKED || row[m] == FAILED)
#define IS_OF(m, r) (RUN_OF(m) == (r))
#define ANY_OF(r, is) ((IS_OF(0, r) && is(0)) || (IS_OF(1, r) && is(1)))
#define IS_IN_FLIGHT(m) (row[m] == IN_FLIGHT)
#define IS_WANTED(r) (state[r] == RUNNING && !stopping[r])
#define NUMBER_IN_FLIGHT (IS_IN_FLIGHT(0) + IS_IN_FLIGHT(1))
#define IS_GRANTED(m) (has_success[m] || has_success[TWIN(m)])

/* Choose a row, or a run, for which the condition holds. This waits until there is one. */
#define CHOOSE_ROW(m, is) if :: is(0) -> m = 0 :: is(1) -> m = 1 fi
#if RUNS == 2
#define CHOOSE_RUN(r, is) if :: is(0) -> r = 0 :: is(1) -> r = 1 fi
#else
#define CHOOSE_RUN(r, is) is(0)
#endif
