-- beat: a worker lives: it registers or is heard of, its leases last on, and it acquires free shards up to its share; a row for each shard acquired, or one without
--
-- All parts see the database as it was when the statement began, but for rows that they lock: those
-- are looked at again once they are locked. Where a row is looked at again, what other parts have
-- found must be a single value, since the parts themselves are not run again. That is also why $11
-- is an array: the token of each shard that the worker holds, 0 for the others.
WITH present AS MATERIALIZED (
    SELECT CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) AS now
),

me AS (
    INSERT INTO feed_workers (
        worker, group_name, feed, host, process, identity,
        weight, reach, lease, started, heartbeat, report
    )
    SELECT $3, group_name, feed, $4, $5, $6, $7, $8, $9, present.now, present.now, $10
    FROM feed_cursors, present
    WHERE group_name = $1 AND feed = $2
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

-- The slice of all shards, laid out by weight in the order of registering, that is this worker's.
share AS MATERIALIZED (
    SELECT
        workers,
        coalesce(cut.shards * (before + mine) / total - cut.shards * before / total, 0) AS share
    FROM
        weights,
        (
            SELECT max(shards) AS shards FROM feed_cursors
            WHERE group_name = $1 AND feed = $2
        ) AS cut
),

-- The worker's own come first: what it does not list, it has lost sight of. What another worker is
-- acquiring at this moment is left to it.
free AS MATERIALIZED (
    SELECT *
    FROM feed_shards
    WHERE
        $12
        AND group_name = $1
        AND feed = $2
        AND CASE
            WHEN holder = $3 THEN token IS DISTINCT FROM ($11::bigint [])[shard + 1]
            ELSE holder IS NULL OR expires <= (SELECT now FROM present)
        END
    ORDER BY (holder IS NOT DISTINCT FROM $3) DESC, shard
    LIMIT (SELECT greatest(0, share - (SELECT count(*) FROM mine)) FROM share)
    FOR UPDATE SKIP LOCKED
),

acquired AS (
    UPDATE feed_shards
    SET holder = $3, token = token + 1, expires = (SELECT now FROM present) + $9
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
    share.share,
    share.workers,
    (
        SELECT min(position) FROM feed_shards
        WHERE
            group_name = $1 AND feed = $2
            AND shard NOT IN (SELECT shard FROM mine)
            AND shard NOT IN (SELECT shard FROM free)
    ) AS others_lowest,
    (
        SELECT
            CAST(
                coalesce(json_agg(json_build_array(worker, identity, host, process)), '[]')
                AS text
            )
        FROM neighbours
    ) AS neighbours,
    (SELECT CAST(coalesce(json_agg(shard ORDER BY shard), '[]') AS text) FROM mine) AS renewed,
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
