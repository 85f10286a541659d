-- name: event_bus_put -- a bus as it is now
INSERT INTO event_buses (account, region, name, settings, policy, tags, created, modified)
VALUES (:account, :region, :name, :settings, :policy, :tags, :created, :modified)
ON CONFLICT (account, region, name) DO UPDATE SET
    settings = excluded.settings, policy = excluded.policy, tags = excluded.tags, modified = excluded.modified;

-- name: event_bus_drop -- it is gone
DELETE FROM event_buses WHERE account = :account AND region = :region AND name = :name;

-- name: event_rules_of_bus_drop -- and all its rules
DELETE FROM event_rules WHERE account = :account AND region = :region AND bus = :name;

-- name: event_buses_all -- every bus that somebody has made or changed
SELECT * FROM event_buses;

-- name: event_rule_put -- a rule as it is now
INSERT INTO event_rules (account, region, bus, name, settings, targets, tags, anchor, due)
VALUES (:account, :region, :bus, :name, :settings, :targets, :tags, :anchor, :due)
ON CONFLICT (account, region, bus, name) DO UPDATE SET
    settings = excluded.settings, targets = excluded.targets, tags = excluded.tags, anchor = excluded.anchor,
    due = excluded.due;

-- name: event_rule_due -- when its schedule is due next
UPDATE event_rules SET due = :due WHERE account = :account AND region = :region AND bus = :bus AND name = :name;

-- name: event_rule_drop -- it is gone
DELETE FROM event_rules WHERE account = :account AND region = :region AND bus = :bus AND name = :name;

-- name: event_rules_all -- every rule
SELECT * FROM event_rules ORDER BY account, region, bus, name;

-- name: event_archive_put -- an archive as it is now
INSERT INTO event_archives (account, region, name, settings, created)
VALUES (:account, :region, :name, :settings, :created)
ON CONFLICT (account, region, name) DO UPDATE SET settings = excluded.settings;

-- name: event_archive_drop -- it is gone
DELETE FROM event_archives WHERE account = :account AND region = :region AND name = :name;

-- name: event_archives_all -- every archive
SELECT * FROM event_archives;

-- name: event_archived_add -- an event for an archive
INSERT INTO event_archived (id, archive, at, accepted, body) VALUES (:id, :archive, :at, :accepted, :body);

-- name: event_archived_last -- the highest number that one has
SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) AS last FROM event_archived;

-- name: event_archived_drop -- all events of an archive that is gone
DELETE FROM event_archived WHERE archive = :archive;

-- name: event_archived_expire -- those that are older than an archive keeps them
DELETE FROM event_archived WHERE archive = :archive AND accepted < :before;

-- name: event_archived_size -- how many there are, and their bytes
SELECT COUNT(*) AS events, CAST(COALESCE(SUM(LENGTH(body)), 0) AS BIGINT) AS bytes
FROM event_archived WHERE archive = :archive;

-- name: event_archived_page -- the next events of a replay, by their time
SELECT id, at, body FROM event_archived
WHERE archive = :archive AND at >= :first AND at <= :until AND (at > :last_at OR (at = :last_at AND id > :last_id))
ORDER BY at, id LIMIT :most;

-- name: event_replay_put -- a replay as it is now
INSERT INTO event_replays (account, region, name, settings, last_at, last_id)
VALUES (:account, :region, :name, :settings, :last_at, :last_id)
ON CONFLICT (account, region, name) DO UPDATE SET
    settings = excluded.settings, last_at = excluded.last_at, last_id = excluded.last_id;

-- name: event_replays_all -- every replay
SELECT * FROM event_replays;
