-- What /metrics counts at each request. Each statement reads an index, or few rows.

-- name: queue
-- Of rows that wait there may be a million, so only the first `most` of the index are counted.
WITH waiting AS MATERIALIZED (
    SELECT redemption_id FROM giftcodes_memberredemption
    WHERE state = 'pending' ORDER BY redemption_id LIMIT %(most)s
)
SELECT c.provider, m.state, sum(m.number)::bigint
FROM (
    SELECT redemption_id, 'pending' AS state, count(*) AS number FROM waiting GROUP BY 1
    UNION ALL
    SELECT redemption_id, 'in_flight', count(*)
    FROM giftcodes_memberredemption WHERE state = 'in_flight' GROUP BY 1
    UNION ALL
    SELECT redemption_id, 'unconfirmed', count(*)
    FROM giftcodes_memberredemption WHERE state = 'unconfirmed' GROUP BY 1
) m
JOIN giftcodes_redemption r ON r.id = m.redemption_id
JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
GROUP BY 1, 2

-- name: attempts
-- The figures, and the attempts that they do not have yet. `after` is the cursor as it was read
-- before, which tells the planner that there are few such attempts. The cursor is read again here,
-- because it and the figures may have moved on since then.
SELECT provider, what, sum(number)::bigint
FROM (
    SELECT provider, what, number FROM giftcodes_keptfigure WHERE of = 'attempts'
    UNION ALL
    SELECT c.provider, a.outcome, count(*)
    FROM giftcodes_attempt a
    JOIN giftcodes_giftcode c ON c.id = a.gift_code_id
    WHERE a.answered_at > %(after)s
      AND a.answered_at > (SELECT at FROM giftcodes_cursor WHERE name = %(cursor)s)
    GROUP BY 1, 2
) counted
GROUP BY 1, 2

-- name: runs
SELECT c.provider, r.state, sum(r.number)::bigint
FROM (
    SELECT gift_code_id, 'running' AS state, count(*) AS number
    FROM giftcodes_redemption WHERE state = 'running' GROUP BY 1
    UNION ALL
    SELECT gift_code_id, 'pending', count(*)
    FROM giftcodes_redemption WHERE state = 'pending' GROUP BY 1
) r
JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
GROUP BY 1, 2

-- name: outbox
SELECT 'announcements', state, count(*)
FROM giftcodes_announcement WHERE state IN ({unfinished}) GROUP BY 2
UNION ALL
SELECT 'notices', 'waiting', count(*)
FROM giftcodes_alarmnotice WHERE state = 'waiting'

-- name: alarms
SELECT kind, count(*)
FROM giftcodes_alarm WHERE cleared_at IS NULL AND raised_at IS NOT NULL GROUP BY 1
