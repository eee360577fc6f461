/* A worker, and the sweep that recovers what it leaves. */

/* ---- A worker -------------------------------------------------------------------------------- */

#define M row_of[w]
#define P PLAYER_OF(row_of[w])
#define IS_CURRENT (is_current[w] && row[M] == IN_FLIGHT)

#ifdef NO_LEASE_CHECK
#define LEASE_LASTS true
#else
#define LEASE_LASTS (!lease_over[M])
#endif
#ifdef NO_ONE_ATTEMPT
#define IS_FIRST true
#else
#define IS_FIRST (!has_attempt[M])
#endif
#ifdef NO_SUCCESS_CHECK
#define SUCCESS_ALLOWS true
#else
#define SUCCESS_ALLOWS (!IS_GRANTED(M))
#endif
#ifdef NO_GIVE_BACK_CHECK
#define IS_UNUSED true
#else
#define IS_UNUSED (!has_attempt[M])
#endif
#ifdef NO_TOKEN
#define MAY_WRITE (row[M] == IN_FLIGHT)
#else
#define MAY_WRITE IS_CURRENT
#endif

#define HAS_MESSAGE(m) message[m]

/* The first half of the statement `intend`: it reads other rows from its snapshot. */
inline take(w) {
    CHOOSE_ROW(M, HAS_MESSAGE);
    is_current[w] = true;
    if
    :: message[M] = false
    :: faults > 0 -> faults--                           /* the broker delivers it once more */
    fi;
    is_allowed = IS_CURRENT && SUCCESS_ALLOWS && (confirming[M] || IS_WANTED(RUN_OF(M)));
    does[w] = INTENDS
}

/* The second half: under the lock of its own row, and with the time of now. */
inline intend(w) {
    if
    :: is_allowed && IS_CURRENT && LEASE_LASTS && IS_FIRST ->
        assert(row[TWIN(M)] != SETTLED);                /* no Attempt after the proof */
        if
        :: IS_GRANTED(M) -> after_success[P]++; assert(after_success[P] <= 1)   /* at most one */
        :: else
        fi;
        has_attempt[M] = true;
        does[w] = ASKS
    :: else ->
        if
        :: (IS_CURRENT && IS_UNUSED) || IS_GRANTED(M) -> does[w] = GIVES_BACK
        :: else -> leave(w)
        fi
    fi;
    is_allowed = false
}

inline leave(w) {
    does[w] = FREE; row_of[w] = 0; is_current[w] = false; is_late[w] = false; is_frozen[w] = false
}

inline refuse(w) {
    if :: IS_CURRENT && IS_UNUSED -> give_back(M) :: else fi;
    if
    :: has_success[M] -> does[w] = PROVES
    :: !has_success[M] && has_success[TWIN(M)] ->
        M = TWIN(M); is_current[w] = false; does[w] = PROVES
    :: else -> leave(w)
    fi
}

/* Two workers that are in time never ask for the same player at once, and each repeated request has
   a fault that explains it. A worker that froze after its last check is counted apart. */
#define IS_ASKING(v) (does[v] == WAITS && !is_frozen[v] && PLAYER_OF(row_of[v]) == P)
inline send(w) {
    if
    :: is_frozen[w] -> is_excused[P] = true
    :: else ->
        assert(!IS_ASKING(0));                          /* one request for a player at once */
        assert(!IS_ASKING(WORKERS - 1));                /* one request for a player at once */
        if
        :: is_owed[P] -> assert(credit[P] > 0) /* a fault explains it */; credit[P]--
        :: else
        fi;
        is_owed[P] = true
    fi;
    does[w] = WAITS
}

/* The game grants, or refuses because of the account. If the player has the code, it says so. */
inline ask_game(w, reply) {
    if
    :: granted[P] -> reply = RECEIVED
    :: !granted[P] -> granted[P] = true; reply = SUCCESS
    :: !granted[P] -> reply = REFUSED
    fi
}

/* The token stays, but no one can use it: the row is not in flight. */
inline end_claim(m) {
    confirming[m] = false; lease_over[m] = false; has_attempt[m] = false; message[m] = false
}

