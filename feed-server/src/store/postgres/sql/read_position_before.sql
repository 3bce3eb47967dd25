-- read_position_before: the last position of feed $1 with updated < $2, found by halving, since updated never falls; low is known to be before, and what follows high not to be
WITH RECURSIVE search (low, high) AS (
    SELECT CAST(0 AS bigint), position FROM feed_heads WHERE feed = $1
    UNION ALL
    SELECT
        CASE WHEN event.updated < $2 THEN event.position ELSE search.low END,
        CASE WHEN event.updated < $2 THEN search.high ELSE event.position - 1 END
    FROM search
    INNER JOIN feed_events AS event
        ON event.feed = $1 AND event.position = (search.low + search.high + 1) / 2
    WHERE search.low < search.high
)

SELECT low FROM search WHERE low >= high
