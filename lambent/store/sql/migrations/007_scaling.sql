-- Scaling of provisioned concurrency. Only types and clauses that SQLite and PostgreSQL share (decision 0003).

CREATE TABLE scalable_targets (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    qualifier TEXT NOT NULL, -- the number of a version, or an alias
    number BIGINT, -- that of a version, with which this goes; null for an alias
    minimum BIGINT NOT NULL, -- environments
    maximum BIGINT NOT NULL,
    role TEXT NOT NULL, -- ARN, as given or the service's own
    in_suspended BIGINT NOT NULL, -- 0 | 1: policies must not scale in
    out_suspended BIGINT NOT NULL, -- 0 | 1: nor out
    schedule_suspended BIGINT NOT NULL, -- 0 | 1: scheduled actions are passed over
    id TEXT NOT NULL, -- the last part of its ARN
    tags TEXT NOT NULL, -- JSON object
    created_at DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (account, region, name, qualifier),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE,
    FOREIGN KEY (account, region, name, number)
        REFERENCES function_versions (account, region, name, number) ON DELETE CASCADE
);

CREATE TABLE scaling_policies (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    policy TEXT NOT NULL, -- its name
    id TEXT NOT NULL, -- UUID, in its ARN and in the names of its alarms
    tracking TEXT NOT NULL, -- JSON: TargetTrackingScalingPolicyConfiguration
    created_at DOUBLE PRECISION NOT NULL, -- epoch seconds
    out_at DOUBLE PRECISION NOT NULL, -- when it last scaled out; 0: never
    out_from BIGINT NOT NULL, -- and from how many
    in_at DOUBLE PRECISION NOT NULL, -- when it last scaled in; 0: never
    PRIMARY KEY (account, region, name, qualifier, policy),
    FOREIGN KEY (account, region, name, qualifier)
        REFERENCES scalable_targets (account, region, name, qualifier) ON DELETE CASCADE
);

CREATE TABLE scheduled_actions (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    action TEXT NOT NULL, -- its name
    id TEXT NOT NULL, -- UUID, in its ARN
    schedule TEXT NOT NULL, -- at(...), rate(...) or cron(...)
    timezone TEXT NOT NULL, -- IANA name; empty: UTC
    start_at DOUBLE PRECISION, -- epoch seconds; null: none
    end_at DOUBLE PRECISION,
    minimum BIGINT, -- null: stays as it is
    maximum BIGINT,
    created_at DOUBLE PRECISION NOT NULL,
    next_at DOUBLE PRECISION, -- when it is due; null: never again
    PRIMARY KEY (account, region, name, qualifier, action),
    FOREIGN KEY (account, region, name, qualifier)
        REFERENCES scalable_targets (account, region, name, qualifier) ON DELETE CASCADE
);

CREATE TABLE scaling_activities (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    number BIGINT, -- as in scalable_targets
    id TEXT NOT NULL, -- UUID
    description TEXT NOT NULL,
    cause TEXT NOT NULL,
    began_at DOUBLE PRECISION NOT NULL, -- epoch seconds
    status TEXT NOT NULL, -- Successful | Failed
    message TEXT NOT NULL,
    position BIGINT NOT NULL, -- in the order in which they happened to this qualifier
    PRIMARY KEY (account, region, name, qualifier, position),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE,
    FOREIGN KEY (account, region, name, number)
        REFERENCES function_versions (account, region, name, number) ON DELETE CASCADE
);
