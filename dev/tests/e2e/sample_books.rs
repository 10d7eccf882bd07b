// part of books

//! Sample books, with which a local API begins if a person asks for them.

use serde_json::Value;
use stack::local_api::LocalApi;
use stack::stack::Persistence;
use testkit::connect;

use crate::{get, options};

#[tokio::test(flavor = "multi_thread")]
async fn sample_books_are_the_same_each_time_and_go_into_an_empty_database_only() {
    let mut options = options("e2e-seeded-stack", Persistence::Temporary);
    options.sample_books = Some(1000);
    let api = LocalApi::start(options).await.unwrap();
    let database = connect(api.stack().var("DATABASE_URL")).await;
    let digest = async || {
        let sql = "select md5(string_agg(concat_ws('|', title, author, year, description), '\n' order by id)) \
             from books";
        database.query_one(sql, &[]).await.unwrap().get::<_, String>(0)
    };
    let first = digest().await;
    let page: Value = serde_json::from_str(&get(&api, "/books?page_size=1").await.body).unwrap();
    let url = api.stack().var("DATABASE_URL");
    let refused = stack::sample_books::insert(url, 10).await.unwrap();
    let kept = digest().await;
    database.batch_execute("delete from books").await.unwrap();
    let repeated = stack::sample_books::insert(url, 1000).await.unwrap();
    let second = digest().await;
    let sql = "select count(distinct author) > 100 and count(distinct title) > 500 and count(distinct year) > 50 \
         and count(*) > count(year) and count(*) > count(description) from books";
    let is_varied = database.query_one(sql, &[]).await.unwrap().get::<_, bool>(0);
    api.stop().await;
    assert_eq!(page["total"], 1000, "{page}");
    assert!(refused.contains("--fresh"), "{refused}");
    assert_eq!(repeated, "Sample books: 1000");
    assert_eq!([&kept, &second], [&first, &first]);
    assert!(is_varied);
}
