-- name: figures
-- For each feed, of the codes that it first listed after `judged_from`: how many there are, how
-- many this feed had first and the game accepted, how many the game does not know, and the median
-- time in seconds by which this feed was later, if another feed or a person was first.
SELECT s.feed_id,
       count(*),
       count(*) FILTER (WHERE s.is_first AND c.proven_at IS NOT NULL),
       count(*) FILTER (WHERE c.proven_at IS NULL AND c.closed_outcome = %(unknown)s),
       percentile_cont(0.5) WITHIN GROUP (
           ORDER BY extract(epoch FROM s.first_seen_at - c.first_seen_at)
       ) FILTER (WHERE NOT s.is_first AND s.first_seen_at > c.first_seen_at)
FROM giftcodes_codesighting s
JOIN giftcodes_feed f ON f.id = s.feed_id
JOIN giftcodes_giftcode c ON c.id = s.gift_code_id
WHERE s.first_seen_at > f.judged_from
GROUP BY s.feed_id
