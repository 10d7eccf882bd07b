-- Text that is compared for equality is ordered by code points, as the orders of lists are: the same on every server, and
-- after every upgrade of its locales. An index in the order of a locale is damaged when that order changes, and a unique
-- one then lets the same name in twice.
alter table users alter column username_key type text collate "C";
alter table sessions alter column ip type text collate "C";
alter table login_guesses alter column subject type text collate "C";
alter table idempotent_writes alter column id type text collate "C";
alter table pending_invalidations alter column list type text collate "C";

-- The folding of case stays that of the database: "C" knows ASCII alone.
drop index books_author_folded;
create index books_author_folded on books ((lower(author)) collate "C", id);
