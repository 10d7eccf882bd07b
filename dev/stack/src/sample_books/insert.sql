-- Inserts $1 books. What a book has follows from its number through MD5, which is the same on every server, so that
-- the same books come each time and no column follows from another one.
with words as (
    select
        array['Silent', 'Burning', 'Last', 'Hidden', 'Northern', 'Broken', 'Glass', 'Winter', 'Borrowed', 'Distant',
              'Golden', 'Drowned', 'Paper', 'Salt', 'Quiet', 'Second', 'Wild', 'Forgotten'] as adjectives,
        array['Garden', 'River', 'Library', 'Orchard', 'Harbour', 'Letter', 'Clock', 'House', 'Mountain', 'Shadow',
              'Song', 'Lantern', 'Bridge', 'Map', 'Island', 'Mirror', 'Forest', 'Tide', 'Road', 'Key'] as nouns,
        array['Ada', 'Bruno', 'Chiamaka', 'Dmitri', 'Élise', 'Farid', 'Greta', 'Haruki', 'Ines', 'Jorge', 'Kerstin',
              'Łukasz', 'Mei', 'Nadia', 'Óscar', 'Priya', 'Quentin', 'Ruth', 'Sinéad', 'Tomáš'] as first_names,
        array['Adeyemi', 'Bergström', 'Castillo', 'Dvořák', 'Eriksen', 'Fontaine', 'García', 'Hoffmann', 'Ivanova',
              'Jansen', 'Kowalska', 'Le Guin', 'Moreau', 'Nakamura', 'O''Brien', 'Petrov', 'Rossi', 'Silva', 'Tanaka',
              'Weiß'] as last_names
), hashed as (
    select n, decode(md5(n::text), 'hex') as hash from generate_series(1, $1::bigint) as n
), numbered as (
    -- Numbers from 0 to 65535.
    select
        n,
        get_byte(hash, 0) * 256 + get_byte(hash, 1) as a,
        get_byte(hash, 2) * 256 + get_byte(hash, 3) as b,
        get_byte(hash, 4) * 256 + get_byte(hash, 5) as c,
        get_byte(hash, 6) * 256 + get_byte(hash, 7) as d,
        get_byte(hash, 8) * 256 + get_byte(hash, 9) as e,
        get_byte(hash, 10) * 256 + get_byte(hash, 11) as form,
        get_byte(hash, 12) * 256 + get_byte(hash, 13) as age
    from hashed
), chosen as (
    select
        n,
        form,
        age,
        adjectives[1 + a % array_length(adjectives, 1)] as adjective,
        nouns[1 + b % array_length(nouns, 1)] as noun,
        nouns[1 + c % array_length(nouns, 1)] as other,
        -- The square makes some authors write many books and most of them few.
        first_names[1 + d::bigint * d / 65536 * array_length(first_names, 1) / 65536]
            || ' ' || last_names[1 + e % array_length(last_names, 1)] as author
    from numbered, words
)
insert into books (title, author, year, description)
select
    case form % 5
        when 0 then 'The ' || adjective || ' ' || noun
        when 1 then adjective || ' ' || noun
        when 2 then 'The ' || noun || ' and the ' || other
        when 3 then noun || ' of the ' || adjective || ' ' || other
        else 'A ' || adjective || ' ' || noun || ', Volume ' || 1 + n % 9
    end,
    author,
    -- One in sixteen has no year; half of the others are younger than 1990.
    case when age % 16 > 0 then 2026 - (age::bigint * age / 65536 * 146 / 65536)::int end,
    -- One in three has no description.
    case form % 3
        when 0 then 'A story about a ' || lower(adjective) || ' ' || lower(noun) || '.'
        when 1 then 'How the ' || lower(noun) || ' came to the ' || lower(other) || ', told by ' || author || '.'
    end
from chosen
order by n
