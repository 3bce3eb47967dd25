-- record_put: a line of the record
INSERT INTO feed_parked_record (group_name, feed, position, done, who, what, why)
VALUES (
    $1, $2, $3,
    CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint),
    $4, $5, $6
)
RETURNING line
