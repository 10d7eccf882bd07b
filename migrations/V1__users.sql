-- People, their sessions, and the refresh tokens that keep a session alive.

create table users (
    id bigint generated always as identity primary key,
    -- As the user wrote it; `username_key` is its NFKC case-folded form, which alone is unique, so that
    -- "Ada" and "ada" (or its full-width twin) can't be two people.
    username text not null check (char_length(username) between 3 and 50),
    username_key text not null unique,
    -- bcrypt over a peppered MAC; see shared/src/passwords.rs.
    password_hash text not null,
    role text not null default 'user' check (role in ('user', 'admin')),
    disabled boolean not null default false,
    created_at timestamptz not null default now()
);

-- A session is a family of refresh tokens: it begins with a sign-in and ends as a whole.
create table sessions (
    id uuid primary key,
    user_id bigint not null references users on delete cascade,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    -- The absolute limit; refreshing does not move it.
    expires_at timestamptz not null,
    -- Where the sign-in came from, as the rate limiter names it.
    ip text not null,
    ended_at timestamptz,
    end_reason text check (end_reason in ('logout', 'logout_all', 'reuse', 'password', 'revoked')),
    check ((ended_at is null) = (end_reason is null))
);

create index sessions_of_user on sessions (user_id) where ended_at is null;

create table refresh_tokens (
    -- SHA-256 of the token. The token itself is nowhere.
    digest bytea primary key check (octet_length(digest) = 32),
    session_id uuid not null references sessions on delete cascade,
    -- With these the very same token can be signed once more, for a client whose answer got lost.
    jti uuid not null unique,
    role text not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    -- The jti that this token was exchanged for; unique, so that a token can't have two successors.
    successor uuid unique,
    check ((used_at is null) = (successor is null))
);

create index refresh_tokens_of_session on refresh_tokens (session_id);
