-- append_events: new events; the program repeats the last line for as many rows as it inserts at once
INSERT INTO feed_events (
    feed, position, updated, iri, source, id, type, subject, time,
    datacontenttype, dataschema, extensions, data
) VALUES
(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
