-- shard_held: who has a shard under this token, by machine and process; no row if another worker has it.
--
-- Nobody acquires it until the transaction ends.
SELECT coalesce(workers.host || ':' || workers.process, kept.holder, 'a worker')
FROM feed_shards AS kept LEFT JOIN feed_workers AS workers ON kept.holder = workers.worker
WHERE kept.group_name = $1 AND kept.feed = $2 AND kept.shard = $3 AND kept.token = $4
FOR UPDATE OF kept
