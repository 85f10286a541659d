-- name: sns_topic_put -- a topic as it is now
INSERT INTO sns_topics (account, region, name, attributes, tags, created, deleted_subscriptions)
VALUES (:account, :region, :name, :attributes, :tags, :created, :deleted_subscriptions)
ON CONFLICT (account, region, name) DO UPDATE SET
    attributes = excluded.attributes, tags = excluded.tags, deleted_subscriptions = excluded.deleted_subscriptions;

-- name: sns_topic_drop -- it is gone
DELETE FROM sns_topics WHERE account = :account AND region = :region AND name = :name;

-- name: sns_topic_unsubscribed -- one of its subscriptions is gone
UPDATE sns_topics SET deleted_subscriptions = deleted_subscriptions + 1
WHERE account = :account AND region = :region AND name = :name;

-- name: sns_topics_all -- every topic
SELECT * FROM sns_topics;

-- name: sns_subscription_put -- a subscription as it is now
INSERT INTO sns_subscriptions (
    topic, id, protocol, endpoint, owner, principal, attributes, token, confirmed, created
) VALUES (
    :topic, :id, :protocol, :endpoint, :owner, :principal, :attributes, :token, :confirmed, :created
)
ON CONFLICT (topic, id) DO UPDATE SET attributes = excluded.attributes, confirmed = excluded.confirmed;

-- name: sns_subscription_drop -- it is gone
DELETE FROM sns_subscriptions WHERE topic = :topic AND id = :id;

-- name: sns_subscriptions_of_topic_drop -- all of a topic that is gone
DELETE FROM sns_subscriptions WHERE topic = :topic;

-- name: sns_subscriptions_all -- every subscription, in the order in which they were made
SELECT * FROM sns_subscriptions ORDER BY created, topic, id;

-- name: sns_delivery_add -- an HTTP request that is to be made
INSERT INTO sns_deliveries (
    id, subscription, endpoint, kind, message_id, topic, raw, body, tries, due, dead_letters
) VALUES (
    :id, :subscription, :endpoint, :kind, :message_id, :topic, :raw, :body, :tries, :due, :dead_letters
);

-- name: sns_delivery_again -- it failed, and is to be made again
UPDATE sns_deliveries SET tries = :tries, due = :due WHERE id = :id;

-- name: sns_delivery_drop -- it was made, or given up
DELETE FROM sns_deliveries WHERE id = :id;

-- name: sns_deliveries_all -- those that are still to be made
SELECT * FROM sns_deliveries ORDER BY due, id;

-- name: sns_delivery_last -- the highest number that one has
SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) AS last FROM sns_deliveries;

-- name: sns_dedup_put -- what was accepted, for as long as it counts
INSERT INTO sns_dedups (topic, dedup_id, message_id, sequence, until)
VALUES (:topic, :dedup_id, :message_id, :sequence, :until)
ON CONFLICT (topic, dedup_id) DO UPDATE SET
    message_id = excluded.message_id, sequence = excluded.sequence, until = excluded.until;

-- name: sns_dedups_all -- those that still count
SELECT * FROM sns_dedups WHERE until > :now;

-- name: sns_dedups_expire -- those that count no more
DELETE FROM sns_dedups WHERE until <= :now;
