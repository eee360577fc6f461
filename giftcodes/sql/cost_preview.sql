-- What redeeming codes for guilds would cost.

-- name: cost
-- One row for each pair of a guild and a code of its game. The request for a player who is in two
-- of the guilds counts in the first guild only that would send it.
WITH wanted AS (
    SELECT guild_id, code_id
    FROM unnest(%(guilds)s::bigint[], %(codes)s::bigint[]) AS pair (guild_id, code_id)
), held AS MATERIALIZED (
    -- An officer does not learn what waits or is under way in guilds that are not in `seen`.
    SELECT row.gift_code_id, row.player_id, bool_or(row.state = ANY(%(having)s)) AS has_it
    FROM giftcodes_memberredemption row
    JOIN giftcodes_redemption r ON r.id = row.redemption_id
    WHERE row.gift_code_id = ANY(%(codes)s) AND row.state = ANY(%(held)s)
      AND (row.state = ANY(%(settled)s) OR %(seen)s::bigint[] IS NULL
           OR r.guild_id = ANY(%(seen)s))
    GROUP BY row.gift_code_id, row.player_id
), known AS (
    SELECT w.guild_id, w.code_id, m.player_id, g.priority,
           coalesce(held.has_it, false) AS has_it,
           held.player_id IS NOT NULL OR (
               -- A new row would wait for correction (models.participants.admit_members).
               {is_refused}
               AND NOT EXISTS (
                   SELECT FROM giftcodes_memberredemption own
                   WHERE own.member_id = m.id AND own.gift_code_id = w.code_id))
           OR EXISTS (
               SELECT FROM giftcodes_memberredemption own
               WHERE own.id = ANY(%(kept)s) AND own.member_id = m.id
                 AND own.gift_code_id = w.code_id) AS is_held
    FROM wanted w
    JOIN giftcodes_guild g ON g.id = w.guild_id
    JOIN giftcodes_member m ON m.guild_id = g.id AND m.active AND NOT m.opted_out
    LEFT JOIN held ON held.gift_code_id = w.code_id AND held.player_id = m.player_id
), counted AS (
    SELECT guild_id, code_id, has_it, is_held,
           row_number() OVER (PARTITION BY code_id, player_id, is_held IS TRUE
                              ORDER BY priority DESC, guild_id) AS nth
    FROM known
), cost AS (
    SELECT guild_id, code_id, count(*) AS members,
           count(*) FILTER (WHERE nth = 1 AND is_held IS NOT TRUE) AS requests,
           count(*) FILTER (WHERE has_it) AS having,
           count(*) FILTER (WHERE nth > 1 AND is_held IS NOT TRUE) AS elsewhere
    FROM counted GROUP BY guild_id, code_id
)
SELECT g.id AS guild_id, c.id AS code_id, c.provider,
       extract(epoch FROM {deadline})::float AS deadline,
       -g.priority AS priority, coalesce(cost.members, 0) AS members,
       coalesce(cost.requests, 0) AS requests, coalesce(cost.having, 0) AS having,
       coalesce(cost.elsewhere, 0) AS elsewhere, r.id AS redemption_id,
       coalesce(r.state = 'running', false) AS is_running,
       c.proven_at IS NOT NULL AND c.doubted_at IS NULL AND c.state <> 'probing' AS is_proven
FROM wanted w
JOIN giftcodes_guild g ON g.id = w.guild_id
JOIN giftcodes_giftcode c ON c.id = w.code_id AND c.provider = g.provider
LEFT JOIN cost ON cost.guild_id = g.id AND cost.code_id = c.id
LEFT JOIN giftcodes_redemption r ON r.guild_id = g.id AND r.gift_code_id = c.id
ORDER BY g.priority DESC, g.id, c.id
