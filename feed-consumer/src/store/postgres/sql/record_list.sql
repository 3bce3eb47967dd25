-- record_list: what was done with one parked event, or with all, later than a line
SELECT line, position, done, who, what, why
FROM feed_parked_record
WHERE
    group_name = $1
    AND feed = $2
    AND ($3::bigint IS NULL OR position = $3)
    AND line > $4
ORDER BY line
LIMIT $5
