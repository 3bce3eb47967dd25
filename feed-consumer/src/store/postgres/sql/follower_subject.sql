-- follower_subject: of which subject an event waits, or did before it was resolved
SELECT subject FROM feed_followers WHERE group_name = $1 AND feed = $2 AND position = $3
