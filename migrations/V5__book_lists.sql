-- What lists of books are found by. docs/QUERIES.md shows which statement uses which.

-- `title_contains`, from three characters on.
create extension if not exists pg_trgm;
create index books_title_trigrams on books using gin (title gin_trgm_ops);

-- `author`, in any case.
create index books_author_folded on books (lower(author), id);

-- The orders, with the id for ties. Descending reads the same index from its end. "C" is the order of code points:
-- the same on every server, and after every upgrade of its locales.
create index books_by_title on books (title collate "C", id);
create index books_by_author on books (author collate "C", id);
create index books_by_year on books (year, id);

-- What cursors are sealed with, so that nobody has to configure it: 244 random bits.
create table cursor_key (
    only_row boolean primary key default true check (only_row),
    key bytea not null check (octet_length(key) = 32)
);

insert into cursor_key (key)
values (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- How many books there are, so that a list of all of them need not count them. Whoever writes books holds this row
-- until the commit, a fraction of a millisecond later.
create table book_count (
    only_row boolean primary key default true check (only_row),
    total bigint not null
);

insert into book_count (total) select count(*) from books;

-- With the rights of its owner: nobody else writes the count.
create function count_books() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    difference bigint;
begin
    if tg_op = 'TRUNCATE' then
        update book_count set total = 0;
        return null;
    end if;
    select count(*) into difference from changed;
    if tg_op = 'DELETE' then
        difference := -difference;
    end if;
    update book_count set total = total + difference where difference <> 0;
    return null;
end
$$;

create trigger books_added after insert on books
referencing new table as changed for each statement execute function count_books();

create trigger books_removed after delete on books
referencing old table as changed for each statement execute function count_books();

create trigger books_truncated after truncate on books
for each statement execute function count_books();
