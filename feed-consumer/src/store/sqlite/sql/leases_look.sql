-- leases_look: what a sign of life brings: the worker's share, and a row for each shard to be acquired, or one without
WITH present AS MATERIALIZED (
    SELECT CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 AS now
),

-- With those that have just been renewed marked.
known AS MATERIALIZED (
    SELECT
        *,
        holder IS ?3
        AND (shard, token) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?4)) AS is_renewed
    FROM feed_shards
    WHERE group_name = ?1 AND feed = ?2
),

alive AS MATERIALIZED (
    SELECT worker, started, weight
    FROM feed_workers, present
    WHERE group_name = ?1 AND feed = ?2 AND (heartbeat + lease > present.now OR worker = ?3)
),

weights AS (
    SELECT
        count(*) AS workers,
        sum(alive.weight) AS total,
        coalesce(
            sum(alive.weight)
            FILTER (WHERE (alive.started, alive.worker) < (me.started, me.worker)),
            0
        ) AS before,
        max(me.weight) AS mine
    FROM alive, (SELECT * FROM alive WHERE worker = ?3) AS me
),

-- The slice of all shards, laid out by weight in the order of registering, that is this worker's.
share AS MATERIALIZED (
    SELECT
        workers,
        coalesce(cut.shards * (before + mine) / total - cut.shards * before / total, 0) AS share
    FROM
        weights,
        (
            SELECT max(shards) AS shards FROM feed_cursors
            WHERE group_name = ?1 AND feed = ?2
        ) AS cut
),

-- The worker's own come first: what it does not list, it has lost sight of.
free AS MATERIALIZED (
    SELECT known.*
    FROM known, present
    WHERE
        ?5
        AND NOT is_renewed
        AND (holder IS NULL OR holder = ?3 OR expires <= present.now)
    ORDER BY holder IS ?3 DESC, shard
    LIMIT (
        SELECT max(0, share - (SELECT count(*) FROM known WHERE is_renewed)) FROM share
    )
),

neighbours AS (
    SELECT worker, identity, host, process
    FROM feed_workers
    WHERE group_name = ?1 AND feed = ?2 AND worker <> ?3
    UNION
    SELECT holder, NULL, NULL, NULL FROM known
    WHERE holder <> ?3 AND holder NOT IN (SELECT worker FROM feed_workers)
)

SELECT
    share.share,
    share.workers,
    (
        SELECT min(position) FROM known
        WHERE NOT is_renewed AND shard NOT IN (SELECT shard FROM free)
    ) AS others_lowest,
    (
        SELECT json_group_array(json_array(worker, identity, host, process)) FROM neighbours
    ) AS neighbours,
    (SELECT json_group_array(shard ORDER BY shard) FROM known WHERE is_renewed) AS renewed,
    free.shard,
    free.token + 1 AS token,
    free.holder,
    free.position,
    free.last_position,
    free.last_source,
    free.last_id,
    free.last_digest,
    free.etag,
    free.last_modified
FROM share LEFT JOIN free ON true
ORDER BY free.shard
