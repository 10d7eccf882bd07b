//! Each ability of a proxy, in front of a store that returns what it receives.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use super::*;

/// Longer than anything takes that no fault prevents.
const LONG: Duration = Duration::from_millis(150);

/// A store that returns what it receives, two bytes at a time.
async fn store() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut two = [0; 2];
                while client.read_exact(&mut two).await.is_ok() {
                    client.write_all(&two).await.unwrap();
                }
            });
        }
    });
    format!("redis://:password@{address}/0")
}

async fn proxy() -> Proxy {
    Proxy::in_front_of(&store().await).await.unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    let address = proxy.url().trim_start_matches("redis://:password@").trim_end_matches("/0").to_owned();
    TcpStream::connect(address).await.unwrap()
}

async fn send(client: &mut TcpStream, text: &str) {
    client.write_all(text.as_bytes()).await.unwrap();
}

/// The next `count` bytes that the client receives; empty if the connection is closed instead.
async fn receive(client: &mut TcpStream, count: usize) -> String {
    let mut bytes = vec![0; count];
    let received = timeout(WAIT_LIMIT, client.read_exact(&mut bytes)).await.expect("an answer in time");
    received.map_or_else(|_| String::new(), |_| String::from_utf8(bytes).unwrap())
}

async fn ask(client: &mut TcpStream, text: &str) -> String {
    send(client, text).await;
    receive(client, text.len()).await
}

/// Whether the client gets neither bytes nor an end of the connection.
async fn is_silent(client: &mut TcpStream) -> bool {
    timeout(LONG, client.read(&mut [0])).await.is_err()
}

#[tokio::test]
async fn what_is_sent_before_an_answer_is_one_trip() {
    let proxy = Proxy::counting(&store().await).await.unwrap();
    let mut client = connect(&proxy).await;
    for _ in 0..2 {
        send(&mut client, "a").await;
        send(&mut client, "b").await;
        receive(&mut client, 2).await;
    }
    assert_eq!((proxy.trips(), proxy.trips(), proxy.connections(), proxy.opened()), (2, 0, 1, 1));
    assert_eq!((proxy.sent(), proxy.sent()), (b"abab".to_vec(), Vec::new()));
    drop(client);
    until(|| proxy.connections() == 0, "the connection is still counted").await;
}

#[tokio::test]
async fn an_answer_is_held_until_the_proxy_is_open_again() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.set(Mode::Holding);
    send(&mut client, "ab").await;
    proxy.until_holding().await;
    assert!(is_silent(&mut client).await);
    proxy.set(Mode::Open);
    assert_eq!(receive(&mut client, 2).await, "ab");
}

#[tokio::test]
async fn answers_are_delayed() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.delay_answers(LONG);
    for _ in 0..2 {
        let sent = Instant::now();
        ask(&mut client, "ab").await;
        assert!(sent.elapsed() >= LONG);
    }
}

#[tokio::test]
async fn only_the_answers_to_a_sign_in_are_delayed() {
    const SIGN_IN: Duration = Duration::from_millis(600);
    let proxy = proxy().await;
    let mut before = connect(&proxy).await;
    ask(&mut before, "ab").await;
    proxy.delay_sign_ins(SIGN_IN);
    let opened = Instant::now();
    ask(&mut before, "ab").await;
    let mut client = connect(&proxy).await;
    ask(&mut before, "ab").await;
    assert!(opened.elapsed() < SIGN_IN, "an open connection is not delayed");
    ask(&mut client, "ab").await;
    assert!(opened.elapsed() >= SIGN_IN);
    let signed_in = Instant::now();
    for _ in 0..3 {
        ask(&mut client, "ab").await;
    }
    assert!(signed_in.elapsed() < SIGN_IN);
}

#[tokio::test]
async fn what_was_swallowed_in_either_direction_arrives_when_the_proxy_is_open_again() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.set(Mode::Holding);
    send(&mut client, "ab").await;
    proxy.until_holding().await;
    proxy.set(Mode::Swallowing);
    send(&mut client, "cd").await;
    let mut new = connect(&proxy).await;
    send(&mut new, "ef").await;
    assert!(is_silent(&mut client).await && is_silent(&mut new).await);
    proxy.set(Mode::Open);
    assert_eq!((receive(&mut client, 4).await, receive(&mut new, 2).await), ("abcd".into(), "ef".into()));
}

#[tokio::test]
async fn a_swallowed_request_reaches_the_store_though_its_client_has_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/0", listener.local_addr().unwrap());
    let proxy = Proxy::in_front_of(&url).await.unwrap();
    let address = proxy.url().trim_start_matches("redis://").trim_end_matches("/0").to_owned();
    let mut client = TcpStream::connect(address).await.unwrap();
    let (mut store, _) = listener.accept().await.unwrap();
    proxy.set(Mode::Swallowing);
    send(&mut client, "ab").await;
    drop(client);
    assert!(is_silent(&mut store).await, "the store does not even learn of the end");
    proxy.set(Mode::Open);
    assert_eq!((receive(&mut store, 2).await, receive(&mut store, 1).await), ("ab".into(), String::new()));
}

