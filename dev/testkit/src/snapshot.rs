//! The rows of all tables of a database, saved as JSON and restored.
//!
//! Restoring is faster than creating a database. Replayed cases and property tests that need the same rows begin
//! from one snapshot.

use tokio_postgres::{Client, Error};

/// Lists the tables with their columns. They are in the order of their creation, so a table comes after those that it
/// refers to. The table of the migrations is not part of a snapshot.
const TABLES: &str = "
    select quote_ident(relname), (
        select string_agg(quote_ident(attname), ', ' order by attnum)
        from pg_attribute
        where attrelid = pg_class.oid and attnum > 0 and not attisdropped and attgenerated = ''
    )
    from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'refinery_schema_history'
    order by oid";

/// For each identity column, a statement that lets its sequence continue after the largest value in the table.
const SEQUENCES: &str = "
    select format(
        'select setval(%L, (select coalesce(max(%I), 0) + 1 from %s), false)',
        pg_get_serial_sequence(attrelid::regclass::text, attname), attname, attrelid::regclass
    )
    from pg_attribute
    join pg_class on pg_class.oid = attrelid and relnamespace = 'public'::regnamespace
    where attidentity <> ''";

/// The rows of a database, by table.
#[derive(Debug, PartialEq, Eq)]
pub struct DatabaseSnapshot(Vec<Table>);

#[derive(Debug, PartialEq, Eq)]
struct Table {
    name: String,
    columns: String,
    /// A JSON array.
    rows: String,
}

impl DatabaseSnapshot {
    pub(super) async fn of(database: &Client) -> Result<Self, Error> {
        let mut tables = Vec::new();
        for row in database.query(TABLES, &[]).await? {
            let (name, columns): (String, String) = (row.get(0), row.get(1));
            let sql = format!("select coalesce(json_agg(t), '[]')::text from {name} t");
            let rows = database.query_one(&sql, &[]).await?.get(0);
            tables.push(Table { name, columns, rows });
        }
        Ok(Self(tables))
    }

    /// Ends all other connections of this role, and replaces all rows by those of the snapshot.
    pub(super) async fn restore(&self, database: &mut Client) -> Result<(), Error> {
        let others = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
            where datname = current_database() and usename = current_user and pid <> pg_backend_pid()";
        database.execute(others, &[]).await?;
        let transaction = database.transaction().await?;
        let names: Vec<_> = self.0.iter().map(|table| table.name.as_str()).collect();
        transaction.batch_execute(&format!("truncate {} restart identity", names.join(", "))).await?;
        for Table { name, columns, rows } in self.0.iter().filter(|table| table.rows != "[]") {
            let sql = format!(
                "insert into {name} ({columns}) overriding system value
                select {columns} from json_populate_recordset(null::{name}, $1::text::json)"
            );
            transaction.execute(&sql, &[rows]).await?;
        }
        for row in transaction.query(SEQUENCES, &[]).await? {
            transaction.batch_execute(row.get(0)).await?;
        }
        transaction.commit().await
    }
}
