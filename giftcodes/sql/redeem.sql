-- name: intend
-- The statement that writes the intent also checks every condition under which the request may be
-- sent. It reads the game's budget and the code, too: the answer is judged with them, unless they
-- have changed by then. It locks the row, so that two messages for one claim take turns.
-- Sessions keep the plan of this statement, perhaps one that was made while the tables were empty.
-- Such a plan could search all rows in flight, so the row's state is checked after the row is
-- locked. It could also read all Attempts, which `OFFSET 0` prevents.
WITH claim AS MATERIALIZED (
    SELECT * FROM giftcodes_memberredemption
    WHERE id = %(id)s AND token = %(token)s
    FOR NO KEY UPDATE
), known AS MATERIALIZED (
    SELECT m.id AS row_id, m.token, m.member_id, m.redemption_id, m.gift_code_id, g.id AS guild_id,
           c.provider, m.player_id, coalesce(person.realm, g.realm) AS realm, c.code AS published,
           c.issue, m.permit_until, m.confirming, m.is_probe, m.tries, m.uncounted_failures,
           m.outcome AS last_outcome, person.refused_at IS NOT NULL AS is_marked, person.nickname,
           person.player_id AS listed_as, g.name AS guild,
           extract(epoch FROM m.lease_until - clock_timestamp())::float8 AS lease_seconds,
           {snapshot}
    FROM claim m
    JOIN giftcodes_member person ON person.id = m.member_id
    JOIN giftcodes_redemption r ON r.id = m.redemption_id
    JOIN giftcodes_guild g ON g.id = r.guild_id
    JOIN giftcodes_giftcode c ON c.id = m.gift_code_id
    JOIN giftcodes_ratebudget b ON b.provider = c.provider
    WHERE m.state = 'in_flight'
      AND m.lease_until > clock_timestamp() + make_interval(secs => %(needed)s)
      AND (m.permit_until IS NULL OR m.permit_until > clock_timestamp())
      AND NOT coalesce(b.window_ends_at > clock_timestamp()
                       AND b.permits_until <= clock_timestamp(), false)
      AND NOT coalesce(c.held_until > clock_timestamp(), false)
      AND (b.pause_kind = '' OR (m.is_probe AND b.paused_until <= clock_timestamp()))
      AND (m.confirming OR (
            c.state = ANY(%(open_codes)s) AND r.state = 'running' AND r.stop_requested_at IS NULL
            AND person.active AND NOT person.opted_out))
      AND NOT EXISTS (
            SELECT FROM giftcodes_attempt a
            WHERE a.gift_code_id = m.gift_code_id AND a.player_id = m.player_id
              AND a.outcome = 'success'
            OFFSET 0)
), written AS (
    INSERT INTO giftcodes_attempt
        (member_redemption_id, gift_code_id, player_id, realm, token, sent_at)
    SELECT row_id, gift_code_id, player_id, realm, token, clock_timestamp() FROM known
    ON CONFLICT (member_redemption_id, token) DO NOTHING
    RETURNING id, sent_at
)
SELECT written.id, written.sent_at, known.* FROM written CROSS JOIN known

-- name: what_is_known
-- What is known about the game and the code: a part of two statements. A version changes
-- when its row changes: each UPDATE gives the code's row another `xmin`. The budget's version omits
-- `used`, which dispatch writes often. This is safe: `used` only grows until the window ends, and
-- with an old, lower number, RateBudget.would_change overlooks no change.
           clock_timestamp() AS now, (to_jsonb(b) - 'used')::text AS budget_version,
           c.xmin::text AS code_version,
           c.state AS code_state,
           c.proven_at IS NOT NULL AND c.doubted_at IS NULL AS code_is_proven,
           c.odd_since IS NOT NULL AS code_is_odd, c.held_until IS NOT NULL AS code_is_held,
           {budget}

-- name: snapshot
-- The game's budget with what is known about the code, read without a lock.
SELECT {snapshot}
FROM giftcodes_ratebudget b
JOIN giftcodes_giftcode c ON c.provider = b.provider
WHERE c.id = %(code)s

-- name: is_unchanged
-- Whether neither the game's budget nor the code has changed since the intent: a condition of
-- `write_answer` if the answer was judged with what the intent had read.
EXISTS (
        SELECT FROM giftcodes_giftcode c
        JOIN giftcodes_ratebudget b ON b.provider = c.provider
        WHERE c.id = %(code)s AND c.xmin = %(code_version)s::xid
          AND (to_jsonb(b) - 'used')::text = %(budget_version)s)

-- name: write_answer
-- The row changes only while the claim holds. The answer is kept on the Attempt even if not.
WITH answered AS (
    UPDATE giftcodes_attempt
    SET answered_at = clock_timestamp(), outcome = %(outcome)s, http_status = %(http_status)s,
        err_code = %(err_code)s, msg = %(msg)s, latency_ms = %(latency_ms)s, body = %(body)s
    WHERE id = %(attempt)s AND {condition}
)
UPDATE giftcodes_memberredemption
SET state = %(state)s, cancel_kind = %(cancel_kind)s, outcome = %(outcome)s, reason = %(reason)s,
    asked_realm = %(realm)s, tries = %(tries)s, uncounted_failures = %(uncounted_failures)s,
    next_attempt_at = clock_timestamp() + make_interval(secs => %(delay)s),
    settled_at = CASE WHEN %(is_settled)s THEN clock_timestamp() END,
    lease_until = NULL, updated_at = clock_timestamp()
WHERE id = %(row)s AND token = %(token)s AND state = 'in_flight' AND {condition}

-- name: what_follows
SELECT NOT EXISTS (
           SELECT FROM giftcodes_memberredemption m
           WHERE m.redemption_id = %(redemption)s AND m.state IN ({open})) AS is_over,
       EXISTS (
           SELECT FROM giftcodes_memberredemption other
           WHERE other.gift_code_id = %(code)s AND other.player_id = %(player)s
             AND other.id <> %(row)s) AS has_duplicates,
       -- `LIMIT`: the rows in flight are few, and are read first, in order (see dispatch.sql).
       (SELECT count(*)
        FROM (SELECT gift_code_id FROM giftcodes_memberredemption
              WHERE state = 'in_flight' ORDER BY lease_until LIMIT (SELECT 1000000)) m
        JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.provider = %(provider)s
       ) AS in_flight

-- name: claim_limits
-- For how many players, and how many guilds, the game has answered USED (Outcome.CLAIM_LIMIT) since
-- it last granted the code. The attempt `this` is included.
SELECT count(DISTINCT a.player_id), count(DISTINCT r.guild_id)
FROM giftcodes_attempt a
JOIN giftcodes_memberredemption m ON m.id = a.member_redemption_id
JOIN giftcodes_redemption r ON r.id = m.redemption_id
WHERE a.gift_code_id = %(code)s AND (a.outcome = 'code_used_up' OR a.id = %(this)s)
  AND a.id > coalesce((
      SELECT max(granted.id) FROM giftcodes_attempt granted
      WHERE granted.gift_code_id = %(code)s AND granted.outcome = ANY(%(proving)s)), 0)
