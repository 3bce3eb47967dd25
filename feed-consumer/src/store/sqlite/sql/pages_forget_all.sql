-- pages_forget_all: every page of a subscription goes, since nothing cascades where foreign_keys are off
DELETE FROM feed_foreign_pages WHERE group_name = ?1 AND feed = ?2