#[tokio::test]
async fn a_closed_proxy_closes_open_connections_and_new_ones() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    ask(&mut client, "ab").await;
    proxy.set(Mode::Closed);
    assert_eq!(receive(&mut client, 1).await, "");
    assert_eq!(receive(&mut connect(&proxy).await, 1).await, "");
    proxy.set(Mode::Open);
    assert_eq!(ask(&mut connect(&proxy).await, "ab").await, "ab");
}

#[tokio::test]
async fn a_cut_closes_open_connections_once() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    ask(&mut client, "ab").await;
    proxy.cut();
    assert_eq!(receive(&mut client, 1).await, "");
    assert_eq!(ask(&mut connect(&proxy).await, "ab").await, "ab");
}

#[tokio::test]
async fn a_forgotten_connection_swallows_everything_for_ever() {
    let proxy = proxy().await;
    let mut forgotten = connect(&proxy).await;
    ask(&mut forgotten, "ab").await;
    proxy.forget_connections();
    send(&mut forgotten, "cd").await;
    let mut client = connect(&proxy).await;
    assert_eq!(ask(&mut client, "ef").await, "ef");
    for mode in [Mode::Swallowing, Mode::Open] {
        proxy.set(mode);
        send(&mut forgotten, "gh").await;
        assert!(is_silent(&mut forgotten).await);
    }
    assert_eq!(ask(&mut client, "ij").await, "ij");
}

#[tokio::test]
async fn a_forgotten_script_has_another_digest_however_its_command_is_split() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    let (digest, zeros) = ("0123456789abcdef0123456789abcdef01234567", "0".repeat(40));
    let command = |digest: &str| format!("*3\r\n$7\r\nEVALSHA\r\n$40\r\n{digest}\r\n$1\r\n1\r\n+");
    assert_eq!(ask(&mut client, &command(digest)).await, command(digest));
    proxy.forget_scripts(true);
    for length in [1, 7, 200] {
        for part in command(digest).as_bytes().chunks(length) {
            client.write_all(part).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(receive(&mut client, command(digest).len()).await, command(&zeros), "{length}");
    }
    let loaded = "*2\r\n$4\r\nEVAL\r\n$40\r\n0123456789abcdef0123456789abcdef01234567\r\n+";
    assert_eq!(ask(&mut client, loaded).await, loaded);
    proxy.forget_scripts(false);
    assert_eq!(ask(&mut client, &command(digest)).await, command(digest));
}

#[tokio::test]
async fn trips_to_two_stores_count_once_if_they_travel_together() {
    let counter = TripCounter::default();
    let mut clients = Vec::new();
    let mut proxies = Vec::new();
    for _ in 0..2 {
        proxies.push(Proxy::counted_by(&counter, &store().await).await.unwrap());
        clients.push(connect(proxies.last().unwrap()).await);
    }
    let [redis, postgres] = &mut clients[..] else { unreachable!() };
    // Together, then one after the other, then twice to the same store.
    send(redis, "ab").await;
    send(postgres, "ab").await;
    receive(redis, 2).await;
    receive(postgres, 2).await;
    ask(redis, "cd").await;
    ask(postgres, "ef").await;
    ask(postgres, "gh").await;
    assert_eq!((counter.trips(), counter.trips()), (4, 0));
    assert_eq!((proxies[0].trips(), proxies[1].trips()), (2, 3));
    ask(redis, "ij").await;
    assert_eq!(counter.trips(), 1);
}

#[tokio::test]
async fn what_a_request_leaves_behind_does_not_count_for_the_next_one() {
    let counter = TripCounter::default();
    let proxy = Proxy::counted_by(&counter, &store().await).await.unwrap();
    let [mut left, mut first, mut next] =
        [connect(&proxy).await, connect(&proxy).await, connect(&proxy).await];
    ask(&mut left, "ab").await;
    // A task that is slow to begin, and then makes two trips.
    let left = tokio::spawn(async move {
        sleep(Duration::from_millis(20)).await;
        ask(&mut left, "cd").await;
        ask(&mut left, "ef").await;
    });
    assert_eq!(counter.trips(), 1);
    counter.settled().await;
    assert!(left.is_finished());
    assert_eq!((counter.trips(), proxy.trips()), (2, 3));
    // An answer that is under way when the counter is read has no depth any more.
    send(&mut first, "gh").await;
    until(|| proxy.count("gh") == 1, "not sent").await;
    assert_eq!(counter.trips(), 1);
    ask(&mut next, "ij").await;
    assert_eq!(receive(&mut first, 2).await, "gh");
    assert_eq!(counter.trips(), 1);
}
