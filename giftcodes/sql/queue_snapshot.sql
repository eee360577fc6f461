-- The queues of all games, the duplicates in them, and the measured speed.

-- name: queue
-- Redemptions that run, wait to be started, or have a request under way, in the order of dispatch.
WITH waiting AS (
    -- There may be a million of these rows, so an index alone must suffice to count them.
    SELECT m.redemption_id, count(*) AS requests,
           array_agg(extract(epoch FROM m.next_attempt_at - %(now)s)::float)
               FILTER (WHERE m.next_attempt_at > %(now)s) AS later
    FROM giftcodes_memberredemption m
    WHERE m.state = 'pending'
    GROUP BY m.redemption_id
), asked AS (
    SELECT m.redemption_id,
           count(*) FILTER (WHERE m.state = 'in_flight') AS in_flight,
           count(*) FILTER (WHERE m.state = 'in_flight' AND m.permit_until IS NULL) AS openers,
           array_agg(extract(epoch FROM m.next_attempt_at - %(now)s)::float)
               FILTER (WHERE m.state = 'unconfirmed') AS confirmations
    FROM (
        -- Each half has its own index.
        SELECT redemption_id, state, permit_until, next_attempt_at
        FROM giftcodes_memberredemption WHERE state = 'in_flight'
        UNION ALL
        SELECT redemption_id, state, permit_until, next_attempt_at
        FROM giftcodes_memberredemption WHERE state = 'unconfirmed'
    ) m
    GROUP BY m.redemption_id
)
SELECT c.provider, r.id AS redemption_id,
       extract(epoch FROM {deadline})::float AS deadline, -g.priority AS priority,
       coalesce(w.requests, 0) AS requests,
       coalesce(a.in_flight, 0) AS in_flight,
       coalesce(a.openers, 0) AS openers,
       coalesce(w.later, ARRAY[]::float[]) AS later,
       coalesce(a.confirmations, ARRAY[]::float[]) AS confirmations,
       r.state = 'running' AND r.stop_requested_at IS NOT NULL AS is_stopping,
       c.proven_at IS NOT NULL AND c.doubted_at IS NULL AND c.state <> 'probing' AS is_proven,
       c.held_until IS NOT NULL AS is_held
FROM giftcodes_redemption r
JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
JOIN giftcodes_guild g ON g.id = r.guild_id
-- If the code is closed or the redemption is over, those who wait are not asked.
LEFT JOIN waiting w ON w.redemption_id = r.id
                   AND r.state IN ('running', 'pending') AND c.state IN ('active', 'probing')
LEFT JOIN asked a ON a.redemption_id = r.id
WHERE r.state = 'running'
   -- A redemption in which nobody waits, such as that of a guild without members, does not start.
   OR (r.state = 'pending' AND c.state = 'active' AND g.active AND w.redemption_id IS NOT NULL)
   OR a.redemption_id IS NOT NULL
ORDER BY c.provider, deadline, -g.priority, r.last_served_at NULLS FIRST, r.id

-- name: duplicates
-- If a player has several member redemptions for a code, a request is sent for only one of them:
-- the one that has the claim or the proof, or else the one whose turn is first. This counts the
-- others.
WITH waiting AS (
    SELECT m.redemption_id, m.gift_code_id, m.player_id, row_number() OVER turns AS nth,
           first_value(m.redemption_id) OVER turns AS first
    FROM giftcodes_memberredemption m
    JOIN giftcodes_redemption r ON r.id = m.redemption_id AND r.state IN ('running', 'pending')
                                AND r.stop_requested_at IS NULL
    JOIN giftcodes_guild g ON g.id = r.guild_id
    WHERE m.state = 'pending'
    WINDOW turns AS (PARTITION BY m.gift_code_id, m.player_id
                     ORDER BY g.priority DESC, r.last_served_at NULLS FIRST, r.id)
)
SELECT w.redemption_id,
       CASE WHEN held.id IS NULL THEN w.first
            WHEN held.settled_at IS NULL THEN held.redemption_id END AS asked_by,
       count(*) AS number
FROM waiting w
LEFT JOIN giftcodes_memberredemption held
       ON held.gift_code_id = w.gift_code_id AND held.player_id = w.player_id
      AND held.covered_by_id IS NULL AND held.state = ANY(%(holding)s)
WHERE w.nth > 1 OR held.id IS NOT NULL
GROUP BY 1, 2

-- name: measured
-- For each game that had requests recently, the latency and the gaps between requests.
SELECT provider, avg(latency_ms)::float / 1000 AS latency,
       count(*) FILTER (WHERE gap < %(idle)s) AS gaps,
       extract(epoch FROM sum(gap) FILTER (WHERE gap < %(idle)s))::float AS seconds
FROM (
    SELECT c.provider, a.latency_ms,
           a.sent_at - lag(a.sent_at) OVER (PARTITION BY c.provider ORDER BY a.sent_at) AS gap
    FROM giftcodes_attempt a
    JOIN giftcodes_giftcode c ON c.id = a.gift_code_id
    WHERE a.sent_at > %(now)s - %(measured)s AND a.outcome <> 'not_sent'
) sent
GROUP BY provider
