-- subjects_set_aside: the subjects of which something is parked or waits
SELECT subject FROM feed_parked WHERE group_name = $1 AND feed = $2 AND subject IS NOT NULL
UNION
SELECT subject FROM feed_followers WHERE group_name = $1 AND feed = $2
