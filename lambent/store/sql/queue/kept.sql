-- name: kept_add -- an event that failed and went nowhere
INSERT INTO kept (
    id, request_id, account, region, name, qualifier, payload, trace, received, failed, condition, attempts, status,
    error_type, answer, undelivered, size, tenant
) VALUES (
    (SELECT COALESCE(MAX(id), 0) + 1 FROM kept), :request_id, :account, :region, :name, :qualifier, :payload, :trace,
    :received, :failed, :condition, :attempts, :status, :error_type, :answer, :undelivered, :size, :tenant
);

-- name: kept_add_to -- one more place to which an event that is kept already could not be delivered
UPDATE kept SET undelivered = undelivered || '; ' || :undelivered
WHERE request_id = :request_id AND failed = :failed AND undelivered <> '';

-- name: kept_list -- kept events of one function, or of all (''), without their payloads
SELECT id, request_id, account, region, name, qualifier, received, failed, condition, attempts, status, error_type,
    undelivered, LENGTH(payload) AS size
FROM kept
WHERE id > :after AND id <= :last AND account = :account AND region = :region AND (:name = '' OR name = :name)
    AND (:condition = '' OR condition = :condition) AND failed >= :since
ORDER BY id LIMIT :limit;

-- name: kept_next -- the numbers of kept events of one function, or of all (''), and the sizes of their payloads
SELECT id, LENGTH(payload) AS size FROM kept
WHERE id > :after AND id <= :last AND account = :account AND region = :region AND (:name = '' OR name = :name)
    AND (:condition = '' OR condition = :condition) AND failed >= :since
ORDER BY id LIMIT :limit;

-- name: kept_get -- one kept event
SELECT * FROM kept WHERE id = :id;

-- name: kept_of_request -- what is kept of one event, the last first
SELECT * FROM kept WHERE request_id = :request_id ORDER BY id DESC;

-- name: kept_last -- the highest number that a kept event has
SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) AS last FROM kept;

-- name: kept_end -- this event is kept no longer
DELETE FROM kept WHERE id = :id AND request_id = :request_id AND failed = :failed;

-- name: kept_drop -- whatever has this number is kept no longer
DELETE FROM kept WHERE id = :id;

-- name: kept_oldest -- what has been kept longest
SELECT id, failed AS at, size FROM kept ORDER BY failed, size LIMIT :limit;

-- name: kept_size -- how many events are kept, and the bytes that they count for
SELECT CAST(COUNT(*) AS BIGINT) AS number, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS size FROM kept;
