-- name: execution_put -- a durable execution, in the place of what it was before
INSERT INTO executions (
    number, id, account, region, function, version, name, status, started, wakes, times_out, busy, expires,
    document
) VALUES (
    :number, :id, :account, :region, :function, :version, :name, :status, :started, :wakes, :times_out, :busy, :expires,
    :document
)
ON CONFLICT (number) DO UPDATE SET
    status = excluded.status, wakes = excluded.wakes, times_out = excluded.times_out, busy = excluded.busy,
    expires = excluded.expires, document = excluded.document;

-- name: executions_last_number -- the highest number that an execution has
SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) AS last_number FROM executions;

-- name: execution_get -- one execution
SELECT document FROM executions WHERE number = :number;

-- name: execution_of_id -- the execution with an id, the last part of its ARN
SELECT document FROM executions WHERE id = :id;

-- name: executions_of_name -- the executions of a function that have a name, latest first
SELECT document FROM executions
WHERE account = :account AND region = :region AND function = :function AND name = :name
ORDER BY number DESC;

-- name: executions_of_function_before -- executions of a function that are asked for, latest first, before a number
SELECT document FROM executions
WHERE account = :account AND region = :region AND function = :function AND number < :number
    AND status IN (:status0, :status1, :status2, :status3, :status4, :status5, :status6, :status7)
    AND started > :started_after AND started < :started_before AND (:name = '' OR name = :name)
    AND (:version0 = '' OR version IN (:version0, :version1))
ORDER BY number DESC LIMIT :limit;

-- name: executions_of_function_after -- executions of a function that are asked for, earliest first, after a number
SELECT document FROM executions
WHERE account = :account AND region = :region AND function = :function AND number > :number
    AND status IN (:status0, :status1, :status2, :status3, :status4, :status5, :status6, :status7)
    AND started > :started_after AND started < :started_before AND (:name = '' OR name = :name)
    AND (:version0 = '' OR version IN (:version0, :version1))
ORDER BY number ASC LIMIT :limit;

-- name: executions_waking -- those to which something has to happen by now, after one of them
SELECT number, wakes AS at FROM executions
WHERE wakes IS NOT NULL AND wakes <= :now AND (wakes > :at OR (wakes = :at AND number > :number))
ORDER BY wakes, number LIMIT :limit;

-- name: executions_next_waking -- when something happens to an execution next
SELECT wakes AS at FROM executions WHERE wakes IS NOT NULL AND wakes > :after ORDER BY wakes, number LIMIT 1;

-- name: executions_late -- those that have timed out by now, after one of them
SELECT number, times_out AS at FROM executions
WHERE times_out IS NOT NULL AND times_out <= :now AND (times_out > :at OR (times_out = :at AND number > :number))
ORDER BY times_out, number LIMIT :limit;

-- name: executions_next_late -- when an execution times out next
SELECT times_out AS at FROM executions
WHERE times_out IS NOT NULL AND times_out > :after ORDER BY times_out, number LIMIT 1;

-- name: executions_busy -- those that were being invoked
SELECT number FROM executions WHERE busy = 1 ORDER BY number;

-- name: executions_expired -- those whose time to be remembered is over
SELECT number FROM executions WHERE expires IS NOT NULL AND expires <= :now ORDER BY expires, number LIMIT :limit;

-- name: executions_running -- how many are not over
SELECT CAST(COUNT(*) AS BIGINT) AS running FROM executions WHERE times_out IS NOT NULL;

-- name: execution_drop -- forget an execution
DELETE FROM executions WHERE number = :number;

-- name: operation_put -- an operation of an execution, in the place of what it was before
INSERT INTO operations (execution, position, document) VALUES (:execution, :position, :document)
ON CONFLICT (execution, position) DO UPDATE SET document = excluded.document;

-- name: operations_get -- all operations of an execution, in order of their starts
SELECT document FROM operations WHERE execution = :execution ORDER BY position;

-- name: operation_first -- the first operation of an execution, which has its input
SELECT document FROM operations WHERE execution = :execution AND position = 0;

-- name: operations_drop -- forget the operations of an execution
DELETE FROM operations WHERE execution = :execution;

-- name: history_add -- one event of an execution's history
INSERT INTO history (execution, number, document) VALUES (:execution, :number, :document);

-- name: history_after -- events of an execution, oldest first, after a number
SELECT document FROM history WHERE execution = :execution AND number > :number ORDER BY number LIMIT :limit;

-- name: history_before -- events of an execution, latest first, before a number
SELECT document FROM history WHERE execution = :execution AND number < :number ORDER BY number DESC LIMIT :limit;

-- name: history_drop -- forget the history of an execution
DELETE FROM history WHERE execution = :execution;
