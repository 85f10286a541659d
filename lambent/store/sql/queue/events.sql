-- name: event_add -- one accepted event
INSERT INTO events (
    id, request_id, account, region, name, qualifier, payload, trace, received, due, attempts, throttles, tenant,
    taken
) VALUES (
    :id, :request_id, :account, :region, :name, :qualifier, :payload, :trace, :received, :due, :attempts, :throttles,
    :tenant, :taken
);

-- name: events_last_id -- the highest number that an event has
SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) AS last_id FROM events;

-- name: events_due -- the events of a function that nobody has taken and that are due, in their order, with their sizes
SELECT id, LENGTH(payload) AS size FROM events
WHERE account = :account AND region = :region AND name = :name AND taken = 0 AND due <= :now
ORDER BY due, id LIMIT :limit;

-- name: event_get -- one event
SELECT * FROM events WHERE id = :id;

-- name: event_of_request -- the event of a request id
SELECT * FROM events WHERE request_id = :request_id;

-- name: event_take -- it may be running from now on
UPDATE events SET taken = 1 WHERE id = :id;

-- name: event_again -- it is to be tried again
UPDATE events SET taken = 0, due = :due, attempts = :attempts, throttles = :throttles WHERE id = :id;

-- name: event_give_back -- it was taken, but not tried
UPDATE events SET taken = 0 WHERE id = :id;

-- name: event_end -- it has come to its end
DELETE FROM events WHERE id = :id;

-- name: events_next_due -- when the first of a function's events that nobody has taken is due
SELECT due FROM events
WHERE account = :account AND region = :region AND name = :name AND taken = 0
ORDER BY due, id LIMIT 1;

-- name: events_by_function -- how many events each function has, and when the first of them is due
SELECT account, region, name, CAST(COUNT(*) AS BIGINT) AS waiting, MIN(due) AS due FROM events
GROUP BY account, region, name;

-- name: events_interrupted -- what was taken when the server ended, and may have run
SELECT id, request_id, account, region, name FROM events WHERE taken = 1;

-- name: events_all_back -- nobody has taken anything
UPDATE events SET taken = 0 WHERE taken = 1;
