-- request_find: what is asked for, by the line of the record that says so
SELECT position, action, edited FROM feed_park_requests
WHERE group_name = $1 AND feed = $2 AND line = $3
