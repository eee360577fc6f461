-- name: admit
-- Insert a row for every eligible member of these redemptions' guilds. Members whom the game does
-- not know in their realm wait for correction.
WITH added AS (
    INSERT INTO giftcodes_memberredemption
        (redemption_id, member_id, gift_code_id, player_id,
         state, reason, asked_realm, next_attempt_at)
    SELECT r.id, m.id, r.gift_code_id, m.player_id,
           CASE WHEN is_refused THEN 'needs_correction' ELSE 'pending' END,
           CASE WHEN is_refused THEN %(waits)s ELSE '' END,
           CASE WHEN is_refused THEN m.refused_realm END,
           CASE WHEN NOT is_refused THEN clock_timestamp() END
    FROM giftcodes_redemption r
    JOIN giftcodes_guild g ON g.id = r.guild_id
    JOIN giftcodes_member m ON m.guild_id = r.guild_id AND m.active AND NOT m.opted_out
    CROSS JOIN LATERAL (SELECT {is_refused} AS is_refused) known
    WHERE r.id = ANY(%(ids)s)
    ORDER BY r.id, m.id
    ON CONFLICT (redemption_id, member_id) DO NOTHING
    RETURNING state
)
SELECT count(*) FILTER (WHERE state = 'pending') FROM added

-- name: has_other_rows
-- Whether these redemptions have rows in any state except `pending`. Each redemption is looked up by
-- itself: without LIMIT, PostgreSQL may expect to find such a row soon, and then reads the table
-- from its beginning to its end if all rows are pending.
SELECT EXISTS (
    SELECT FROM unnest(%(ids)s::bigint[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT FROM giftcodes_memberredemption
        WHERE redemption_id = wanted.id AND state <> 'pending'
        LIMIT (SELECT 1)
    ) other
)

-- name: settle_duplicates
UPDATE giftcodes_memberredemption duplicate
SET state = CASE proof.state WHEN 'same_type' THEN 'same_type' ELSE 'already_received' END,
    covered_by_id = proof.id, reason = %(reason)s,
    settled_at = clock_timestamp(), updated_at = clock_timestamp(), next_attempt_at = NULL
FROM giftcodes_memberredemption proof
WHERE proof.gift_code_id = duplicate.gift_code_id AND proof.player_id = duplicate.player_id
  AND proof.id <> duplicate.id AND proof.covered_by_id IS NULL AND proof.state IN ({settled})
  AND duplicate.state = ANY(%(waiting)s)
  AND (%(redemption_ids)s::bigint[] IS NULL OR duplicate.redemption_id = ANY(%(redemption_ids)s))
  AND (%(proof_id)s::bigint IS NULL OR proof.id = %(proof_id)s)
  AND (%(settled_after)s::timestamptz IS NULL OR proof.settled_at > %(settled_after)s)
RETURNING duplicate.redemption_id

-- name: lock_players
-- Lock every row that has the player and the code of one of these rows, in the order of the ids.
SELECT other.id
FROM giftcodes_memberredemption m
JOIN giftcodes_memberredemption other
  ON other.gift_code_id = m.gift_code_id AND other.player_id = m.player_id
WHERE m.id = ANY(%(ids)s)
ORDER BY other.id
FOR NO KEY UPDATE OF other

-- name: cover_unconfirmed
-- Cover the unconfirmed duplicates of the rows that `settle_by_evidence` settles next. While such a
-- duplicate is unconfirmed, the unique index (one_request_for_a_player_and_a_code) lets no other
-- row of the player be settled. The duplicate needs no request any more: the code is granted.
UPDATE giftcodes_memberredemption duplicate
SET state = 'already_received', covered_by_id = proof.id, reason = %(reason)s,
    settled_at = clock_timestamp(), updated_at = clock_timestamp(), next_attempt_at = NULL
FROM giftcodes_memberredemption proof
WHERE proof.id = ANY(%(ids)s) AND proof.covered_by_id IS NULL AND proof.state = ANY(%(unsettled)s)
  AND EXISTS (
      SELECT FROM giftcodes_attempt a
      WHERE a.member_redemption_id = proof.id AND a.outcome = 'success')
  AND duplicate.gift_code_id = proof.gift_code_id AND duplicate.player_id = proof.player_id
  AND duplicate.id <> proof.id AND duplicate.state = 'unconfirmed'

-- name: settle_by_evidence
-- A row in flight is left alone, because its own answer is still to come.
UPDATE giftcodes_memberredemption m
SET state = 'redeemed', outcome = 'success', reason = %(reason)s, cancel_kind = '',
    next_attempt_at = NULL, settled_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE m.id = ANY(%(ids)s) AND m.covered_by_id IS NULL AND m.state = ANY(%(unsettled)s)
  AND EXISTS (
      SELECT FROM giftcodes_attempt a WHERE a.member_redemption_id = m.id AND a.outcome = 'success')
RETURNING m.id

-- name: park
-- The game does not know the player in this realm: park the member's pending rows whose requests
-- would name that realm. A row in flight is not changed, because its answer is still to come.
WITH waiting AS (
    SELECT m.id
    FROM giftcodes_memberredemption m
    JOIN giftcodes_member person ON person.id = m.member_id
    JOIN giftcodes_guild g ON g.id = person.guild_id
    WHERE m.member_id = %(member)s AND m.id <> %(row)s AND m.state = 'pending'
      AND coalesce(person.realm, g.realm) = %(realm)s
    ORDER BY m.id
    FOR NO KEY UPDATE OF m SKIP LOCKED
)
UPDATE giftcodes_memberredemption m
SET state = 'needs_correction', reason = %(waits)s, asked_realm = %(realm)s,
    next_attempt_at = NULL, updated_at = clock_timestamp()
FROM waiting WHERE m.id = waiting.id
RETURNING m.redemption_id
