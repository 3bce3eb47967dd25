-- consume_insert: what a handler makes of an event
INSERT INTO handled (id, data) VALUES (?1, ?2)
