-- record_forget_all: every line of the record of a subscription goes, since nothing cascades where foreign_keys are off
DELETE FROM feed_parked_record WHERE group_name = ?1 AND feed = ?2
