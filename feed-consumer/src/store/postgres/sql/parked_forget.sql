-- parked_forget: it is on record that what is parked beyond a position goes
INSERT INTO feed_parked_record (group_name, feed, position, done, who, what, why)
SELECT
    group_name, feed, position,
    CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint),
    'cursor', 'forgotten', ''
FROM feed_parked
WHERE group_name = $1 AND feed = $2 AND position > $3
