-- repair_begin: a repair hook is about to be asked; no row if it is parked no more, somebody asks for something, or it was asked so often
UPDATE feed_parked
SET repairs = repairs + 1
WHERE
    group_name = $1
    AND feed = $2
    AND position = $3
    AND repairs < $4
    AND NOT EXISTS (
        SELECT 1 FROM feed_park_requests AS requests
        WHERE requests.group_name = $1 AND requests.feed = $2 AND requests.position = $3
    )
