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
), numbered as (
    -- Seven numbers from 0 to 65535 for each book.
    select n, array(
        select ('x' || substr(md5(n::text), 1 + 4 * part, 4))::bit(16)::int from generate_series(0, 6) as part
        order by part
    ) as random
    from generate_series(1, $1::bigint) as n
), chosen as (
    select
        n,
        random,
        adjectives[1 + random[1] % array_length(adjectives, 1)] as adjective,
        nouns[1 + random[2] % array_length(nouns, 1)] as noun,
        nouns[1 + random[3] % array_length(nouns, 1)] as other,
        -- The square makes some authors write many books and most of them few.
        first_names[1 + (random[4]::bigint * random[4] / 65536 * array_length(first_names, 1) / 65536)::int]
            || ' ' || last_names[1 + random[5] % array_length(last_names, 1)] as author
    from numbered, words
)
insert into books (title, author, year, description)
select
    case random[6] % 5
        when 0 then 'The ' || adjective || ' ' || noun
        when 1 then adjective || ' ' || noun
        when 2 then 'The ' || noun || ' and the ' || other
        when 3 then noun || ' of the ' || adjective || ' ' || other
        else 'A ' || adjective || ' ' || noun || ', Volume ' || 1 + n % 9
    end,
    author,
    -- One in sixteen has no year; half of the others are younger than 1990.
    case when random[7] % 16 > 0 then 2026 - (random[7]::bigint * random[7] / 65536 * 146 / 65536)::int end,
    -- One in three has no description.
    case random[6] % 3
        when 0 then 'A story about a ' || lower(adjective) || ' ' || lower(noun) || '.'
        when 1 then 'How the ' || lower(noun) || ' came to the ' || lower(other) || ', told by ' || author || '.'
    end
from chosen
order by n
