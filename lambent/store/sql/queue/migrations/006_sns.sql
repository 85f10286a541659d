-- Amazon SNS: topics, subscriptions, and HTTP requests that are still to be made. Only what SQLite and PostgreSQL share.

CREATE TABLE sns_topics (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    attributes TEXT NOT NULL, -- JSON: those that somebody has set
    tags TEXT NOT NULL, -- JSON
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    deleted_subscriptions BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);

CREATE TABLE sns_subscriptions (
    topic TEXT NOT NULL, -- ARN
    id TEXT NOT NULL, -- the last part of its ARN
    protocol TEXT NOT NULL, -- lambda | sqs | http | https
    endpoint TEXT NOT NULL,
    owner TEXT NOT NULL, -- account
    principal TEXT NOT NULL, -- ARN of whoever subscribed
    attributes TEXT NOT NULL, -- JSON
    token TEXT NOT NULL, -- with which it is confirmed
    confirmed BIGINT NOT NULL, -- 1 or 0
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (topic, id)
);

CREATE TABLE sns_deliveries (
    id INTEGER PRIMARY KEY,
    subscription TEXT NOT NULL, -- ARN
    endpoint TEXT NOT NULL, -- URL
    kind TEXT NOT NULL, -- Notification | SubscriptionConfirmation | UnsubscribeConfirmation
    message_id TEXT NOT NULL,
    topic TEXT NOT NULL, -- ARN
    raw BIGINT NOT NULL, -- 1 or 0
    body TEXT NOT NULL,
    tries BIGINT NOT NULL,
    due DOUBLE PRECISION NOT NULL, -- epoch seconds: not to be tried before
    dead_letters TEXT NOT NULL -- ARN of a queue; '' for none
);

-- What a FIFO topic has accepted lately: whatever comes again within five minutes is the same message.
CREATE TABLE sns_dedups (
    topic TEXT NOT NULL, -- ARN
    dedup_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sequence TEXT NOT NULL,
    until DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (topic, dedup_id)
);
