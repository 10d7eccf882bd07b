-- Writes whose senders may repeat them: one row beside each, by the same statement, so that a repetition breaks the
-- primary key and writes nothing, whatever DynamoDB remembers.
create table idempotent_writes (
    -- A hash of stage, caller, method, route and key; the key itself stands nowhere.
    id text primary key,
    -- A MAC of the body, keyed with the key: the same key with another body is a mistake.
    validation text not null,
    -- What was written. Together with the body, which comes again, it is enough to give the first answer once more.
    resource_id bigint not null,
    expires_at timestamptz not null default now() + interval '24 hours'
);

-- What the purge looks for.
create index idempotent_writes_by_expiry on idempotent_writes (expires_at);
