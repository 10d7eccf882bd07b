-- How often a book has changed: its ETag, and what a conditional write compares.
alter table books add column version bigint not null default 1;
