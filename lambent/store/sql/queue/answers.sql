-- name: answer_put -- what is known of a key, in the place of what was known before
INSERT INTO answers (
    account, region, name, qualifier, idempotency_key, born, digest, request_id, trace, running, runs, expires, size,
    executed_version, function_error, payload, log_tail
) VALUES (
    :account, :region, :name, :qualifier, :idempotency_key, :born, :digest, :request_id, :trace, :running, :runs,
    :expires, :size, :executed_version, :function_error, :payload, :log_tail
)
ON CONFLICT (account, region, name, qualifier, idempotency_key) DO UPDATE SET
    born = excluded.born, digest = excluded.digest, request_id = excluded.request_id, trace = excluded.trace,
    running = excluded.running, runs = excluded.runs, expires = excluded.expires, size = excluded.size,
    executed_version = excluded.executed_version, function_error = excluded.function_error,
    payload = excluded.payload, log_tail = excluded.log_tail;

-- name: answer_get -- what is known of a key
SELECT account, region, name, qualifier, idempotency_key, born, digest, request_id, trace, running, runs, expires,
    executed_version, function_error, payload, log_tail
FROM answers
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier
    AND idempotency_key = :idempotency_key;

-- name: answer_size -- the bytes that a key counts for
SELECT size FROM answers
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier
    AND idempotency_key = :idempotency_key;

-- name: answer_drop -- forget a key; what it counted for
DELETE FROM answers
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier
    AND idempotency_key = :idempotency_key
RETURNING size;

-- name: answers_of_function -- forget all keys of a function; what each counted for
DELETE FROM answers WHERE account = :account AND region = :region AND name = :name RETURNING size;

-- name: answers_expire -- forget some of the keys whose time is over; what each counted for
DELETE FROM answers
WHERE id IN (SELECT id FROM answers WHERE expires <= :now ORDER BY expires, id LIMIT :limit)
RETURNING size;

-- name: answers_expired -- a key whose time is over
SELECT id FROM answers WHERE expires <= :now LIMIT 1;

-- name: answers_totals -- how many keys there are, how many of them have no answer, and the bytes of all
SELECT CAST(COUNT(*) AS BIGINT) AS keys, CAST(COALESCE(SUM(running), 0) AS BIGINT) AS running,
    CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes
FROM answers;
