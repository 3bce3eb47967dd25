-- put_try: an event at the next place of a feed, where nothing is in its way
INSERT INTO feed_put (
    feed, feed_iri, iri, source, id, type, subject, time,
    datacontenttype, dataschema, extensions, data, synchronous
)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, synchronous
FROM pragma_synchronous
