-- name: enrol
INSERT INTO giftcodes_directorylookup (provider, player_id)
SELECT DISTINCT g.provider, m.player_id
FROM giftcodes_member m
JOIN giftcodes_guild g ON g.id = m.guild_id AND g.provider = %(provider)s
WHERE {agreed} AND NOT EXISTS (
    SELECT FROM giftcodes_directorylookup l
    WHERE l.provider = g.provider AND l.player_id = m.player_id)
ORDER BY 2
ON CONFLICT (provider, player_id) DO NOTHING

-- name: forget
DELETE FROM giftcodes_directorylookup l
WHERE NOT EXISTS (
    SELECT FROM giftcodes_member m
    JOIN giftcodes_guild g ON g.id = m.guild_id AND g.provider = l.provider
    WHERE m.player_id = l.player_id AND {agreed})

-- name: want
-- Lookups that another transaction holds are left out, so that no start of a run waits for them.
WITH wrong AS MATERIALIZED (
    SELECT DISTINCT g.provider, m.player_id
    FROM giftcodes_memberredemption x
    JOIN giftcodes_member m ON m.id = x.member_id
    JOIN giftcodes_guild g ON g.id = m.guild_id AND g.provider = ANY(%(providers)s)
    WHERE x.state = 'needs_correction' AND x.token > 0 AND x.covered_by_id IS NULL
      AND x.asked_realm = coalesce(m.realm, g.realm) AND {agreed}
      AND (%(guild)s::bigint IS NULL OR g.id = %(guild)s)
), made AS (
    INSERT INTO giftcodes_directorylookup (provider, player_id, urgent)
    SELECT provider, player_id, true FROM wrong
    WHERE NOT EXISTS (
        SELECT FROM giftcodes_directorylookup l
        WHERE l.provider = wrong.provider AND l.player_id = wrong.player_id)
    ORDER BY provider, player_id
    ON CONFLICT (provider, player_id) DO NOTHING
), known AS MATERIALIZED (
    SELECT l.id
    FROM giftcodes_directorylookup l
    JOIN wrong ON wrong.provider = l.provider AND wrong.player_id = l.player_id
    WHERE NOT l.urgent AND (l.asked_at IS NULL OR l.asked_at < clock_timestamp() - %(again)s)
    FOR UPDATE OF l SKIP LOCKED
)
UPDATE giftcodes_directorylookup l SET urgent = true, due_at = clock_timestamp()
FROM known WHERE l.id = known.id

-- name: next
SELECT l.id, l.player_id
FROM giftcodes_directorylookup l
WHERE l.provider = %(provider)s AND l.due_at <= clock_timestamp() AND EXISTS (
    SELECT FROM giftcodes_member m
    JOIN giftcodes_guild g ON g.id = m.guild_id AND g.provider = l.provider
    WHERE m.player_id = l.player_id AND {agreed})
ORDER BY l.urgent DESC, l.due_at
LIMIT 1
FOR UPDATE OF l SKIP LOCKED

-- name: game_answers
-- The game's last answers about a player, by realm. The game checks the player and the realm before
-- the code, so an Attempt that proves a code also proves the realm. Such Attempts are never pruned.
-- Old refusals are pruned, and then only the mark on the member is left.
WITH rows AS MATERIALIZED (
    SELECT m.id FROM giftcodes_member m
    JOIN giftcodes_guild g ON g.id = m.guild_id AND g.provider = %(provider)s
    WHERE m.player_id = %(player)s
)
SELECT realm, max(proven), max(refused)
FROM (
    SELECT a.realm,
           CASE WHEN a.outcome = ANY(%(proving)s) THEN a.answered_at END AS proven,
           CASE WHEN a.outcome = ANY(%(refusing)s) THEN a.answered_at END AS refused
    FROM giftcodes_attempt a
    JOIN giftcodes_memberredemption x ON x.id = a.member_redemption_id
    WHERE x.member_id IN (SELECT id FROM rows)
    UNION ALL
    SELECT m.refused_realm, NULL, m.refused_at
    FROM giftcodes_member m
    WHERE m.id IN (SELECT id FROM rows) AND m.refused_at IS NOT NULL
) AS answer
GROUP BY realm
