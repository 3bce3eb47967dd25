-- seen_forget: drops entries that are not in the document of this number, but for the newest $4
DELETE FROM feed_seen_entries
WHERE
    group_name = $1
    AND feed = $2
    AND document < $3
    AND entry NOT IN (
        SELECT entry
        FROM feed_seen_entries
        WHERE group_name = $1 AND feed = $2 AND document < $3
        ORDER BY document DESC, entry ASC
        LIMIT $4
    )
