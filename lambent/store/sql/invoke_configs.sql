-- name: invoke_config_get -- how events of one qualifier are treated
SELECT account, region, name, qualifier, max_age_s, max_retries, on_success, on_failure, last_modified
FROM event_invoke_configs
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: invoke_configs_of -- how events of a function are treated, for the qualifiers after one
SELECT account, region, name, qualifier, max_age_s, max_retries, on_success, on_failure, last_modified
FROM event_invoke_configs
WHERE account = :account AND region = :region AND name = :name AND qualifier > :after_qualifier
ORDER BY qualifier LIMIT :limit;

-- name: invoke_config_put -- say how events of one qualifier are treated
INSERT INTO event_invoke_configs (
    account, region, name, qualifier, number, max_age_s, max_retries, on_success, on_failure, last_modified
) VALUES (
    :account, :region, :name, :qualifier, :number, :max_age_s, :max_retries, :on_success, :on_failure, :last_modified
)
ON CONFLICT (account, region, name, qualifier) DO UPDATE SET
    max_age_s = excluded.max_age_s, max_retries = excluded.max_retries, on_success = excluded.on_success,
    on_failure = excluded.on_failure, last_modified = excluded.last_modified;

-- name: invoke_config_remove -- treat events of one qualifier as AWS does by default
DELETE FROM event_invoke_configs
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: recursion_get -- what becomes of recursive loops of a function
SELECT recursive_loop FROM recursion_configs WHERE account = :account AND region = :region AND name = :name;

-- name: recursion_put -- say what becomes of recursive loops of a function
INSERT INTO recursion_configs (account, region, name, recursive_loop)
VALUES (:account, :region, :name, :recursive_loop)
ON CONFLICT (account, region, name) DO UPDATE SET recursive_loop = excluded.recursive_loop;
