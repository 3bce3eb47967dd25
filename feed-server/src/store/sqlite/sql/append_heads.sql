-- append_heads: how far the feeds of an append have come, and what time it is; ?1 is a JSON array of keys
SELECT
    key,
    head_position,
    head_updated,
    CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
FROM feed_feeds
WHERE key IN (SELECT value FROM json_each(?1))
