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
