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

orders AS MATERIALIZED (
    SELECT max(shards) AS shards, max(reshard_to) AS reshard_to, max(barrier) AS barrier
    FROM feed_cursors
    WHERE group_name = ?1 AND feed = ?2
),

-- The slice of all shards, laid out by weight in the order of registering, that is this worker's. The
-- older take what cannot be divided, so that nothing moves for it when another joins.
share AS MATERIALIZED (
    SELECT
        workers,
        coalesce(
            (orders.shards * (before + mine) + total - 1) / total
            - (orders.shards * before + total - 1) / total,
            0
        ) AS share
    FROM weights, orders
),

-- The worker's own come first: what it does not list, it has lost sight of. While another number of
-- shards is asked for there are none, or those before the barrier.
free AS MATERIALIZED (
    SELECT known.*
    FROM known, present, orders
    WHERE
        ?5
        AND NOT is_renewed
        AND (holder IS NULL OR holder = ?3 OR expires <= present.now)
        AND (orders.reshard_to IS NULL OR position < orders.barrier)
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
    json_object(
        'share', share.share,
        'workers', share.workers,
        'others_lowest', (
            SELECT min(position) FROM known
            WHERE NOT is_renewed AND shard NOT IN (SELECT shard FROM free)
        ),
        'neighbours', json((
            SELECT json_group_array(json_array(worker, identity, host, process)) FROM neighbours
        )),
        'renewed', json((
            SELECT json_group_array(shard ORDER BY shard) FROM known WHERE is_renewed
        )),
        'shards', orders.shards,
        'paused', json((
            SELECT json_group_array(shard ORDER BY shard) FROM known WHERE paused IS NOT NULL
        )),
        'reshard_to', orders.reshard_to,
        'barrier', orders.barrier
    ) AS answer,
    free.shard,
    free.token + 1 AS token,
    free.holder,
    json_array(
        CASE
            WHEN free.holder <> ?3 THEN max(free.suspects, free.reach)
            ELSE free.suspects
        END,
        free.tried,
        free.alone
    ) AS suspects,
    free.position,
    free.last_position,
    free.last_source,
    free.last_id,
    free.last_digest,
    free.etag,
    free.last_modified
FROM share INNER JOIN orders ON true LEFT JOIN free ON true
ORDER BY free.shard
