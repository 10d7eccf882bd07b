-- Each function signs in as somebody who may do just what its statements do. The roles belong to the whole cluster, the
-- rights to this database; both may be made again.

-- They have no password: with IAM they need none, and elsewhere an operator gives them one. The limits stand on the role
-- because a session that set them could not share a pooled connection. A statement is over a little before the caller
-- has lost patience (1.5 s) and is told 503.
do $$
declare
    name text;
begin
    foreach name in array array['bookshelf_books', 'bookshelf_auth', 'bookshelf_system'] loop
        continue when exists (select from pg_roles where rolname = name);
        begin
            execute format('create role %I login', name);
            execute format('alter role %I set statement_timeout = ''1400ms''', name);
            execute format('alter role %I set lock_timeout = ''1s''', name);
            execute format('alter role %I set idle_in_transaction_session_timeout = ''5s''', name);
            -- So that whoever owns the tables can try what a function may do: `set role bookshelf_books`.
            execute format('grant %I to current_user', name);
        exception
            -- Another database of the cluster is being migrated at the same time, and was first.
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then
                raise warning 'the role % is left out: % may not create roles', name, current_user;
        end;
    end loop;
end $$;

-- On RDS: whoever is a member signs in with a token, and no longer with a password.
do $$
declare
    name text;
begin
    for name in
        select rolname from pg_roles
        where rolname in ('bookshelf_books', 'bookshelf_auth', 'bookshelf_system')
          and exists (select from pg_roles where rolname = 'rds_iam')
    loop
        execute format('grant rds_iam to %I', name);
    end loop;
exception
    when insufficient_privilege then raise warning 'rds_iam was not granted: %', sqlerrm;
end $$;

-- By default anybody may connect, make temporary tables and see what is in the schema, and on old servers fill it.
revoke all on schema public from public;
do $$
begin
    execute format('revoke all on database %I from public', current_database());
end $$;

-- What each function's statements need, and no more. A function that is to do more gets it in a migration of its own.
do $$
declare
    allowed record;
begin
    for allowed in
        select * from (values
            ('bookshelf_system', format('connect on database %I', current_database())),

            ('bookshelf_books', format('connect on database %I', current_database())),
            ('bookshelf_books', 'usage on schema public'),
            ('bookshelf_books', 'select, delete on books'),
            ('bookshelf_books', 'insert (title, author, year, description) on books'),
            ('bookshelf_books', 'update (title, author, year, description, version, updated_at) on books'),
            ('bookshelf_books', 'select on cursor_key'),
            ('bookshelf_books', 'select on book_count'),
            ('bookshelf_books', 'select, delete on pending_invalidations'),
            ('bookshelf_books', 'insert (list) on pending_invalidations'),
            ('bookshelf_books', 'update (mark, noted_at) on pending_invalidations'),
            ('bookshelf_books', 'select, delete on idempotent_writes'),
            ('bookshelf_books', 'insert (id, validation, resource_id) on idempotent_writes'),
            -- Who is signed in; no password's hash and no token.
            ('bookshelf_books', 'select (id, username, role, disabled) on users'),
            ('bookshelf_books', 'select (id, user_id, expires_at, ended_at) on sessions'),

            ('bookshelf_auth', format('connect on database %I', current_database())),
            ('bookshelf_auth', 'usage on schema public'),
            ('bookshelf_auth', 'select on users'),
            -- Everybody begins with the role that the table gives, and nobody is given another one here.
            ('bookshelf_auth', 'insert (username, username_key, password_hash) on users'),
            ('bookshelf_auth', 'update (password_hash, password_version) on users'),
            ('bookshelf_auth', 'select on sessions'),
            ('bookshelf_auth', 'insert (id, user_id, expires_at, ip) on sessions'),
            ('bookshelf_auth', 'update (last_used_at, ended_at, end_reason) on sessions'),
            ('bookshelf_auth', 'select on refresh_tokens'),
            ('bookshelf_auth',
                'insert (digest, session_id, jti, role, issued_at, expires_at) on refresh_tokens'),
            ('bookshelf_auth', 'update (used_at, successor) on refresh_tokens'),
            ('bookshelf_auth', 'select, insert, delete on login_guesses'),
            ('bookshelf_auth', 'update (guesses, expires_at) on login_guesses'),
            ('bookshelf_auth', 'select, delete on idempotent_writes'),
            ('bookshelf_auth', 'insert (id, validation, resource_id) on idempotent_writes')
        ) as rights (role, what)
        where exists (select from pg_roles where rolname = role)
    loop
        execute format('grant %s to %I', allowed.what, allowed.role);
    end loop;
end $$;
