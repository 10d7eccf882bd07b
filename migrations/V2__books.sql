-- The books. Lengths are code points, as the API counts them; the checks are a second lock on the same door.

create table books (
    id bigint generated always as identity primary key,
    title text not null check (char_length(title) between 1 and 200),
    author text not null check (char_length(author) between 1 and 100),
    year integer check (year between 0 and 2100),
    description text check (char_length(description) <= 1000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
