-- parked_forget_all: every parked event of a subscription goes, since nothing cascades where foreign_keys are off
DELETE FROM feed_parked WHERE group_name = ?1 AND feed = ?2
