-- shards_advance: the cursors of shards move on, each under its token; a row for each that its worker still has
WITH moves AS MATERIALIZED (
    SELECT
        value ->> 0 AS shard,
        value ->> 1 AS token,
        value ->> 2 AS position,
        value ->> 3 AS last_position,
        value ->> 4 AS last_source,
        value ->> 5 AS last_id,
        unhex(value ->> 6) AS last_digest,
        value ->> 7 AS etag,
        value ->> 8 AS last_modified
    FROM json_each(?3)
)

UPDATE feed_shards AS kept
SET
    position = max(kept.position, moves.position),
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
            THEN CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
        ELSE kept.moved
    END
FROM moves
WHERE
    kept.group_name = ?1
    AND kept.feed = ?2
    AND kept.shard = moves.shard
    AND kept.token = moves.token
RETURNING shard
