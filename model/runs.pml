/* Runs: start, stop and finish. */

/* ---- Start ----------------------------------------------------------------------------------- */

#ifdef NO_START_LOCK
#define MAY_LOOK(r) true
#define LOCK_TO_START(r, value) skip
#else
#define MAY_LOOK(r) (!locked[r])
#define LOCK_TO_START(r, value) locked[r] = value
#endif

/* The first statement locks the row or refuses the call. What the transaction knows about other
   guilds is read now, and the commit comes later: under READ COMMITTED, it does not see what others
   settle in between, and they do not see what it inserts. */
inline look(r, is_person, goes_on, was_running, is_covered) {
    if
#ifndef NO_REFUSAL
    :: is_person && state[r] == RUNNING                 /* refused, and journalled */
#endif
    :: state[r] == STOPPED && !is_person                /* only a person may start it again */
    :: stopping[r]
    :: else ->
        goes_on = true;
        was_running = (state[r] == RUNNING);
#if WORLD == 2
        is_covered = (row[TWIN(r)] == SETTLED);
#endif
        LOCK_TO_START(r, true)
    fi
}

inline bring_in(m, is_person, is_covered) {
    if
    :: row[m] == ABSENT && (m == 0 || has_joined) -> row[m] = PENDING
    :: is_person && (IS_PARKED(m) || row[m] == CANCELLED) -> row[m] = PENDING; tries[m] = 0
    :: else
    fi;
    if
    :: is_covered && (row[m] == PENDING || IS_PARKED(m)) -> row[m] = COVERED
    :: else
    fi
}

inline leave_start(r, goes_on, was_running, is_covered) {
    LOCK_TO_START(r, false);
    goes_on = false; was_running = false; is_covered = false
}

inline begin(r, is_person, goes_on, was_running, is_covered) {
    assert(!(is_person && was_running));                /* a duplicate is refused */
    if :: IS_OF(0, r) -> bring_in(0, is_person, is_covered) :: else fi;
    if :: IS_OF(1, r) -> bring_in(1, is_person, is_covered) :: else fi;
    if
    :: was_running                                      /* late members join the run */
    :: !was_running && state[r] != WAITING && !ANY_OF(r, IS_OPEN)   /* nothing to do */
    :: else ->
        assert(!run_is_open[r]);                        /* one run at a time */
        run_is_open[r] = true;
        state[r] = RUNNING;
        stopping[r] = false
    fi;
    leave_start(r, goes_on, was_running, is_covered)
}

/* A caller calls start once: a person, or a trigger of the pipeline. Callers are alike, so of two
   with the same run the first one begins first. */
byte begun;
proctype Caller(byte number; byte r) {
    bool is_person, goes_on, was_running, is_covered;
    atomic {
        MAY_LOOK(r) && (RUNS == 2 || begun == number) ->
        begun = (RUNS == 2 -> 0 : begun + 1);
        if :: is_person = true :: is_person = false fi;
        look(r, is_person, goes_on, was_running, is_covered)
    }
end:
    if
    :: atomic { goes_on -> begin(r, is_person, goes_on, was_running, is_covered) }
    :: atomic { goes_on -> leave_start(r, goes_on, was_running, is_covered) }   /* it dies */
    fi
}

/* The sweep starts the runs that wait, and catch-up brings in late members. */
#define IS_MISSED(m, r) (IS_OF(m, r) && row[m] == ABSENT && (m == 0 || has_joined))
#define IS_BEHIND(r) (state[r] == WAITING \
    || (IS_MISSED(1, r) && (state[r] == COMPLETE || IS_WANTED(r))))
#define MAY_CATCH_UP(r) (!goes_on && IS_BEHIND(r) && MAY_LOOK(r))
proctype Housekeeping() {
    byte r; bool goes_on, was_running, is_covered;
end:
    do
    :: atomic { CHOOSE_RUN(r, MAY_CATCH_UP); look(r, false, goes_on, was_running, is_covered) }
    :: atomic { goes_on -> begin(r, false, goes_on, was_running, is_covered); r = 0 }
    od
}

proctype Member() { has_joined = true }

/* ---- Stop and finish ------------------------------------------------------------------------- */

inline cancel_waiting(r) {
    if :: IS_OF(0, r) && row[0] == PENDING -> row[0] = CANCELLED :: else fi;
    if :: IS_OF(1, r) && row[1] == PENDING -> row[1] = CANCELLED :: else fi
}

/* A person stops a run once, and may take the stop back. */
proctype Person(byte r) {
    atomic {
        !locked[r] ->
        if
        :: state[r] == WAITING -> cancel_waiting(r); state[r] = STOPPED
        :: IS_WANTED(r) -> stopping[r] = true
        :: else
        fi
    }
end:
    atomic { !locked[r] && stopping[r] -> if :: stopping[r] = false :: true fi }
}

#define IS_OVER(r) (state[r] == RUNNING \
    && (stopping[r] -> !ANY_OF(r, IS_IN_FLIGHT) : !ANY_OF(r, IS_OPEN)))
#ifdef NO_FINISH_LOCK
#define MAY_FINISH(r) (!goes_on && IS_OVER(r))
#define LOCK_TO_FINISH(r, value) skip
#else
#define MAY_FINISH(r) (!goes_on && IS_OVER(r) && !locked[r])
#define LOCK_TO_FINISH(r, value) locked[r] = value
#endif

/* All calls of finish: those of workers, of starts, of a stop and of the sweep. */
proctype Finish() {
    byte r; bool goes_on, is_stopped;
end:
    do
    :: atomic { CHOOSE_RUN(r, MAY_FINISH);
        goes_on = true; is_stopped = stopping[r];
        LOCK_TO_FINISH(r, true)
       }
    :: atomic { goes_on ->
        if
        :: is_stopped -> cancel_waiting(r); state[r] = STOPPED
        :: else -> state[r] = COMPLETE
        fi;
        assert(run_is_open[r]);                         /* a run ends once */
        run_is_open[r] = false;
        stopping[r] = false;
        LOCK_TO_FINISH(r, false);
        goes_on = false; is_stopped = false; r = 0
       }
    od
}
