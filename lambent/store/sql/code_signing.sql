-- name: code_signing_add -- a new code signing configuration
INSERT INTO code_signing_configs (account, region, id, publishers, policy, description, last_modified, tags)
VALUES (:account, :region, :id, :publishers, :policy, :description, :last_modified, :tags);

-- name: code_signing_get -- one code signing configuration
SELECT * FROM code_signing_configs WHERE account = :account AND region = :region AND id = :id;

-- name: code_signing_put -- everything that can change of a code signing configuration
UPDATE code_signing_configs SET
    publishers = :publishers, policy = :policy, description = :description, last_modified = :last_modified, tags = :tags
WHERE account = :account AND region = :region AND id = :id;

-- name: code_signing_remove -- a code signing configuration, which no function may have
DELETE FROM code_signing_configs WHERE account = :account AND region = :region AND id = :id;

-- name: code_signing_page -- code signing configurations after one, by id
SELECT * FROM code_signing_configs
WHERE account = :account AND region = :region AND id > :after_id ORDER BY id LIMIT :limit;

-- name: code_signing_of -- the code signing configuration of a function
SELECT c.* FROM code_signing_configs AS c
JOIN function_code_signing AS f ON f.account = c.account AND f.region = c.region AND f.id = c.id
WHERE f.account = :account AND f.region = :region AND f.name = :name;

-- name: code_signing_attach -- let a function have a code signing configuration
INSERT INTO function_code_signing (account, region, name, id) VALUES (:account, :region, :name, :id)
ON CONFLICT (account, region, name) DO UPDATE SET id = excluded.id;

-- name: code_signing_detach -- let a function have none
DELETE FROM function_code_signing WHERE account = :account AND region = :region AND name = :name;

-- name: code_signing_functions -- the functions that have a code signing configuration, after one, by name
SELECT name FROM function_code_signing
WHERE account = :account AND region = :region AND id = :id AND name > :after_name ORDER BY name LIMIT :limit;

-- name: signing_profile_put -- trust a profile version
INSERT INTO signing_profiles (arn, certificates, own, created_at) VALUES (:arn, :certificates, :own, :created_at)
ON CONFLICT (arn) DO NOTHING;

-- name: signing_profile_get -- a profile version that is trusted
SELECT * FROM signing_profiles WHERE arn = :arn;

-- name: signing_profiles -- all profile versions that are trusted
SELECT * FROM signing_profiles ORDER BY created_at, arn;

-- name: signing_revoke -- believe no signature of a profile version, or of a signing job, any more
INSERT INTO signing_revocations (arn, revoked_at) VALUES (:arn, :revoked_at)
ON CONFLICT (arn) DO NOTHING;

-- name: signing_revocations -- what is revoked
SELECT * FROM signing_revocations ORDER BY revoked_at, arn;

-- name: signing_revoked -- is one of two revoked?
SELECT arn FROM signing_revocations WHERE arn = :profile OR arn = :job;
