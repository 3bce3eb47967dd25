-- shards_advance: the cursors of shards move on, each under its token; a row for each that its worker still has
WITH moves AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $3::bigint [],
        $4::bigint [],
        $5::bigint [],
        $6::bigint [],
        $7::text [],
        $8::text [],
        $9::bytea [],
        $10::text [],
        $11::text []
    ) AS moves (
        shard,
        token,
        position,
        last_position,
        last_source,
        last_id,
        last_digest,
        etag,
        last_modified
    )
),

-- In the order in which everybody locks them.
mine AS MATERIALIZED (
    SELECT kept.shard
    FROM feed_shards AS kept
    INNER JOIN moves ON kept.shard = moves.shard AND kept.token = moves.token
    WHERE kept.group_name = $1 AND kept.feed = $2
    ORDER BY kept.shard
    FOR UPDATE OF kept
)

UPDATE feed_shards AS kept
SET
    position = greatest(kept.position, moves.position),
    last_position = CASE
        WHEN moves.position >= kept.position THEN moves.last_position
        ELSE kept.last_position
    END,
    last_source = CASE
        WHEN moves.position >= kept.position THEN moves.last_source
        ELSE kept.last_source
    END,
    last_id = CASE WHEN moves.position >= kept.position THEN moves.last_id ELSE kept.last_id END,
    last_digest = CASE
        WHEN moves.position >= kept.position THEN moves.last_digest
        ELSE kept.last_digest
    END,
    etag = CASE WHEN moves.position >= kept.position THEN moves.etag ELSE kept.etag END,
    last_modified = CASE
        WHEN moves.position >= kept.position THEN moves.last_modified
        ELSE kept.last_modified
    END,
    moved = CASE
        WHEN moves.position >= kept.position
            THEN CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
        ELSE kept.moved
    END
FROM mine INNER JOIN moves ON mine.shard = moves.shard
WHERE kept.group_name = $1 AND kept.feed = $2 AND kept.shard = mine.shard
RETURNING kept.shard
