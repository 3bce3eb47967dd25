-- record_put: a line of the record
INSERT INTO feed_parked_record (group_name, feed, position, done, who, what, why)
VALUES (
    ?1, ?2, ?3,
    CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000,
    ?4, ?5, ?6
)
RETURNING line
