-- check_writable: a write that changes no row, refused where nothing can be written; rolled back, it costs no sync
UPDATE feed_relay SET holder = holder WHERE false
