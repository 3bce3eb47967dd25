-- entries_forget_all: every entry of a subscription goes, since nothing cascades where foreign_keys are off
DELETE FROM feed_entries WHERE group_name = ?1 AND feed = ?2
