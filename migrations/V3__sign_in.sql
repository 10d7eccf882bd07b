-- What sign-in needs beyond accounts and sessions.

-- How often the password was changed (hashing it again is no change): what a sign-in that took its time compares
-- before it opens a session.
alter table users add column password_version integer not null default 1;

-- Whether somebody signed in from this network before: asked at each sign-in, since such a pair can't be locked
-- out by strangers who guess at the name.
create index sessions_of_pair on sessions (user_id, ip);

-- Guesses at passwords while Redis, which counts them otherwise, gives no answer. A row is one rule applied to one
-- subject; it counts from its first guess until it expires.
create table login_guesses (
    -- A hash of rule and subject, as in Redis; no name stands here.
    subject text primary key,
    guesses integer not null,
    expires_at timestamptz not null
);
