-- requests_list: what people ask for in some shards, the oldest first
SELECT
    requests.line,
    requests.position,
    requests.action,
    requests.who,
    requests.reason,
    requests.edited
FROM feed_park_requests AS requests
INNER JOIN feed_parked AS parked
    ON
        requests.group_name = parked.group_name
        AND requests.feed = parked.feed
        AND requests.position = parked.position
WHERE requests.group_name = $1 AND requests.feed = $2 AND parked.shard = any($3)
ORDER BY requests.line
