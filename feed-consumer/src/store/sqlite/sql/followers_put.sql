-- followers_put: positions wait behind parked events of their subjects, each of a shard that its worker still has
INSERT INTO feed_followers (group_name, feed, position, shard, subject)
SELECT kept.group_name, kept.feed, followers.value ->> 2, kept.shard, followers.value ->> 3
FROM json_each(?3) AS followers
INNER JOIN feed_shards AS kept ON kept.shard = followers.value ->> 0 AND kept.token = followers.value ->> 1
WHERE kept.group_name = ?1 AND kept.feed = ?2
ON CONFLICT (group_name, feed, position) DO NOTHING
