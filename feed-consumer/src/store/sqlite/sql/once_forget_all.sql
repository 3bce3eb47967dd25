-- once_forget_all: whatever was done of a subscription goes, since nothing cascades where foreign_keys are off
DELETE FROM feed_once WHERE group_name = ?1 AND feed = ?2
