-- worker_forget: a worker is no more
DELETE FROM feed_workers WHERE worker = ?1
