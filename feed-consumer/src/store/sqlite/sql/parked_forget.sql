-- parked_forget: it is on record that what is parked beyond a position goes
INSERT INTO feed_parked_record (group_name, feed, position, done, who, what, why)
SELECT
    group_name, feed, position,
    CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000,
    'cursor', 'forgotten', ''
FROM feed_parked
WHERE group_name = ?1 AND feed = ?2 AND position > ?3
