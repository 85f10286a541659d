-- name: reserved_get -- the reserved concurrency of a function
SELECT reserved FROM reserved_concurrency WHERE account = :account AND region = :region AND name = :name;

-- name: reserved_of_account -- every reserved concurrency of an account in a region
SELECT name, reserved FROM reserved_concurrency WHERE account = :account AND region = :region;

-- name: reserved_everywhere -- every reserved concurrency there is, for start-up
SELECT account, region, name, reserved FROM reserved_concurrency ORDER BY account, region, name;

-- name: reserved_put -- reserve concurrency for a function, or change how much
INSERT INTO reserved_concurrency (account, region, name, reserved)
VALUES (:account, :region, :name, :reserved)
ON CONFLICT (account, region, name) DO UPDATE SET reserved = excluded.reserved;

-- name: reserved_remove -- reserve nothing for a function any more
DELETE FROM reserved_concurrency WHERE account = :account AND region = :region AND name = :name;

-- name: provisioned_of -- the provisioned concurrency of a function, by qualifier
SELECT account, region, name, qualifier, requested, last_modified FROM provisioned_concurrency
WHERE account = :account AND region = :region AND name = :name
ORDER BY qualifier;

-- name: provisioned_of_account -- every provisioned concurrency of an account in a region
SELECT account, region, name, qualifier, requested, last_modified FROM provisioned_concurrency
WHERE account = :account AND region = :region;

-- name: provisioned_everywhere -- every provisioned concurrency there is, for start-up
SELECT account, region, name, qualifier, requested, last_modified FROM provisioned_concurrency
ORDER BY account, region, name, qualifier;

-- name: provisioned_put -- provision concurrency for a version or an alias, or change how much
INSERT INTO provisioned_concurrency (account, region, name, qualifier, number, requested, last_modified)
VALUES (:account, :region, :name, :qualifier, :number, :requested, :last_modified)
ON CONFLICT (account, region, name, qualifier)
DO UPDATE SET requested = excluded.requested, last_modified = excluded.last_modified;

-- name: provisioned_remove -- provision nothing for a version or an alias any more
DELETE FROM provisioned_concurrency
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;
