//! A path to the stores that drops packets without a sign, in the kernel and not in a proxy: only there are the
//! timeouts of TCP at work.
//!
//! The proxies in front of the stores listen in a network namespace of their own, behind a pair of virtual network
//! devices. To lose the open connections, the namespace discards all packets from and to the address that they come
//! from, and new connections come from another one. So does a NAT gateway that has forgotten its connections.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, id};
use std::thread;
use std::time::{Duration, Instant};

use stack::environment::ExecutionEnvironment;
use testkit::proxy::Proxy;
use testkit::{Client, TestContext};

use crate::support::not_run::not_run;

/// The range of addresses for tests of networks (RFC 2544). A path takes eight of them.
const RANGE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);

/// A path between this process and a network namespace. Both go when it is dropped.
struct Path {
    namespace: String,
    /// The network device on this side; the one in the namespace is called `inner`.
    outer: String,
    /// The address from which its addresses are counted.
    base: Ipv4Addr,
}

impl Path {
    /// Makes a path. `Err` says what the machine does not allow.
    fn make() -> Result<Self, String> {
        let number = id() % 16_384;
        let path = Self {
            namespace: format!("bookshelf-{number}"),
            outer: format!("bookshelf{number}"),
            base: Ipv4Addr::from_bits(RANGE.to_bits() + 8 * number),
        };
        let Self { namespace, outer, .. } = &path;
        let [before, inner] = [1, 2].map(|nth| path.address(nth));
        ip(&format!("netns add {namespace}"))?;
        ip(&format!("link add {outer} type veth peer name inner netns {namespace}"))?;
        ip(&format!("addr add {before}/29 dev {outer}"))?;
        ip(&format!("link set {outer} up"))?;
        ip(&format!("-n {namespace} addr add {inner}/29 dev inner"))?;
        ip(&format!("-n {namespace} link set inner up"))?;
        // Packets from an address to which there is no way back are discarded.
        let filter = "echo 1 > /proc/sys/net/ipv4/conf/inner/rp_filter";
        run(&["ip", "netns", "exec", namespace, "sh", "-c", filter])?;
        Ok(path)
    }

    /// Listens in the namespace.
    fn listener(&self) -> TcpListener {
        let namespace = File::open(format!("/run/netns/{}", self.namespace)).unwrap();
        let address = self.address(2);
        // A namespace is entered by a thread alone, and what it opens there stays there.
        let listening = thread::spawn(move || {
            enter(&namespace);
            TcpListener::bind((address, 0)).unwrap()
        });
        listening.join().unwrap()
    }

    /// Drops every packet of the open connections from now on.
    fn drop_packets(&self) {
        let Self { namespace, outer, base } = self;
        let [before, after] = [1, 3].map(|nth| self.address(nth));
        ip(&format!("-n {namespace} route add blackhole {before}/32")).unwrap();
        ip(&format!("addr add {after}/29 dev {outer}")).unwrap();
        ip(&format!("route change {base}/29 dev {outer} src {after}")).unwrap();
    }

    fn address(&self, nth: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base.to_bits() + nth)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        // The device goes first: sockets keep the namespace alive.
        let _ = ip(&format!("link del {}", self.outer));
        let _ = ip(&format!("netns del {}", self.namespace));
    }
}

#[cfg(target_os = "linux")]
fn enter(namespace: &File) {
    use rustix::fd::AsFd as _;
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

#[cfg(not(target_os = "linux"))]
fn enter(_: &File) {
    unreachable!("other systems have no path");
}

fn ip(arguments: &str) -> Result<(), String> {
    run(&["ip"].into_iter().chain(arguments.split(' ')).collect::<Vec<_>>())
}

/// Runs a program with its arguments. `Err` is what it says about its failure.
fn run(words: &[&str]) -> Result<(), String> {
    let failed = |why: &str| Err(format!("`{}` failed: {}", words.join(" "), why.trim()));
    match Command::new(words[0]).args(&words[1..]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => failed(&String::from_utf8_lossy(&output.stderr)),
        Err(error) => failed(&error.to_string()),
    }
}

#[tokio::test]
async fn a_read_after_all_packets_were_dropped_is_right_within_two_seconds() {
    let path = match Path::make() {
        Ok(path) => path,
        Err(why) => {
            return not_run("a_read_after_all_packets_were_dropped_is_right_within_two_seconds", &why);
        }
    };
    let context = TestContext::new().await;
    let sql = "insert into probe_notes (text) values ('T')";
    context.database().await.batch_execute(sql).await.unwrap();
    let stores = ["DATABASE_URL", "REDIS_URL"]
        .map(|name| Proxy::listening_on(path.listener(), context.variable(name)).unwrap());
    let [database, redis] = &stores;
    let context = context.with("DATABASE_URL", database.url()).with("REDIS_URL", redis.url());
    let probe = Client::of(ExecutionEnvironment::start("probe", context.variables()).await.unwrap());
    let read = async || {
        let response = probe.get("/probe/notes/1").send().await;
        (response.status, response.header("ratelimit").is_some())
    };
    assert_eq!(read().await, (200, true));
    let before = stores.each_ref().map(Proxy::opened);
    for proxy in &stores {
        let _ = proxy.sent();
    }
    path.drop_packets();
    let dropped = Instant::now();
    let (status, _) = read().await;
    assert_eq!(status, 200);
    assert!(dropped.elapsed() < Duration::from_secs(2), "{:?}", dropped.elapsed());
    // Redis may be left out of the first request, but not for long.
    while read().await != (200, true) {
        assert!(dropped.elapsed() < Duration::from_secs(4), "Redis is still not used");
    }
    for (proxy, before) in stores.iter().zip(before) {
        assert!(proxy.opened() > before, "a new connection was opened");
        assert!(proxy.connections() > before, "the store never learned that the old one is dead");
    }
}
