-- name: outbox_list -- messages of one function, or of all (''), without their bodies
SELECT id, request_id, account, region, name, qualifier, kind, success, target, operation, delivered,
    LENGTH(body) AS size
FROM outbox
WHERE id > :after AND id <= :last AND account = :account AND region = :region AND (:name = '' OR name = :name)
    AND delivered >= :since
ORDER BY id LIMIT :limit;

-- name: outbox_next -- the numbers of messages of one function, or of all ('')
SELECT id FROM outbox
WHERE id > :after AND id <= :last AND account = :account AND region = :region AND (:name = '' OR name = :name)
    AND delivered >= :since
ORDER BY id LIMIT :limit;

-- name: outbox_of_request -- the messages of one event
SELECT * FROM outbox WHERE request_id = :request_id ORDER BY id;

-- name: outbox_last -- the highest number that a message has
SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) AS last FROM outbox;

-- name: outbox_drop -- whatever has this number is there no longer
DELETE FROM outbox WHERE id = :id;

-- name: outbox_oldest -- the messages that have been there longest
SELECT id, delivered AS at, size FROM outbox ORDER BY delivered, size LIMIT :limit;

-- name: outbox_size -- how many messages there are, and the bytes that they count for
SELECT CAST(COUNT(*) AS BIGINT) AS number, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS size FROM outbox;
