-- name: layer_add -- begin to count the versions of a layer, or go on where it was left
INSERT INTO layers (account, region, name, last_version)
VALUES (:account, :region, :name, 0)
ON CONFLICT (account, region, name) DO NOTHING;

-- name: layer_next -- give out the next version number; read it in the same transaction
UPDATE layers SET last_version = last_version + 1
WHERE account = :account AND region = :region AND name = :name;

-- name: layer_get -- one layer with the number that was given out last
SELECT * FROM layers WHERE account = :account AND region = :region AND name = :name;

-- name: layer_names -- the layers after a name that have a version
SELECT name FROM layers
WHERE account = :account AND region = :region AND name > :after_name AND EXISTS (
    SELECT 1 FROM layer_versions v
    WHERE v.account = layers.account AND v.region = layers.region AND v.name = layers.name
)
ORDER BY name LIMIT :limit;

-- name: layer_version_add -- a new version of a layer
INSERT INTO layer_versions (account, region, name, number, details, code_digest, code_size)
VALUES (:account, :region, :name, :number, :details, :code_digest, :code_size);

-- name: layer_version_get -- one version of a layer
SELECT * FROM layer_versions
WHERE account = :account AND region = :region AND name = :name AND number = :number;

-- name: layer_versions_of -- the versions of a layer before a number, the newest first
SELECT * FROM layer_versions
WHERE account = :account AND region = :region AND name = :name AND number < :before_number
ORDER BY number DESC LIMIT :limit;

-- name: layer_version_delete -- one version of a layer, with its grants
DELETE FROM layer_versions
WHERE account = :account AND region = :region AND name = :name AND number = :number;

-- name: layer_bytes -- the bytes of code of all layer versions
SELECT CAST(COALESCE(SUM(code_size), 0) AS BIGINT) AS code_bytes FROM layer_versions
WHERE account = :account AND region = :region;

-- name: layer_digests_all -- the code that any layer version refers to
SELECT DISTINCT code_digest FROM layer_versions;

-- name: layer_digests_used -- the lists of layers that versions of functions use
SELECT DISTINCT layer_digests FROM function_versions WHERE layer_digests <> '[]';

-- name: layer_grants_of -- who may use a version of a layer, in the order of their ids
SELECT * FROM layer_grants
WHERE account = :account AND region = :region AND name = :name AND number = :number
ORDER BY statement_id;

-- name: layer_grant_add -- let somebody use a version; changes no row if the id is taken
INSERT INTO layer_grants (account, region, name, number, statement_id, principal, organization)
VALUES (:account, :region, :name, :number, :statement_id, :principal, :organization)
ON CONFLICT (account, region, name, number, statement_id) DO NOTHING;

-- name: layer_grant_remove -- no longer let somebody use a version
DELETE FROM layer_grants
WHERE account = :account AND region = :region AND name = :name AND number = :number AND statement_id = :statement_id;
