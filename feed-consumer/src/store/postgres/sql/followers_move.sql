-- followers_move: what waits of subjects goes to the shards that these have now
UPDATE feed_followers AS kept
SET shard = subjects.shard
FROM unnest($3::text [], $4::bigint []) AS subjects (subject, shard)
WHERE kept.group_name = $1 AND kept.feed = $2 AND kept.subject = subjects.subject
