-- Compare the simulator's ledger with our attempts.

-- name: compare
-- NOT_SENT and UNREACHABLE attempts are left out, because no part of their requests arrived. Only
-- an attempt that was answered before the ledger was read (`asked_at`) must have a request with the
-- same status. A request without a status is under way, or its end was lost, so it may belong to
-- any attempt.
WITH requests AS MATERIALIZED (
    SELECT player_id, folded, realm, nullif(status, 0) AS status, number
    FROM unnest(%(players)s::text[], %(codes)s::text[], %(realms)s::text[], %(statuses)s::int[],
                %(numbers)s::int[]) AS request (player_id, folded, realm, status, number)
), attempts AS MATERIALIZED (
    SELECT a.player_id, c.folded, a.realm::text AS realm, a.http_status AS status,
           count(*) AS number, count(*) FILTER (WHERE a.answered_at < %(asked_at)s) AS answered
    FROM giftcodes_attempt a
    JOIN giftcodes_giftcode c ON c.id = a.gift_code_id
    WHERE c.provider = ANY(%(providers)s) AND a.outcome NOT IN ('not_sent', 'unreachable')
      AND NOT starts_with(a.player_id, %(erased)s)
    GROUP BY 1, 2, 3, 4
), sides AS (
    SELECT player_id, folded, realm, status, number AS requests, 0 AS attempts, 0 AS answered
    FROM requests
    UNION ALL
    SELECT player_id, folded, realm, status, 0, number,
           CASE WHEN status IS NULL THEN 0 ELSE answered END
    FROM attempts
), by_status AS (
    SELECT player_id, folded, realm, status, sum(requests) AS requests,
           sum(attempts) AS attempts, sum(answered) AS answered
    FROM sides
    GROUP BY 1, 2, 3, 4
), compared AS (
    SELECT player_id AS player, folded AS code, realm, sum(requests) AS requests,
           sum(attempts) AS attempts,
           coalesce(sum(requests) FILTER (WHERE status IS NULL), 0) AS open_requests,
           coalesce(sum(greatest(0, answered - requests)) FILTER (WHERE status IS NOT NULL), 0)
               AS unmatched
    FROM by_status
    GROUP BY 1, 2, 3
)
SELECT player, code, realm, requests::int, attempts::int, unmatched::int,
       requests > attempts AS too_many_requests
FROM compared
WHERE requests > attempts OR unmatched > open_requests
ORDER BY player, code, realm
