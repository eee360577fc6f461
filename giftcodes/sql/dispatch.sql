-- While a table has no statistics, PostgreSQL would read all rows of a code where these statements
-- need a few rows of an index. `OFFSET 0` keeps a subquery apart: PostgreSQL reads it before the
-- rest or, if it refers to a row outside, once for each such row.
-- `ORDER BY … LIMIT (SELECT 1000000)` makes it read an index in its order; there are never so many
-- rows that the limit leaves any out. A bitmap scan would read all entries of rows that have left
-- the index since the last VACUUM, each time: only a scan in order removes such entries.

-- name: with_work
SELECT provider FROM unnest(%(providers)s::text[]) AS game (provider)
WHERE EXISTS (
    SELECT FROM giftcodes_redemption r
    JOIN giftcodes_giftcode c ON c.id = r.gift_code_id AND c.provider = game.provider
    WHERE r.state = 'running' AND NOT coalesce(c.held_until > clock_timestamp(), false)
      AND EXISTS (
          SELECT FROM giftcodes_memberredemption m
          WHERE m.redemption_id = r.id AND m.state = 'pending'
          ORDER BY m.next_attempt_at LIMIT (SELECT 1))
    OFFSET 0
) OR EXISTS (
    SELECT FROM (
        SELECT gift_code_id FROM giftcodes_memberredemption
        WHERE state = 'unconfirmed' AND next_attempt_at <= clock_timestamp()
        ORDER BY next_attempt_at LIMIT (SELECT 1000000)
    ) m
    JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.provider = game.provider
    WHERE NOT coalesce(c.held_until > clock_timestamp(), false)
    OFFSET 0
)

-- name: in_flight
-- The time, and the numbers of requests under way: of all, of those that open a window, of probes,
-- and of those that were claimed a moment ago. This runs under the game's lock. PostgreSQL keeps the
-- plan of the statement, so it takes 0.14 ms; the ORM would take 0.9 ms.
SELECT clock_timestamp(), count(*), count(*) FILTER (WHERE m.permit_until IS NULL),
       count(*) FILTER (WHERE m.is_probe),
       count(*) FILTER (WHERE m.lease_until > clock_timestamp() + %(lease)s - %(moment)s)
FROM (
    SELECT * FROM giftcodes_memberredemption WHERE state = 'in_flight' ORDER BY lease_until LIMIT (SELECT 1000000)
) m
JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.provider = %(provider)s

-- name: due
-- The members of run `r` for whom a request may be sent now: a part that `choose` uses twice.
        FROM giftcodes_memberredemption m
        JOIN giftcodes_member person
          ON person.id = m.member_id AND person.active AND NOT person.opted_out
        WHERE m.redemption_id = r.id AND m.state = 'pending' AND m.next_attempt_at <= %(now)s
          AND m.player_id NOT IN (SELECT player_id FROM busy_players)
          AND NOT EXISTS (
              SELECT FROM giftcodes_memberredemption duplicate
              WHERE duplicate.gift_code_id = m.gift_code_id AND duplicate.player_id = m.player_id
                AND duplicate.covered_by_id IS NULL AND duplicate.state IN ({holding})
              OFFSET 0)
        ORDER BY m.next_attempt_at, m.id

