-- worker_beat: a worker lives; it registers, if it has not
INSERT INTO feed_workers (
    worker, group_name, feed, host, process, identity,
    weight, reach, lease, started, heartbeat, report
)
SELECT ?3, group_name, feed, ?4, ?5, ?6, ?7, ?8, ?9, present.now, present.now, ?10
FROM
    feed_cursors,
    (SELECT CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 AS now) AS present
WHERE group_name = ?1 AND feed = ?2
ON CONFLICT (worker) DO UPDATE SET
    weight = excluded.weight,
    reach = excluded.reach,
    lease = excluded.lease,
    heartbeat = excluded.heartbeat,
    report = excluded.report
