-- followers_forget_all: every position that waits of a subscription goes, since nothing cascades where foreign_keys are off
DELETE FROM feed_followers WHERE group_name = ?1 AND feed = ?2
