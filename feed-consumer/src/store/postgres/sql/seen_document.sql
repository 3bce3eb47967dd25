-- seen_document: a document has been handled whole; answers with its number
UPDATE feed_cursors SET documents = documents + 1
WHERE group_name = $1 AND feed = $2
RETURNING documents
