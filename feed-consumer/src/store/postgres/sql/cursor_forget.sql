-- cursor_forget: a cursor goes, with what has been seen; no row if it does not stand there
DELETE FROM feed_cursors
WHERE group_name = $1 AND feed = $2 AND incarnation IS NOT DISTINCT FROM $3 AND position = $4
