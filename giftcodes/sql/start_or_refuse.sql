-- name: look
-- A look at a redemption. A refusal needs only this one statement, which takes about 1 ms with 32
-- callers at once (decision 8; `make bench` measures it).
--   free: the row, if it is not running (or housekeeping asks) and no one holds it. It is locked
--   from here on.
--   timeout: if the row is not free, lock_timeout is set before the wait for the shared lock. A
--   caller that has locked the row waits for its other locks without a time limit.
--   seen: the row, locked FOR SHARE. This waits until a caller that starts the run has
--   committed. The lock is shared, so that refusals do not wait for each other.
--   journal: if the row is running, the call is refused and journalled.
WITH free AS MATERIALIZED (
    SELECT id FROM giftcodes_redemption
    WHERE id = %(id)s AND (state <> 'running' OR %(is_housekeeping)s)
    FOR NO KEY UPDATE SKIP LOCKED
), timeout AS MATERIALIZED (
    SELECT set_config('lock_timeout', %(lock_timeout)s, true)
), seen AS MATERIALIZED (
    SELECT r.id, r.state, r.run_number, r.gift_code_id, g.name, c.code, c.issue, c.held_until
    FROM timeout
    CROSS JOIN giftcodes_redemption r
    JOIN giftcodes_guild g ON g.id = r.guild_id
    JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
    WHERE r.id = %(id)s AND NOT %(is_housekeeping)s AND NOT EXISTS (SELECT FROM free)
    FOR SHARE OF r
), journal AS (
    INSERT INTO giftcodes_redemptionevent
        (redemption_id, gift_code_id, kind, run_number, trigger, user_id, detail)
    SELECT id, gift_code_id, 'refused', run_number, %(trigger)s, %(user)s, %(by)s
    FROM seen WHERE state = 'running'
)
SELECT true AS is_locked, NULL AS guild, NULL AS code, NULL AS issue, NULL AS held_until FROM free
UNION ALL
SELECT false, name, code, issue, held_until FROM seen WHERE state = 'running'

-- name: refuse_running
-- Refuse those of the requested redemptions that are running, and journal the refusals, under the
-- shared row lock. A row that another transaction holds, and the row of a code that is held back,
-- are left to `look`.
WITH seen AS MATERIALIZED (
    SELECT r.id, r.guild_id, r.gift_code_id, r.run_number, g.name, c.code, c.issue
    FROM giftcodes_redemption r
    JOIN giftcodes_guild g ON g.id = r.guild_id
    JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
    WHERE (r.guild_id, r.gift_code_id) IN (
        SELECT * FROM unnest(%(guilds)s::bigint[], %(codes)s::bigint[])
    ) AND r.state = 'running' AND c.held_until IS NULL
    FOR SHARE OF r SKIP LOCKED
), journal AS (
    INSERT INTO giftcodes_redemptionevent
        (redemption_id, gift_code_id, kind, run_number, trigger, user_id, detail)
    SELECT id, gift_code_id, 'refused', run_number, %(trigger)s, %(user)s, '' FROM seen
)
SELECT guild_id, gift_code_id, name, code, issue FROM seen ORDER BY id

-- name: begin_runs
WITH run AS (
    UPDATE giftcodes_redemption
    SET state = 'running', run_number = run_number + 1,
        trigger = %(trigger)s, triggered_by_id = %(user)s,
        locked_at = clock_timestamp(), unlocked_at = NULL, stop_requested_at = NULL
    WHERE id = ANY(%(ids)s)
    RETURNING id, guild_id, gift_code_id, run_number
), announced AS (
    INSERT INTO giftcodes_announcement (redemption_id, run_number, kind, channel_id)
    SELECT run.id, run.run_number, 'started', ch.id
    FROM run
    JOIN giftcodes_channel ch ON ch.guild_id = run.guild_id
    WHERE ch.is_on AND ch.tells = ANY(%(telling_runs)s) AND CASE WHEN run.run_number = 1 OR %(always_announced)s THEN true ELSE (
        SELECT count(*) FROM (
            SELECT FROM giftcodes_memberredemption m
            WHERE m.redemption_id = run.id AND m.state IN ({open})
            LIMIT %(few)s + 1
        ) AS waiting
    ) > %(few)s END
)
INSERT INTO giftcodes_redemptionevent
    (redemption_id, gift_code_id, kind, run_number, trigger, user_id, detail)
SELECT id, gift_code_id, 'locked', run_number, %(trigger)s, %(user)s, %(by)s FROM run
RETURNING redemption_id, run_number
