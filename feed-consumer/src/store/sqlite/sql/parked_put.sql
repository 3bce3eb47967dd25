-- parked_put: an event is set aside; no row if it is
INSERT INTO feed_parked (
    group_name, feed, position, shard, event_type, subject,
    updated, event, error, attempts, parked, due
)
VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
    CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000,
    CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 + ?11
)
ON CONFLICT (group_name, feed, position) DO NOTHING
