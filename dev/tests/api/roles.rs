//! Database roles: each function has one with exactly the rights that its statements need.
//!
//! These tests show what the roles forbid. All other tests run their functions under the roles, and so show that the
//! rights are enough.

use shared::stores::postgres::STATEMENT_TIMEOUT;
use stack::environment::under_role;
use testkit::TestContext;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

const MIGRATION: &str = include_str!("../../../migrations/V8__roles.sql");

/// The roles that the migration makes. They stay when a function goes.
fn roles() -> Vec<&'static str> {
    let list = MIGRATION.split_once("array[").and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
    list.split(", ").map(|name| name.trim_matches('\'')).collect()
}

/// Statements forbidden to every function. They name the schema, since a role without rights to it sees nothing in it.
const FORBIDDEN_TO_ALL: [&str; 16] = [
    "update public.users set role = 'admin'",
    "update public.users set disabled = false",
    "insert into public.users (username, username_key, password_hash, role) values ('eve', 'eve', '', 'admin')",
    "delete from public.users",
    "delete from public.sessions",
    "update public.sessions set expires_at = now() + interval '1 year'",
    "delete from public.refresh_tokens",
    "update public.refresh_tokens set expires_at = now() + interval '1 year'",
    "update public.cursor_key set key = sha256('mine')",
    "truncate public.books",
    "drop table public.books",
    "alter table public.users disable trigger all",
    "create table public.mine ()",
    "create temporary table mine ()",
    "create role mine",
    "select * from public.refinery_schema_history",
];

// part of books
const FORBIDDEN_TO_BOOKS: [&str; 12] = [
    "select password_hash from public.users",
    "select * from public.users",
    "select username_key from public.users",
    "insert into public.users (username, username_key, password_hash) values ('eve', 'eve', '')",
    "update public.users set password_hash = ''",
    "select * from public.refresh_tokens",
    "insert into public.refresh_tokens select",
    "select ip from public.sessions",
    "update public.sessions set ended_at = null",
    "select * from public.login_guesses",
    "delete from public.login_guesses",
    "update public.books set id = default",
];
// end of part

// part of auth
const FORBIDDEN_TO_AUTH: [&str; 8] = [
    "select * from public.books",
    "insert into public.books (title, author) values ('T', 'A')",
    "update public.books set title = 'T'",
    "delete from public.books",
    "select key from public.cursor_key",
    "select * from public.pending_invalidations",
    "delete from public.pending_invalidations",
    "update public.users set username = 'eve'",
];
// end of part

const FORBIDDEN_TO_SYSTEM: [&str; 7] = [
    "select * from public.books",
    "select id from public.users",
    "select id from public.sessions",
    "select digest from public.refresh_tokens",
    "select subject from public.login_guesses",
    "select id from public.idempotent_writes",
    "select list from public.pending_invalidations",
];

/// A connection under the role of `function`.
async fn under(context: TestContext, function: &str) -> Client {
    let url = under_role(function, context.variable("DATABASE_URL"));
    context.with("DATABASE_URL", &url).database().await
}

#[tokio::test]
async fn the_server_refuses_each_function_what_its_role_does_not_need() {
    for (function, statements) in [
        ("books", &FORBIDDEN_TO_BOOKS[..]),
        ("auth", &FORBIDDEN_TO_AUTH[..]),
        ("system", &FORBIDDEN_TO_SYSTEM[..]),
    ] {
        let context = TestContext::new().await;
        // A copied database lacks the rights to the database itself, which the migration grants again.
        context.database().await.batch_execute(MIGRATION).await.unwrap();
        let database = under(context, function).await;
        let who: String = database.query_one("select current_user::text", &[]).await.unwrap().get(0);
        assert_eq!(who, format!("bookshelf_{function}"));
        for statement in FORBIDDEN_TO_ALL.iter().chain(statements) {
            let refusal = database.batch_execute(statement).await.expect_err(statement);
            let code = refusal.code().cloned();
            assert_eq!(code, Some(SqlState::INSUFFICIENT_PRIVILEGE), "{function}: {statement}: {refusal:?}");
        }
    }
}

#[tokio::test]
async fn no_object_in_the_database_grants_rights_to_public() {
    let context = TestContext::new().await;
    let database = context.database().await;
    database.batch_execute(MIGRATION).await.unwrap();
    let open = "
        select format('%s on %s', privilege_type, name) from (
            select relname::text as name, relacl as acl from pg_class where relnamespace = 'public'::regnamespace
            union all select nspname, nspacl from pg_namespace where nspname = 'public'
            union all select 'this database', datacl from pg_database where datname = current_database()
        ) as things, aclexplode(acl)
        where grantee = 0";
    let open: Vec<String> = database.query(open, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(open, [""; 0]);
}

#[tokio::test]
async fn the_statement_timeout_of_the_server_is_shorter_than_that_of_the_client() {
    let database = TestContext::new().await.database().await;
    for role in roles() {
        let sql = "
            select rolcanlogin, rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication, rolconfig
            from pg_roles where rolname = $1";
        let row = database.query_one(sql, &[&role]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), (true, false), "{role} may sign in and has no power");
        let settings: Vec<String> = row.get(2);
        let limit = settings.iter().find_map(|setting| setting.strip_prefix("statement_timeout=")).unwrap();
        let limit: u128 = limit.trim_end_matches("ms").parse().unwrap();
        assert!(limit < STATEMENT_TIMEOUT.as_millis(), "{role}: {settings:?}");
        for name in ["lock_timeout=", "idle_in_transaction_session_timeout="] {
            assert!(settings.iter().any(|setting| setting.starts_with(name)), "{role}: {settings:?}");
        }
    }
}

#[tokio::test]
async fn on_rds_the_roles_sign_in_with_iam_tokens() {
    let context = TestContext::new().await;
    let mut database = context.database().await;
    // Rolled back, since roles belong to the whole server.
    let transaction = database.transaction().await.unwrap();
    transaction.batch_execute("create role rds_iam").await.unwrap();
    transaction.batch_execute(MIGRATION).await.unwrap();
    for role in roles() {
        let sql = "select pg_has_role($1, 'rds_iam', 'member')";
        let member: bool = transaction.query_one(sql, &[&role]).await.unwrap().get(0);
        assert!(member, "{role}");
    }
    transaction.rollback().await.unwrap();
}

#[tokio::test]
async fn a_migration_without_the_right_to_create_roles_skips_them() {
    let context = TestContext::new().await;
    let mut database = context.database().await;
    let transaction = database.transaction().await.unwrap();
    for role in roles() {
        let rename = format!("alter role {role} rename to not_{role}");
        transaction.batch_execute(&rename).await.unwrap();
    }
    let become_another_role = "
        create role somebody;
        grant somebody to current_user;
        grant usage on schema public to somebody;
        set local role somebody";
    transaction.batch_execute(become_another_role).await.unwrap();
    transaction.batch_execute(MIGRATION).await.unwrap();
    let sql = "select count(*) from pg_roles where rolname = any($1)";
    let made: i64 = transaction.query_one(sql, &[&roles()]).await.unwrap().get(0);
    assert_eq!(made, 0);
    transaction.rollback().await.unwrap();
}
