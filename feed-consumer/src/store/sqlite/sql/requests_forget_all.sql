-- requests_forget_all: every request of a subscription goes, since nothing cascades where foreign_keys are off
DELETE FROM feed_park_requests WHERE group_name = ?1 AND feed = ?2
