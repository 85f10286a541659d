-- name: schedule_group_put -- a group as it is now
INSERT INTO schedule_groups (account, region, name, tags, created, modified)
VALUES (:account, :region, :name, :tags, :created, :modified)
ON CONFLICT (account, region, name) DO UPDATE SET tags = excluded.tags, modified = excluded.modified;

-- name: schedule_group_drop -- it is gone
DELETE FROM schedule_groups WHERE account = :account AND region = :region AND name = :name;

-- name: schedules_of_group_drop -- and all that is in it
DELETE FROM schedules WHERE account = :account AND region = :region AND group_name = :name;

-- name: schedule_groups_all -- every group
SELECT * FROM schedule_groups;

-- name: schedule_put -- a schedule as it is now
INSERT INTO schedules (account, region, group_name, name, settings, created, modified, planned, due)
VALUES (:account, :region, :group_name, :name, :settings, :created, :modified, :planned, :due)
ON CONFLICT (account, region, group_name, name) DO UPDATE SET
    settings = excluded.settings, created = excluded.created, modified = excluded.modified,
    planned = excluded.planned, due = excluded.due;

-- name: schedule_due -- when it is due next
UPDATE schedules SET planned = :planned, due = :due
WHERE account = :account AND region = :region AND group_name = :group_name AND name = :name;

-- name: schedule_drop -- it is gone
DELETE FROM schedules
WHERE account = :account AND region = :region AND group_name = :group_name AND name = :name;

-- name: schedules_all -- every schedule
SELECT * FROM schedules;
