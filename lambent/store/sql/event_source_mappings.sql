-- name: mapping_add -- a new event source mapping
INSERT INTO event_source_mappings (
    account, region, uuid, name, qualifier, kind, source, settings, enabled, state, due, result, last_modified, tags
) VALUES (
    :account, :region, :uuid, :name, :qualifier, :kind, :source, :settings, :enabled, :state, :due, :result,
    :last_modified, :tags
);

-- name: mapping_get -- one event source mapping
SELECT * FROM event_source_mappings WHERE account = :account AND region = :region AND uuid = :uuid;

-- name: mapping_put -- everything that can change of an event source mapping
UPDATE event_source_mappings SET
    name = :name, qualifier = :qualifier, settings = :settings, enabled = :enabled, state = :state, due = :due,
    result = :result, last_modified = :last_modified, tags = :tags
WHERE account = :account AND region = :region AND uuid = :uuid;

-- name: mapping_remove -- an event source mapping whose deletion is over
DELETE FROM event_source_mappings WHERE account = :account AND region = :region AND uuid = :uuid;

-- name: mapping_note -- what became of the last batch of an event source mapping
UPDATE event_source_mappings SET result = :result
WHERE account = :account AND region = :region AND uuid = :uuid;

-- name: mappings_page -- event source mappings after one; those of a source, of a function, or all if that is empty
SELECT * FROM event_source_mappings
WHERE account = :account AND region = :region AND uuid > :after_uuid
    AND (CAST(:source AS TEXT) = '' OR source = CAST(:source AS TEXT))
    AND (CAST(:name AS TEXT) = '' OR (name = CAST(:name AS TEXT) AND qualifier = CAST(:qualifier AS TEXT)))
ORDER BY uuid LIMIT :limit;

-- name: mappings_of_function -- all event source mappings of a function, whatever the qualifier
SELECT * FROM event_source_mappings
WHERE account = :account AND region = :region AND name = :name ORDER BY uuid;

-- name: mappings_all -- every event source mapping, of all accounts and regions
SELECT * FROM event_source_mappings ORDER BY account, region, uuid;
