-- The table of notes, with a name that no function of a copy gives its own, and the role of the function `probe`, with limits and rights as V8__roles.sql gives them.
create table probe_notes (
    id bigint generated always as identity primary key,
    text text not null check (char_length(text) between 1 and 200)
);

do $$
begin
    if not exists (select from pg_roles where rolname = 'bookshelf_probe') then
        create role bookshelf_probe login;
        alter role bookshelf_probe set statement_timeout = '1400ms';
        alter role bookshelf_probe set lock_timeout = '1s';
        alter role bookshelf_probe set idle_in_transaction_session_timeout = '5s';
        grant bookshelf_probe to current_user;
    end if;
exception
    -- Another database of the cluster is being prepared at the same time, and was first.
    when duplicate_object or unique_violation then null;
end $$;

do $$
begin
    execute format('grant connect on database %I to bookshelf_probe', current_database());
end $$;

grant usage on schema public to bookshelf_probe;
grant select, delete on probe_notes to bookshelf_probe;
grant insert (text), update (text) on probe_notes to bookshelf_probe;
grant select, delete on pending_invalidations, idempotent_writes to bookshelf_probe;
grant insert (list) on pending_invalidations to bookshelf_probe;
grant update (mark, noted_at) on pending_invalidations to bookshelf_probe;
grant insert (id, validation, resource_id) on idempotent_writes to bookshelf_probe;
grant select (id, username, role, disabled, session_epoch) on users to bookshelf_probe;
grant select (id, user_id, expires_at, ended_at, epoch) on sessions to bookshelf_probe;
