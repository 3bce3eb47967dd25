-- cursor_forget: a cursor goes, with what has been seen, its shards and its workers; no row if it does not stand there
--
-- Workers, shards and the cursor are locked in the order in which everybody locks them.
WITH known AS MATERIALIZED (
    SELECT worker FROM feed_workers
    WHERE group_name = $1 AND feed = $2
    ORDER BY worker
    FOR UPDATE
),

cut AS MATERIALIZED (
    SELECT shard FROM feed_shards
    WHERE group_name = $1 AND feed = $2 AND (SELECT count(*) FROM known) >= 0
    ORDER BY shard
    FOR UPDATE
),

gone AS (
    DELETE FROM feed_cursors
    WHERE
        group_name = $1
        AND feed = $2
        AND incarnation IS NOT DISTINCT FROM $3
        AND position = $4
        AND (SELECT count(*) FROM cut) >= 0
    RETURNING feed
),

forgotten AS (
    DELETE FROM feed_workers
    WHERE worker = any(ARRAY(SELECT worker FROM known)) AND (SELECT count(*) FROM gone) = 1
)

SELECT 1 FROM gone
