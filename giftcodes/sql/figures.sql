-- name: add_attempts
-- Add to the figures the attempts that were answered after the moment `after`, up to `until`. The
-- first time there is no `after`, and all attempts count, also those that were pruned.
INSERT INTO giftcodes_keptfigure AS f (of, provider, what, number)
SELECT 'attempts', provider, what, sum(number)
FROM (
    SELECT c.provider, a.outcome AS what, count(*) AS number
    FROM giftcodes_attempt a
    JOIN giftcodes_giftcode c ON c.id = a.gift_code_id
    WHERE a.answered_at > coalesce(%(after)s::timestamptz, '-infinity')
      AND a.answered_at <= %(until)s
    GROUP BY 1, 2
    UNION ALL
    SELECT provider, what, sum(number)
    FROM giftcodes_prunedfigure
    WHERE of = 'attempt' AND %(after)s::timestamptz IS NULL
    GROUP BY 1, 2
) counted
GROUP BY provider, what
ON CONFLICT (of, provider, what) DO UPDATE SET number = f.number + excluded.number

-- name: waiting
-- The member redemptions that wait. An index alone suffices to count them.
SELECT c.provider, sum(m.number)::bigint
FROM (
    SELECT redemption_id, count(*) AS number
    FROM giftcodes_memberredemption WHERE state = 'pending' GROUP BY 1
) m
JOIN giftcodes_redemption r ON r.id = m.redemption_id
JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
GROUP BY 1
