-- followers_put: positions wait behind parked events of their subjects, each of a shard that its worker still has
INSERT INTO feed_followers (group_name, feed, position, shard, subject)
SELECT kept.group_name, kept.feed, followers.position, kept.shard, followers.subject
FROM unnest($3::bigint [], $4::bigint [], $5::bigint [], $6::text [])
    AS followers (shard, token, position, subject)
INNER JOIN feed_shards AS kept ON kept.shard = followers.shard AND kept.token = followers.token
WHERE kept.group_name = $1 AND kept.feed = $2
ON CONFLICT (group_name, feed, position) DO NOTHING
