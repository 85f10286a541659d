-- name: scaling_target_of_account -- every scalable target of an account in a region
SELECT account, region, name, qualifier, minimum, maximum, role, in_suspended, out_suspended,
    schedule_suspended, id, tags, created_at FROM scalable_targets
WHERE account = :account AND region = :region
ORDER BY name, qualifier;

-- name: scaling_target_get -- one scalable target
SELECT account, region, name, qualifier, minimum, maximum, role, in_suspended, out_suspended,
    schedule_suspended, id, tags, created_at FROM scalable_targets
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: scaling_target_everywhere -- every scalable target there is
SELECT account, region, name, qualifier, minimum, maximum, role, in_suspended, out_suspended,
    schedule_suspended, id, tags, created_at FROM scalable_targets
ORDER BY account, region, name, qualifier;

-- name: scaling_target_put -- store a scalable target, or another in its place
INSERT INTO scalable_targets (
    account, region, name, qualifier, number, minimum, maximum, role, in_suspended, out_suspended,
    schedule_suspended, id, tags, created_at
)
VALUES (
    :account, :region, :name, :qualifier, :number, :minimum, :maximum, :role, :in_suspended,
    :out_suspended, :schedule_suspended, :id, :tags, :created_at
)
ON CONFLICT (account, region, name, qualifier) DO UPDATE SET
    minimum = excluded.minimum,
    maximum = excluded.maximum,
    role = excluded.role,
    in_suspended = excluded.in_suspended,
    out_suspended = excluded.out_suspended,
    schedule_suspended = excluded.schedule_suspended,
    id = excluded.id,
    tags = excluded.tags,
    created_at = excluded.created_at;

-- name: scaling_target_remove -- delete a scalable target
DELETE FROM scalable_targets
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: scaling_policy_of_account -- every scaling policy of an account in a region
SELECT account, region, name, qualifier, policy, id, tracking, created_at, out_at, out_from, in_at
    FROM scaling_policies
WHERE account = :account AND region = :region
ORDER BY name, qualifier, policy;

-- name: scaling_policy_everywhere -- every scaling policy there is
SELECT account, region, name, qualifier, policy, id, tracking, created_at, out_at, out_from, in_at
    FROM scaling_policies
ORDER BY account, region, name, qualifier, policy;

-- name: scaling_policy_count -- how many scaling policies there are
SELECT COUNT(*) AS policies FROM scaling_policies;

-- name: scaling_policy_put -- store a scaling policy, or another in its place
INSERT INTO scaling_policies (
    account, region, name, qualifier, policy, id, tracking, created_at, out_at, out_from, in_at
)
VALUES (
    :account, :region, :name, :qualifier, :policy, :id, :tracking, :created_at, :out_at, :out_from,
    :in_at
)
ON CONFLICT (account, region, name, qualifier, policy) DO UPDATE SET
    id = excluded.id,
    tracking = excluded.tracking,
    created_at = excluded.created_at,
    out_at = excluded.out_at,
    out_from = excluded.out_from,
    in_at = excluded.in_at;

-- name: scaling_policy_remove -- delete a scaling policy
DELETE FROM scaling_policies
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier AND policy = :policy;

-- name: scheduled_action_of_account -- every scheduled action of an account in a region
SELECT account, region, name, qualifier, action, id, schedule, timezone, start_at, end_at, minimum,
    maximum, created_at, next_at FROM scheduled_actions
WHERE account = :account AND region = :region
ORDER BY name, qualifier, action;

-- name: scheduled_action_everywhere -- every scheduled action there is
SELECT account, region, name, qualifier, action, id, schedule, timezone, start_at, end_at, minimum,
    maximum, created_at, next_at FROM scheduled_actions
ORDER BY account, region, name, qualifier, action;

-- name: scheduled_action_put -- store a scheduled action, or another in its place
INSERT INTO scheduled_actions (
    account, region, name, qualifier, action, id, schedule, timezone, start_at, end_at, minimum, maximum,
    created_at, next_at
)
VALUES (
    :account, :region, :name, :qualifier, :action, :id, :schedule, :timezone, :start_at, :end_at,
    :minimum, :maximum, :created_at, :next_at
)
ON CONFLICT (account, region, name, qualifier, action) DO UPDATE SET
    id = excluded.id,
    schedule = excluded.schedule,
    timezone = excluded.timezone,
    start_at = excluded.start_at,
    end_at = excluded.end_at,
    minimum = excluded.minimum,
    maximum = excluded.maximum,
    created_at = excluded.created_at,
    next_at = excluded.next_at;

-- name: scheduled_action_remove -- delete a scheduled action
DELETE FROM scheduled_actions
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier AND action = :action;

-- name: scheduled_action_done -- when a scheduled action is due next, unless it was changed meanwhile
UPDATE scheduled_actions SET next_at = :next_at
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier AND action = :action AND next_at = :was_due;

-- name: scheduled_action_first -- when the first scheduled action is due
SELECT MIN(next_at) AS next_at FROM scheduled_actions;

-- name: scaling_activities_of_account -- what was scaled in an account and region, oldest first
SELECT account, region, name, qualifier, id, description, cause, began_at, status, message
FROM scaling_activities
WHERE account = :account AND region = :region
ORDER BY began_at, name, qualifier, position;

-- name: scaling_activity_last -- the newest activity of a qualifier
SELECT description, cause, status, message, position FROM scaling_activities
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier
ORDER BY position DESC
LIMIT 1;

-- name: scaling_activity_add -- tell of one more activity
INSERT INTO scaling_activities (
    account, region, name, qualifier, number, id, description, cause, began_at, status, message, position
)
VALUES (
    :account, :region, :name, :qualifier, :number, :id, :description, :cause, :began_at, :status, :message, :position
);

-- name: scaling_activities_forget -- delete the activities of a qualifier that are too many or too old
DELETE FROM scaling_activities
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier
    AND (position < :first OR began_at < :since);

-- name: scaling_activities_remove -- delete all activities of a qualifier
DELETE FROM scaling_activities
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;
