-- workers_forget_all: every worker of a subscription goes, since nothing cascades where foreign_keys are off
DELETE FROM feed_workers WHERE group_name = ?1 AND feed = ?2
