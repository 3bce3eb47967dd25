-- entries_head: how many entries of a feed of other software were found; nobody else adds to them until the transaction ends
SELECT found FROM feed_cursors WHERE group_name = $1 AND feed = $2 FOR NO KEY UPDATE
