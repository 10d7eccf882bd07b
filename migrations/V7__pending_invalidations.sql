-- Lists whose cached pages could not be invalidated after a write. The next reader who misses a page and has Redis
-- forgets the pages, then the row.
create table pending_invalidations (
    list text primary key,
    -- Renewed with each failure: the row is deleted only with the mark that was seen before the pages were forgotten.
    mark bigint generated always as identity,
    noted_at timestamptz not null default now()
);
