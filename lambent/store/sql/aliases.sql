-- name: alias_add -- a new alias; changes no row if the name is taken
INSERT INTO function_aliases (account, region, name, alias, version, additional, description, revision)
VALUES (:account, :region, :name, :alias, :version, :additional, :description, :revision)
ON CONFLICT (account, region, name, alias) DO NOTHING;

-- name: alias_get -- one alias of a function
SELECT * FROM function_aliases
WHERE account = :account AND region = :region AND name = :name AND alias = :alias;

-- name: alias_update -- everything of an alias, provided that it is still at the revision expected
UPDATE function_aliases SET
    version = :version, additional = :additional, description = :description, revision = :revision
WHERE account = :account AND region = :region AND name = :name AND alias = :alias AND revision = :expected;

-- name: alias_delete -- one alias
DELETE FROM function_aliases
WHERE account = :account AND region = :region AND name = :name AND alias = :alias;

-- name: aliases_of -- the aliases of a function after one, by name; those of one version, or all if that is empty
SELECT * FROM function_aliases
WHERE account = :account AND region = :region AND name = :name AND alias > :after_alias
    AND (CAST(:version AS TEXT) = '' OR version = CAST(:version AS TEXT))
ORDER BY alias LIMIT :limit;

-- name: aliases_weighted -- the aliases of a function that stand for two versions
SELECT * FROM function_aliases
WHERE account = :account AND region = :region AND name = :name AND additional <> '{}'
ORDER BY alias;
