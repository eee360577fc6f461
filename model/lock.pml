/*
 * The lock of Redeemer: start, dispatch, intent, request, record, finish, stop and sweep, for one
 * code. docs/explanation/model.md maps each step to its function, and says what is left out.
 *
 * An `atomic` block is one transaction, or a part of one that other transactions see as one step.
 * Between two blocks anything else can happen, and the process can die. `faults` limits how often
 * something goes wrong in one history. A define such as NO_TOKEN removes one guard.
 *
 * The worlds, chosen with -DWORLD=n:
 *   1 guild   one guild with two members. One of them joins at any time.
 *   2 twins   one player who is a member of two guilds.
 *   3 pace    as 1, but with two dispatchers, one worker and one permit.
 */

#include "state.pml"
#include "runs.pml"
#include "members.pml"
#include "worker.pml"

/* ---- The clock ------------------------------------------------------------------------------- */

#define HAS_CLAIM(w, m) (is_current[w] && row_of[w] == (m))
#define IS_SENT_BY(w, m) (HAS_CLAIM(w, m) && does[w] == WAITS)
#define IS_HELD(m) (HAS_CLAIM(0, m) || HAS_CLAIM(WORKERS - 1, m) || message[m])
#define CAN_EXPIRE(m) (row[m] == IN_FLIGHT && !lease_over[m])
#define EXPIRES_ALONE(m) (CAN_EXPIRE(m) && !IS_HELD(m))
#ifdef LOOSE_DEADLINE
#define EXPIRES_EARLY(m) (faults > 0 && CAN_EXPIRE(m) && IS_HELD(m))
#else
/* A request has a time limit, and it is sent only if it ends before the lease does. */
#define EXPIRES_EARLY(m) (faults > 0 && CAN_EXPIRE(m) && IS_HELD(m) \
    && !IS_SENT_BY(0, m) && !IS_SENT_BY(WORKERS - 1, m))
#endif

/* The claim of a worker ends while the worker is held up. */
inline hold_up(w, m) {
    if
    :: HAS_CLAIM(w, m) && does[w] == ASKS ->
        credit[PLAYER_OF(m)]++;
        if
        :: is_late[w] = true
        :: is_frozen[w] = true
#ifdef LOOSE_DEADLINE
        :: true
#endif
        fi
    :: HAS_CLAIM(w, m) && (does[w] == WAITS || does[w] == RECORDS) -> credit[PLAYER_OF(m)]++
    :: else
    fi
}

/* The lease of a claim that nobody holds ends in time. That of another claim ends only by a fault:
   its message waits too long, or its worker is held up. */
proctype Clock() {
    byte m;
end:
    do
    :: atomic { CHOOSE_ROW(m, EXPIRES_ALONE); lease_over[m] = true; m = 0 }
    :: atomic { CHOOSE_ROW(m, EXPIRES_EARLY);
        faults--;
        lease_over[m] = true;
        hold_up(0, m);
#if WORKERS == 2
        hold_up(1, m);
#endif
        m = 0
       }
    od
}

/* ---- The end --------------------------------------------------------------------------------- */

#define IS_OVER_FOR_GOOD(r) (!run_is_open[r] && (state[r] == COMPLETE || state[r] == STOPPED))
#define IS_SETTLED(m) (row[m] == SETTLED || row[TWIN(m)] == SETTLED)
#define HAS_REASON(m) (row[m] == SETTLED || IS_PARKED(m) || row[m] == CANCELLED \
    || (row[m] == COVERED && row[TWIN(m)] == SETTLED) \
    || (row[m] == ABSENT && state[RUN_OF(m)] == STOPPED))

/* When nothing more can happen, every member is settled or has a reason. */
proctype Quiet() {
    atomic {
        timeout ->
        assert(IS_OVER_FOR_GOOD(0) && IS_OVER_FOR_GOOD(RUNS - 1));      /* no run is open */
        assert(HAS_REASON(0) && HAS_REASON(1));         /* all are settled or have a reason */
        /* No recorded SUCCESS is forgotten, and no grant. */
        assert((!has_success[0] || IS_SETTLED(0)) && (!has_success[1] || IS_SETTLED(1)));
        assert(!granted[PLAYER_OF(0)] || IS_SETTLED(0) || is_excused[PLAYER_OF(0)]);
        assert(!granted[PLAYER_OF(1)] || IS_SETTLED(1) || is_excused[PLAYER_OF(1)])
    }
}

init {
    atomic {
        row[0] = PENDING;
#if WORLD == 2
        has_joined = true;
#else
        run Member();
#endif
        run Caller(0, 0);
        run Caller(1, RUNS - 1);
        run Housekeeping();
        run Person(0);
        run Finish();
        run Dispatch();
#if WORLD == 3
        run Dispatch();
#endif
        run Worker(0);
#if WORKERS == 2
        run Worker(1);
#endif
        run Sweep();
        run Clock();
        run Quiet()
    }
}
