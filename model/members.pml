/* Member redemptions: dispatch, and what settles them. */

/* ---- Dispatch -------------------------------------------------------------------------------- */

#ifdef NO_UNIQUE_INDEX
#define INDEX_ALLOWS(m) true
#else
#define INDEX_ALLOWS(m) (!IS_HOLDING(TWIN(m)))
#endif
#ifdef NO_HOLDING_CHECK
#define TWIN_ALLOWS(m) true
#else
#define TWIN_ALLOWS(m) (!IS_HOLDING(TWIN(m)))
#endif
#ifdef NO_RUN_CHECK
#define MAY_CLAIM(m) (row[m] == UNCONFIRMED || row[m] == PENDING)
#else
#define MAY_CLAIM(m) (row[m] == UNCONFIRMED || (row[m] == PENDING && IS_WANTED(RUN_OF(m))))
#endif
#ifdef NO_BUDGET_LOCK
#define IS_MY_TURN true
#else
#define IS_MY_TURN (!budget_locked)
#endif
#ifdef LOOSE_DEADLINE
/* A repeat comes a minute after the request was sent. A request that was sent in time has ended. */
#define IS_ASKED_BY(w, m) (does[w] == WAITS && row_of[w] == (m) && !is_frozen[w])
#define MINUTE_IS_OVER(m) (!IS_ASKED_BY(0, m) && !IS_ASKED_BY(1, m))
#define HOLD_UP(w, m) if :: does[w] == ASKS && row_of[w] == (m) && !is_frozen[w] -> \
    is_late[w] = true :: else fi
#else
#define MINUTE_IS_OVER(m) true
#endif

#define IS_DUE(m) ((row[m] == UNCONFIRMED && MINUTE_IS_OVER(m)) \
    || (row[m] == PENDING && IS_WANTED(RUN_OF(m)) && TWIN_ALLOWS(m)))
/* A worker that has given back a claim settles the recorded SUCCESS next. Dispatch may be faster,
   but not for ever. */
#define IS_NO_LOOP(m) (!IS_GRANTED(m) || overtakes > 0)
#define MAY_CHOOSE(m) (!goes_on && IS_MY_TURN && IS_DUE(m) && IS_NO_LOOP(m) \
    && NUMBER_IN_FLIGHT < PERMITS)

/* The row gets another token, so that older claims, their messages and their Attempts are over. */
inline new_token(m) {
    message[m] = false;
    has_attempt[m] = false;
    lease_over[m] = false;
    if :: row_of[0] == m -> is_current[0] = false :: else fi;
    if :: row_of[WORKERS - 1] == m -> is_current[WORKERS - 1] = false :: else fi
}

inline claim(m) {
    if :: IS_GRANTED(m) && overtakes > 0 -> overtakes-- :: else fi;
    confirming[m] = (row[m] == UNCONFIRMED);
    row[m] = IN_FLIGHT;
    new_token(m);
    assert(!IS_HOLDING(TWIN(m)));                       /* one row of a player asks or holds */
    assert(NUMBER_IN_FLIGHT <= PERMITS)                 /* the pace */
}

/* One dispatch for one row: choose it, lock its redemption, claim it, commit. To publish is
   no step of its own, because a message may wait anyway. */
proctype Dispatch() {
    byte m; bool goes_on;
end:
    do
    :: atomic { CHOOSE_ROW(m, MAY_CHOOSE); budget_locked = true; goes_on = true;
#ifdef LOOSE_DEADLINE
        if :: row[m] == UNCONFIRMED -> HOLD_UP(0, m); HOLD_UP(1, m) :: else fi
#endif
       }
    :: atomic { goes_on && !locked[RUN_OF(m)] ->
        if
        :: MAY_CLAIM(m) && INDEX_ALLOWS(m) ->
            claim(m);
            if
            :: message[m] = true
            :: faults > 0 -> faults--                   /* it dies, or the message is lost */
            fi
        :: else                                         /* it has changed, or the index refuses */
        fi;
        budget_locked = false; goes_on = false; m = 0
       }
    od
}

/* ---- Settle ---------------------------------------------------------------------------------- */

inline settle(m) {
    assert(granted[PLAYER_OF(m)]);                      /* no settled row without a proof */
    assert(!IS_HOLDING(TWIN(m)));                       /* one row of a player asks or holds */
    row[m] = SETTLED;
    tries[m] = 0;
    is_owed[PLAYER_OF(m)] = false
}

/* A SUCCESS on any Attempt of a row settles the row. A row in flight waits for its own answer. */
#define IS_IN_VAIN(m) (row[m] == PENDING || row[m] == UNCONFIRMED || IS_PARKED(m) \
    || row[m] == CANCELLED)
#ifdef NO_COVER
#define EVIDENCE_ALLOWS(m) INDEX_ALLOWS(m)
#else
#define EVIDENCE_ALLOWS(m) (INDEX_ALLOWS(m) || row[TWIN(m)] == UNCONFIRMED)
#endif
#define HAS_EVIDENCE(m) (has_success[m] && IS_IN_VAIN(m) && EVIDENCE_ALLOWS(m))
inline settle_by_evidence(m) {
#ifndef NO_COVER
    if :: row[TWIN(m)] == UNCONFIRMED -> row[TWIN(m)] = COVERED :: else fi;
#endif
    settle(m)
}

/* The row of a player whose other row has the code needs no request. */
#if WORLD == 2
#define AFTER_SETTLING COVERS
#else
#define AFTER_SETTLING FREE
#endif
#define IS_DUPLICATE(m) (row[TWIN(m)] == SETTLED && (row[m] == PENDING || IS_PARKED(m)))
inline settle_duplicates(m) {
#if WORLD == 2
    if :: IS_DUPLICATE(TWIN(m)) -> row[TWIN(m)] = COVERED :: else fi
#else
    skip
#endif
}

/* A failed row: a person must look at it. */
inline count_try(m) {
    tries[m]++;
    if
    :: tries[m] >= MAX_TRIES -> row[m] = FAILED; tries[m] = 0; is_excused[PLAYER_OF(m)] = true
    :: else -> row[m] = UNCONFIRMED
    fi
}

inline give_back(m) {
    row[m] = (confirming[m] -> UNCONFIRMED : PENDING);
    confirming[m] = false;
    new_token(m)
}
