-- name: log_group_put -- a group as it is now
INSERT INTO log_groups (account, region, name, settings, created)
VALUES (:account, :region, :name, :settings, :created)
ON CONFLICT (account, region, name) DO UPDATE SET settings = excluded.settings;

-- name: log_group_drop -- it is gone
DELETE FROM log_groups WHERE account = :account AND region = :region AND name = :name;

-- name: log_streams_of_group_drop -- and its streams
DELETE FROM log_streams WHERE account = :account AND region = :region AND group_name = :name;

-- name: log_events_of_group_drop -- and what is in them
DELETE FROM log_events WHERE account = :account AND region = :region AND group_name = :name;

-- name: log_marks_of_group_drop -- nobody reads on
DELETE FROM log_marks WHERE account = :account AND region = :region AND group_name = :name;

-- name: log_groups_all -- every group
SELECT * FROM log_groups;

-- name: log_stream_put -- a stream as it is now
INSERT INTO log_streams (account, region, group_name, name, created, first_at, last_at, taken)
VALUES (:account, :region, :group_name, :name, :created, :first_at, :last_at, :taken)
ON CONFLICT (account, region, group_name, name) DO UPDATE SET
    first_at = excluded.first_at, last_at = excluded.last_at, taken = excluded.taken;

-- name: log_stream_drop -- it is gone
DELETE FROM log_streams WHERE account = :account AND region = :region AND group_name = :group_name AND name = :name;

-- name: log_events_of_stream_drop -- and what is in it
DELETE FROM log_events WHERE account = :account AND region = :region AND group_name = :group_name AND stream = :name;

-- name: log_streams_all -- every stream
SELECT * FROM log_streams;

-- name: log_event_add -- an event that is accepted
INSERT INTO log_events (id, account, region, group_name, stream, at, taken, message)
VALUES (:id, :account, :region, :group_name, :stream, :at, :taken, :message);

-- name: log_events_last -- the newest number
SELECT COALESCE(MAX(id), 0) AS id FROM log_events;

-- name: log_events_sizes -- how much every group holds
SELECT account, region, group_name, COUNT(*) AS number, SUM(LENGTH(message)) AS size
FROM log_events GROUP BY account, region, group_name;

-- name: log_events_after -- what follows a place up to an end, the oldest first
SELECT id, stream, at, taken, message FROM log_events
WHERE account = :account AND region = :region AND group_name = :group_name
    AND (at, id) > (:at, :id) AND (at, id) <= (:end_at, :end_id)
ORDER BY at, id LIMIT 1000;

-- name: log_events_before -- what precedes, the newest first
SELECT id, stream, at, taken, message FROM log_events
WHERE account = :account AND region = :region AND group_name = :group_name
    AND (at, id) < (:at, :id) AND (at, id) >= (:end_at, :end_id)
ORDER BY at DESC, id DESC LIMIT 1000;

-- name: log_events_that_hold_after -- of what follows, the messages with a text in them, and the end
SELECT id, stream, at, taken, message FROM log_events
WHERE account = :account AND region = :region AND group_name = :group_name
    AND (at, id) > (:at, :id) AND (at, id) <= (:end_at, :end_id)
    AND (REPLACE(message, :one, '') <> message OR REPLACE(message, :other, '') <> message OR id = :end_id)
ORDER BY at, id LIMIT 1000;

-- name: log_events_that_hold_before -- of what precedes
SELECT id, stream, at, taken, message FROM log_events
WHERE account = :account AND region = :region AND group_name = :group_name
    AND (at, id) < (:at, :id) AND (at, id) >= (:end_at, :end_id)
    AND (REPLACE(message, :one, '') <> message OR REPLACE(message, :other, '') <> message OR id = :end_id)
ORDER BY at DESC, id DESC LIMIT 1000;

-- name: log_events_far_after -- the place of an event that follows after so many others
SELECT at, id FROM log_events
WHERE account = :account AND region = :region AND group_name = :group_name
    AND (at, id) > (:at, :id) AND (at, id) <= (:end_at, :end_id)
ORDER BY at, id LIMIT 1 OFFSET :skipped;

-- name: log_events_far_before -- that precedes
SELECT at, id FROM log_events
WHERE account = :account AND region = :region AND group_name = :group_name
    AND (at, id) < (:at, :id) AND (at, id) >= (:end_at, :end_id)
ORDER BY at DESC, id DESC LIMIT 1 OFFSET :skipped;

-- name: log_events_expire -- what is older than its group keeps
DELETE FROM log_events WHERE account = :account AND region = :region AND group_name = :group_name AND at < :before;

-- name: log_events_trim -- the oldest, when there is no more room
DELETE FROM log_events WHERE id IN (
    SELECT id FROM log_events WHERE account = :account AND region = :region AND group_name = :group_name
    ORDER BY at, id LIMIT :number
);

-- name: log_mark_put -- how far a function's log was read
INSERT INTO log_marks (account, region, group_name, directory, segment, byte)
VALUES (:account, :region, :group_name, :directory, :segment, :byte)
ON CONFLICT (account, region, group_name, directory) DO UPDATE SET segment = excluded.segment, byte = excluded.byte;

-- name: log_marks_all -- how far each was
SELECT * FROM log_marks;
