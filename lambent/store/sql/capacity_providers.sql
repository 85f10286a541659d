-- name: capacity_provider_add -- keep a new capacity provider
INSERT INTO capacity_providers (account, region, name, details, tags, last_modified)
VALUES (:account, :region, :name, :details, :tags, :last_modified)
ON CONFLICT (account, region, name) DO NOTHING;

-- name: capacity_provider_get -- one capacity provider
SELECT account, region, name, details, tags, last_modified FROM capacity_providers
WHERE account = :account AND region = :region AND name = :name;

-- name: capacity_providers_of -- the capacity providers of an account in a region after a name
SELECT account, region, name, details, tags, last_modified FROM capacity_providers
WHERE account = :account AND region = :region AND name > :after_name
ORDER BY name LIMIT :limit;

-- name: capacity_providers_count -- how many an account has in a region
SELECT COUNT(*) AS number FROM capacity_providers WHERE account = :account AND region = :region;

-- name: capacity_provider_replace -- change what one says
UPDATE capacity_providers SET details = :details, tags = :tags, last_modified = :last_modified
WHERE account = :account AND region = :region AND name = :name;

-- name: capacity_provider_delete -- forget one
DELETE FROM capacity_providers WHERE account = :account AND region = :region AND name = :name;