-- name: choose
-- The rows that get a permit now. A code may have ten thousand runs. They are sorted, and searched
-- one after the other until enough of them have a member who is due. The ORDER BY at the end sorts
-- in the same way, so the runs that were not searched could get no permit anyway (decision 10).
WITH in_flight AS MATERIALIZED (
    SELECT m.player_id, m.gift_code_id
    FROM (
        SELECT player_id, gift_code_id
        FROM giftcodes_memberredemption WHERE state = 'in_flight' ORDER BY lease_until LIMIT (SELECT 1000000)
    ) m
    JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.provider = %(provider)s
),
busy_players AS MATERIALIZED (
    SELECT player_id FROM in_flight
    UNION
    SELECT a.player_id
    FROM (
        (SELECT player_id, gift_code_id FROM giftcodes_attempt
         WHERE sent_at > %(now)s - %(gap)s
         ORDER BY sent_at LIMIT (SELECT 1000000))
        UNION ALL
        (SELECT player_id, gift_code_id FROM giftcodes_attempt
         WHERE answered_at > %(now)s - %(gap)s
         ORDER BY answered_at LIMIT (SELECT 1000000))
        UNION ALL
        (SELECT player_id, gift_code_id FROM giftcodes_attempt
         WHERE outcome = 'too_frequent' AND answered_at > %(now)s - %(long_gap)s
         ORDER BY answered_at LIMIT (SELECT 1000000))
    ) a
    JOIN giftcodes_giftcode c ON c.id = a.gift_code_id AND c.provider = %(provider)s
),
codes AS MATERIALIZED (
    SELECT c.id, c.doubt_guild_id, c.state = ANY(%(open_codes)s) AS is_open,
           (c.proven_at IS NULL OR c.doubted_at IS NOT NULL OR c.held_until IS NOT NULL
            OR c.state = 'probing') AS on_probation,
           {deadline} AS deadline
    FROM giftcodes_giftcode c
    WHERE c.provider = %(provider)s AND NOT coalesce(c.held_until > %(now)s, false)
),
runs AS MATERIALIZED (
    SELECT r.*, c.id AS code_id, c.on_probation, c.deadline,
           (c.doubt_guild_id IS NOT DISTINCT FROM r.guild_id)::int AS same_guild,
           count(*) OVER (PARTITION BY c.id, r.priority) AS equals
    FROM codes c
    CROSS JOIN LATERAL (
        SELECT r.*
        FROM (
            SELECT r.id, r.guild_id, r.last_served_at, g.priority
            FROM giftcodes_redemption r
            JOIN giftcodes_guild g ON g.id = r.guild_id
            WHERE r.gift_code_id = c.id AND r.state = 'running' AND r.stop_requested_at IS NULL
            ORDER BY g.priority DESC, r.last_served_at NULLS FIRST, r.id
            OFFSET 0
        ) r
        CROSS JOIN LATERAL (SELECT {due} LIMIT 1) first_due
        ORDER BY r.priority DESC, r.last_served_at NULLS FIRST, r.id
        LIMIT %(runs)s
    ) r
    WHERE c.is_open
),
due AS (
    SELECT m.id, r.id AS redemption_id, m.player_id, r.code_id, r.on_probation, r.deadline,
           r.priority, r.last_served_at, m.place, 1 AS rank, r.same_guild
    FROM runs r
    CROSS JOIN LATERAL (
        SELECT m.id, m.player_id, row_number() OVER (ORDER BY m.next_attempt_at, m.id) AS place
        -- With this many runs of equal priority, no permit is left for a third turn of any run.
        {due} LIMIT CASE WHEN r.equals >= %(runs)s THEN 2 ELSE %(permits)s END
    ) m
    UNION ALL
    SELECT m.id, m.redemption_id, m.player_id, c.id, c.on_probation AND c.is_open, c.deadline,
           0, NULL, 1, 0, 0
    FROM (
        SELECT id, redemption_id, player_id, gift_code_id FROM giftcodes_memberredemption
        WHERE state = 'unconfirmed' AND next_attempt_at <= %(now)s
        ORDER BY next_attempt_at LIMIT (SELECT 1000000)
    ) m
    JOIN codes c ON c.id = m.gift_code_id
    WHERE m.player_id NOT IN (SELECT player_id FROM busy_players)
),
turns AS (
    SELECT due.*,
           row_number() OVER (
               PARTITION BY code_id
               ORDER BY rank, same_guild, priority DESC, place, last_served_at NULLS FIRST,
                        redemption_id, id
           ) AS nth_of_code
    FROM due
),
-- The turns of a code are decided first, and then which of a player's rows gets the request. In the
-- other order, a row that must wait for its code could block the player's other rows.
ordered AS (
    SELECT turns.*,
           row_number() OVER (
               PARTITION BY player_id
               ORDER BY rank, deadline, priority DESC, place, last_served_at NULLS FIRST,
                        redemption_id, id
           ) AS nth_of_player
    FROM turns
    WHERE NOT (on_probation AND (nth_of_code > 1 OR code_id IN (SELECT gift_code_id FROM in_flight)))
)
SELECT id, redemption_id
FROM ordered
WHERE nth_of_player = 1
ORDER BY rank, deadline, priority DESC, place, last_served_at NULLS FIRST, redemption_id, id
LIMIT %(permits)s

-- name: claim
-- The state is checked again: after these rows were chosen, the run may have been stopped before
-- this transaction locked its redemption.
UPDATE giftcodes_memberredemption m
SET state = 'in_flight', token = m.token + 1, confirming = (m.state = 'unconfirmed'),
    is_probe = %(is_probe)s, permit_until = %(permit_until)s,
    lease_until = clock_timestamp() + %(lease)s, updated_at = clock_timestamp()
WHERE m.id = ANY(%(ids)s)
  AND (m.state = 'unconfirmed' OR (m.state = 'pending' AND m.redemption_id = ANY(%(running)s)))
RETURNING m.id, m.token

-- name: served
-- Runs that were served together get different moments, in the order in which they were served.
-- With equal moments, the same runs would always be served first.
UPDATE giftcodes_redemption r
SET last_served_at = %(now)s + served.place * interval '1 microsecond'
FROM unnest(%(ids)s::bigint[], %(places)s::int[]) AS served (id, place)
WHERE r.id = served.id
