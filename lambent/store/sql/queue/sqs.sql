-- name: sqs_queue_add -- a new queue
INSERT INTO sqs_queues (number, account, region, name, attributes, tags, created, modified, purged, deleted)
VALUES (:number, :account, :region, :name, :attributes, :tags, :created, :modified, :purged, 0);

-- name: sqs_queue_update -- its attributes and tags, and when it was purged
UPDATE sqs_queues SET attributes = :attributes, tags = :tags, modified = :modified, purged = :purged
WHERE number = :number;

-- name: sqs_queue_delete -- nobody finds it any more
UPDATE sqs_queues SET deleted = :now WHERE number = :number AND deleted = 0;

-- name: sqs_queue_forget -- its row, once its messages are gone
DELETE FROM sqs_queues WHERE number = :number;

-- name: sqs_queues_all -- all that are there, and those of which something is left
SELECT * FROM sqs_queues ORDER BY number;

-- name: sqs_last -- the highest numbers given out
SELECT
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM sqs_messages) AS message,
    (SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) FROM sqs_queues) AS queue;

-- name: sqs_counts -- how many messages each queue has
SELECT queue, CAST(COUNT(*) AS BIGINT) AS number FROM sqs_messages GROUP BY queue;

-- name: sqs_message_add -- one accepted message
INSERT INTO sqs_messages (
    id, queue, message_id, sent, due, receives, first_received, group_id, dedup_id, size, content
) VALUES (
    :id, :queue, :message_id, :sent, :due, :receives, :first_received, :group_id, :dedup_id, :size, :content
);

-- name: sqs_message_note -- how often it was received, and when it is visible again
UPDATE sqs_messages SET due = :due, receives = :receives, first_received = :first_received WHERE id = :id;

-- name: sqs_message_drop -- it is gone
DELETE FROM sqs_messages WHERE id = :id;

-- name: sqs_messages_after -- the next of a queue, without what they carry
SELECT id, message_id, sent, due, receives, first_received, group_id, dedup_id, size FROM sqs_messages
WHERE queue = :queue AND id > :after ORDER BY id LIMIT :limit;

-- name: sqs_message_content -- what one carries
SELECT content FROM sqs_messages WHERE id = :id;

-- name: sqs_message_find -- one of a queue, if it is still there
SELECT id, message_id, sent, due, receives, first_received, group_id, dedup_id, size FROM sqs_messages
WHERE id = :id AND queue = :queue;

-- name: sqs_messages_upto -- the oldest of a queue
SELECT id FROM sqs_messages WHERE queue = :queue AND id <= :upto ORDER BY id LIMIT :limit;

-- name: sqs_dedup_put -- what was accepted, for as long as it counts
INSERT INTO sqs_dedups (queue, scope, dedup_id, message_id, sequence, until)
VALUES (:queue, :scope, :dedup_id, :message_id, :sequence, :until)
ON CONFLICT (queue, scope, dedup_id) DO UPDATE SET
    message_id = excluded.message_id, sequence = excluded.sequence, until = excluded.until;

-- name: sqs_dedups_all -- those that still count
SELECT * FROM sqs_dedups WHERE until > :now;

-- name: sqs_dedups_drop -- those that count no more
DELETE FROM sqs_dedups WHERE until <= :now;

-- name: sqs_dedups_of_queue_drop -- those of a queue that is gone
DELETE FROM sqs_dedups WHERE queue = :queue;

-- name: sqs_task_put -- a new message move task
INSERT INTO sqs_move_tasks (id, source, destination, rate, status, moved, to_move, upto, started, failure)
VALUES (:id, :source, :destination, :rate, :status, :moved, :to_move, :upto, :started, :failure);

-- name: sqs_task_progress -- how many messages it has moved
UPDATE sqs_move_tasks SET moved = :moved WHERE id = :id;

-- name: sqs_task_end -- what becomes of it
UPDATE sqs_move_tasks SET status = :status, failure = :failure WHERE id = :id;

-- name: sqs_tasks_of -- those of a queue, the latest first
SELECT * FROM sqs_move_tasks WHERE source = :source ORDER BY started DESC, id LIMIT :limit;

-- name: sqs_task_get -- one
SELECT * FROM sqs_move_tasks WHERE id = :id;

-- name: sqs_tasks_unfinished -- those that go on at a start
SELECT * FROM sqs_move_tasks WHERE status IN ('RUNNING', 'CANCELLING');
