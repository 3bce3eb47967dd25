-- parked_without_subject: the events without a subject that are set aside
SELECT position, event FROM feed_parked
WHERE group_name = $1 AND feed = $2 AND subject IS NULL
