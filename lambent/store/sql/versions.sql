-- name: version_add -- a new version
INSERT INTO function_versions (
    account, region, name, number, revision, config, code_digest, code_size, layer_digests, state, state_reason,
    state_reason_code, last_update_status, last_update_status_reason, last_update_status_reason_code, last_modified
) VALUES (
    :account, :region, :name, :number, :revision, :config, :code_digest, :code_size, :layer_digests, :state,
    :state_reason, :state_reason_code, :last_update_status, :last_update_status_reason, :last_update_status_reason_code,
    :last_modified
);

-- name: version_get -- one version of a function
SELECT * FROM function_versions
WHERE account = :account AND region = :region AND name = :name AND number = :number;

-- name: version_update -- everything of a version, provided that it is still at the revision expected (null: at any)
UPDATE function_versions SET
    revision = :revision, config = :config, code_digest = :code_digest, code_size = :code_size,
    layer_digests = :layer_digests, state = :state,
    state_reason = :state_reason, state_reason_code = :state_reason_code, last_update_status = :last_update_status,
    last_update_status_reason = :last_update_status_reason,
    last_update_status_reason_code = :last_update_status_reason_code, last_modified = :last_modified
WHERE account = :account AND region = :region AND name = :name AND number = :number
    AND (CAST(:expected AS TEXT) IS NULL OR revision = CAST(:expected AS TEXT));

-- name: version_settle -- the states of a version, provided that it is still at the revision expected
UPDATE function_versions SET
    revision = :revision, state = :state, state_reason = :state_reason, state_reason_code = :state_reason_code,
    last_update_status = :last_update_status, last_update_status_reason = :last_update_status_reason,
    last_update_status_reason_code = :last_update_status_reason_code
WHERE account = :account AND region = :region AND name = :name AND number = :number AND revision = :expected;

-- name: version_config -- the configuration of a version, provided that it is still at its revision
UPDATE function_versions SET config = :config
WHERE account = :account AND region = :region AND name = :name AND number = :number AND revision = :revision;

-- name: versions_unsealed -- versions that may have environment variables that are not encrypted
SELECT * FROM function_versions WHERE config LIKE '%"Environment":{"Variables":%';

-- name: version_delete -- one version
DELETE FROM function_versions
WHERE account = :account AND region = :region AND name = :name AND number = :number;

-- name: versions_of -- the versions of a function after a number, $LATEST (0) first
SELECT * FROM function_versions
WHERE account = :account AND region = :region AND name = :name AND number > :after_number
ORDER BY number LIMIT :limit;

-- name: versions_latest -- $LATEST of the functions whose names come after one
SELECT * FROM function_versions
WHERE account = :account AND region = :region AND number = 0 AND name > :after_name
ORDER BY name LIMIT :limit;

-- name: versions_all -- every version of every function after a name and number
SELECT * FROM function_versions
WHERE account = :account AND region = :region AND (name, number) > (:after_name, :after_number)
ORDER BY name, number LIMIT :limit;

-- name: versions_everywhere -- $LATEST of all functions of all accounts, for start-up
SELECT * FROM function_versions WHERE number = 0 ORDER BY account, region, name;

-- name: versions_unsettled -- what a crash may have left half-way: pending, or with an update in progress
SELECT * FROM function_versions
WHERE state = 'Pending' OR last_update_status = 'InProgress'
ORDER BY account, region, name, number;

-- name: digests_all -- the code that any version refers to
SELECT DISTINCT code_digest FROM function_versions;
