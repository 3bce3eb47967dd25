-- beat: a worker lives: it registers or is heard of, its leases last on, and it acquires free shards up to its share; a row for each shard acquired, or one without
--
-- All parts see the database as it was when the statement began, but for rows that they lock: those
-- are looked at again once they are locked. Where a row is looked at again, what other parts have
-- found must be a single value, since the parts themselves are not run again. That is also why $11
-- is an array: the token of each shard that the worker holds, 0 for the others.
--
-- It is a transaction of its own, and makes its settings itself, which end with it: what begin.sql
-- does before others. Rows are looked at again only where transactions are READ COMMITTED, and that
-- alone cannot be set here: where they are not, nothing is done, and the answer says so.
WITH settings AS MATERIALIZED (
    SELECT
        current_setting('transaction_isolation') = 'read committed'
        AND set_config('lock_timeout', '5s', true) IS NOT NULL
        AND (
            current_setting('synchronous_commit') <> 'off'
            OR set_config('synchronous_commit', 'on', true) IS NOT NULL
        ) AS are_made
),

present AS MATERIALIZED (
    SELECT CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) AS now
),

me AS (
    INSERT INTO feed_workers (
        worker, group_name, feed, host, process, identity,
        weight, reach, lease, started, heartbeat, report
    )
    SELECT $3, group_name, feed, $4, $5, $6, $7, $8, $9, present.now, present.now, $10
    FROM feed_cursors, present, settings
    WHERE group_name = $1 AND feed = $2 AND settings.are_made
    ON CONFLICT (worker) DO UPDATE SET
        weight = excluded.weight,
        reach = excluded.reach,
        lease = excluded.lease,
        heartbeat = excluded.heartbeat,
        report = excluded.report
    RETURNING worker, started, weight
),

-- The leases that are still this worker's, in the order in which everybody locks them; after the
-- worker's own row.
mine AS MATERIALIZED (
    SELECT shard
    FROM feed_shards
    WHERE
        group_name = $1
        AND feed = $2
        AND holder = $3
        AND token = ($11::bigint [])[shard + 1]
        AND (SELECT count(*) FROM me) = 1
    ORDER BY shard
    FOR UPDATE
),

renewed AS (
    UPDATE feed_shards
    SET expires = (SELECT now FROM present) + $9
    WHERE group_name = $1 AND feed = $2 AND shard = any(ARRAY(SELECT shard FROM mine))
),

alive AS MATERIALIZED (
    SELECT worker, started, weight
    FROM feed_workers, present
    WHERE group_name = $1 AND feed = $2 AND worker <> $3 AND heartbeat + lease > present.now
    UNION ALL
    SELECT worker, started, weight FROM me
),

weights AS (
    SELECT
        count(*) AS workers,
        CAST(sum(alive.weight) AS bigint) AS total,
        CAST(
            coalesce(
                sum(alive.weight)
                    FILTER (WHERE (alive.started, alive.worker) < (me.started, me.worker)),
                0
            ) AS bigint
        ) AS before,
        max(me.weight) AS mine
    FROM alive, me
),

orders AS MATERIALIZED (
    SELECT max(shards) AS shards, max(reshard_to) AS reshard_to, max(barrier) AS barrier
    FROM feed_cursors
    WHERE group_name = $1 AND feed = $2
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

-- The token of each shard when the statement began.
looked AS MATERIALIZED (
    SELECT
        ARRAY(
            SELECT token FROM feed_shards WHERE group_name = $1 AND feed = $2 ORDER BY shard
        ) AS tokens
),

-- The worker's own come first: what it does not list, it has lost sight of. What another worker is
-- acquiring at this moment is left to it. While another number of shards is asked for there are
-- none, or those before the barrier; and since orders are not looked at again, a shard whose token
-- was raised meanwhile, as it is when the barrier is set, is none of them.
free AS MATERIALIZED (
    SELECT *
    FROM feed_shards
    WHERE
        $12
        AND (SELECT are_made FROM settings)
        AND group_name = $1
        AND feed = $2
        AND CASE
            WHEN holder = $3 THEN token IS DISTINCT FROM ($11::bigint [])[shard + 1]
            ELSE holder IS NULL OR expires <= (SELECT now FROM present)
        END
        AND CASE
            WHEN (SELECT reshard_to FROM orders) IS NOT NULL
                THEN position < (SELECT barrier FROM orders)
            ELSE true
        END
        AND token = ((SELECT tokens FROM looked))[shard + 1]
    ORDER BY (holder IS NOT DISTINCT FROM $3) DESC, shard
    LIMIT (SELECT greatest(0, share - (SELECT count(*) FROM mine)) FROM share)
    FOR UPDATE SKIP LOCKED
),

acquired AS (
    UPDATE feed_shards
    SET
        holder = $3,
        token = token + 1,
        expires = (SELECT now FROM present) + $9,
        suspects = CASE WHEN holder <> $3 THEN greatest(suspects, reach) ELSE suspects END,
        reach = $8
    WHERE group_name = $1 AND feed = $2 AND shard = any(ARRAY(SELECT shard FROM free))
),

neighbours AS (
    SELECT worker, identity, host, process
    FROM feed_workers
    WHERE group_name = $1 AND feed = $2 AND worker <> $3
    UNION
    SELECT holder, NULL, NULL, NULL FROM feed_shards
    WHERE
        group_name = $1
        AND feed = $2
        AND holder <> $3
        AND holder NOT IN (SELECT worker FROM feed_workers)
)

SELECT
    CAST(
        json_build_object(
            'share', share.share,
            'workers', share.workers,
            'others_lowest', (
                SELECT min(position) FROM feed_shards
                WHERE
                    group_name = $1 AND feed = $2
                    AND shard NOT IN (SELECT shard FROM mine)
                    AND shard NOT IN (SELECT shard FROM free)
            ),
            'neighbours', (
                SELECT
                    coalesce(json_agg(json_build_array(worker, identity, host, process)), '[]')
                FROM neighbours
            ),
            'renewed', (SELECT coalesce(json_agg(shard ORDER BY shard), '[]') FROM mine),
            'shards', orders.shards,
            'paused', (
                SELECT coalesce(json_agg(shard ORDER BY shard), '[]') FROM feed_shards
                WHERE group_name = $1 AND feed = $2 AND paused IS NOT NULL
            ),
            'reshard_to', orders.reshard_to,
            'barrier', orders.barrier,
            'is_done', settings.are_made
        ) AS text
    ) AS answer,
    free.shard,
    free.token + 1 AS token,
    free.holder,
    CAST(
        json_build_array(
            CASE
                WHEN free.holder <> $3 THEN greatest(free.suspects, free.reach)
                ELSE free.suspects
            END,
            free.tried,
            free.alone
        ) AS text
    ) AS suspects,
    free.position,
    free.last_position,
    free.last_source,
    free.last_id,
    free.last_digest,
    free.etag,
    free.last_modified
FROM share INNER JOIN orders ON true INNER JOIN settings ON true LEFT JOIN free ON true
ORDER BY free.shard
