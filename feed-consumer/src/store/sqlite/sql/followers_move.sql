-- followers_move: what waits of subjects goes to the shards that these have now
UPDATE feed_followers AS kept
SET shard = subjects.value ->> 1
FROM json_each(?3) AS subjects
WHERE kept.group_name = ?1 AND kept.feed = ?2 AND kept.subject = subjects.value ->> 0