/* The answer goes to the Attempt in any case, and to the row if the claim still holds. */
inline record(w, reply) {
    if :: reply == SUCCESS -> has_success[M] = true :: else fi;
    does[w] = FREE;
    if
    :: MAY_WRITE ->
        assert(IS_CURRENT);                             /* no stale write */
        if
        :: reply == SUCCESS || reply == RECEIVED -> settle(M); does[w] = AFTER_SETTLING
        :: reply == REFUSED -> row[M] = PARKED; tries[M] = 0; is_owed[P] = false
        :: reply == NOT_SENT -> row[M] = (confirming[M] -> UNCONFIRMED : PENDING)
        :: reply == UNCLEAR -> count_try(M)
        fi;
        end_claim(M)
    :: !MAY_WRITE && reply == SUCCESS -> does[w] = PROVES
    :: else
    fi;
    reply = NOTHING;
    is_late[w] = false;
    is_frozen[w] = false;
    if :: does[w] == FREE -> leave(w) :: else fi
}

#ifdef NO_DEADLINE
#define IS_TOO_LATE false
#else
#define IS_TOO_LATE is_late[w]
#endif
/* Workers are alike, so the second one takes a message only while the first one is busy. */
#define MAY_TAKE (does[w] == FREE && (w == 0 || does[0] != FREE) && (message[0] || message[1]))
/* A death before the intent is the same as a lost message. */
#define HAS_INTENT (does[w] == ASKS || does[w] == WAITS || does[w] == RECORDS)
#define MAY_DIE (faults > 0 && (HAS_INTENT || does[w] == PROVES || does[w] == COVERS))

proctype Worker(byte w) {
    bool is_allowed; mtype reply = NOTHING;
end:
    do
    :: atomic { MAY_TAKE -> take(w) }
    :: atomic { does[w] == INTENDS -> intend(w) }
    :: atomic { does[w] == GIVES_BACK -> refuse(w) }
    :: atomic { does[w] == ASKS ->
        if :: IS_TOO_LATE -> reply = NOT_SENT; does[w] = RECORDS :: else -> send(w) fi }
    :: atomic { does[w] == WAITS -> ask_game(w, reply); does[w] = RECORDS }
    :: atomic { does[w] == WAITS && faults > 0 ->       /* the request or its answer is lost */
        faults--; credit[P]++;
        if :: ask_game(w, reply) :: true fi;
        reply = UNCLEAR; does[w] = RECORDS }
    :: atomic { does[w] == RECORDS -> record(w, reply) }
    :: atomic { does[w] == PROVES ->
#ifndef NO_LATE_SUCCESS
        if :: HAS_EVIDENCE(M) -> settle_by_evidence(M) :: else fi;
#endif
        does[w] = AFTER_SETTLING;
        if :: does[w] == FREE -> leave(w) :: else fi }
    :: atomic { does[w] == COVERS -> settle_duplicates(M); leave(w) }
    :: atomic { MAY_DIE ->
        faults--;
        if :: HAS_INTENT -> credit[P]++ :: else fi;
        reply = NOTHING; leave(w) }
    od
}

/* ---- Sweep ----------------------------------------------------------------------------------- */

#define IS_EXPIRED(m) (row[m] == IN_FLIGHT && lease_over[m])
#ifdef NO_UNCONFIRMED
#define WAS_ASKED(m) false
#else
#define WAS_ASKED(m) has_attempt[m]
#endif
inline recover(m) {
    if
    :: WAS_ASKED(m) ->
        count_try(m);
        confirming[m] = false;
#ifdef NO_NEW_TOKEN
        end_claim(m)
#else
        new_token(m)
#endif
    :: else -> give_back(m)
    fi
}

proctype Sweep() {
    byte m;
end:
    do
#ifndef NO_SWEEP_OF_LEASES
    :: atomic { CHOOSE_ROW(m, IS_EXPIRED); recover(m); m = 0 }
#endif
#ifndef NO_SWEEP_OF_EVIDENCE
    :: atomic { CHOOSE_ROW(m, HAS_EVIDENCE); settle_by_evidence(m); m = 0 }
#endif
#ifndef NO_SWEEP_OF_DUPLICATES
    :: atomic { CHOOSE_ROW(m, IS_DUPLICATE); row[m] = COVERED; m = 0 }
#endif
    od
}
