-- All sessions of a user end at once, however many there are: each session is of an epoch of its user, and only those of
-- the current one are alive. Ending them all is a change of one row.
alter table users add column session_epoch bigint not null default 0;
alter table sessions add column epoch bigint not null default 0;

-- A user has a bounded number of live sessions: one more ends the one that was unused longest.
alter table sessions drop constraint sessions_end_reason_check;
alter table sessions add constraint sessions_end_reason_check
    check (end_reason in ('logout', 'logout_all', 'reuse', 'password', 'revoked', 'surplus'));

update sessions set ended_at = now(), end_reason = 'surplus'
where id in (
    select id
    from (
        select id, row_number() over (partition by user_id order by last_used_at desc, id) as nth
        from sessions
        where ended_at is null
    ) as numbered
    where nth > 100
);

-- Finds the live sessions of a user among all that ever were, the last used first.
create index sessions_of_epoch on sessions (user_id, epoch, last_used_at desc) where ended_at is null;
drop index sessions_of_user;

-- The newest token of a session is the one that was not used.
create index refresh_tokens_unused on refresh_tokens (session_id) where used_at is null;

do $$
declare
    allowed record;
begin
    for allowed in
        select * from (values
            ('bookshelf_books', 'select (session_epoch) on users'),
            ('bookshelf_books', 'select (epoch) on sessions'),
            ('bookshelf_auth', 'update (session_epoch) on users'),
            ('bookshelf_auth', 'insert (epoch) on sessions'),
            ('bookshelf_auth', 'update (epoch) on sessions')
        ) as rights (role, what)
        where exists (select from pg_roles where rolname = role)
    loop
        execute format('grant %s to %I', allowed.what, allowed.role);
    end loop;
end $$;

-- Temporary tables last: without it they would be looked up first, and hide the count from the function that has its
-- owner's rights.
alter function count_books() set search_path = pg_catalog, public, pg_temp;
