//! Cold starts: a new process each time, from its start to the first answer. Connections are opened within.

use std::cell::{Cell, RefCell};

use stack::Result;

use super::conditions::Conditions;
use crate::comparison::{Budget, Routine, Sample};
use crate::driver::Program;
use crate::event::Request;
use crate::fixture::BOOKS;
use crate::results::{Metric, Results};
use crate::statistics::Summary;
use crate::users;

const GROUP: &str = "aws";

/// The durations of the initialisations of one subject, in milliseconds.
type Inits = RefCell<Vec<f64>>;

pub(super) async fn run(conditions: &Conditions<'_>, budget: Budget, results: &mut Results) -> Result<()> {
    let fixture = conditions.fixture;
    let (books, auth) = (conditions.function("books")?, conditions.function("auth")?);
    let (floor, peer) = (conditions.floor(), conditions.peer());
    // They fill the cache and register the user without the conditions of AWS, which is faster.
    let [warm_books, warm_auth, warm_peer] = [
        fixture.function("books", BOOKS)?.start()?,
        fixture.function("auth", BOOKS)?.start()?,
        fixture.peer(BOOKS).start()?,
    ];
    let list = Request::get("/books");
    let fill = || {
        warm_books.invoke(&list)?;
        warm_peer.invoke(&list).map(drop)
    };
    for running in [&warm_auth, &warm_peer] {
        users::register(running, "first")?;
    }
    let number = Cell::new(0);
    let register = || {
        number.set(number.get() + 1);
        users::registration(&format!("newcomer-{}", number.get()))
    };
    let empty = || fixture.flush();
    let nothing = || Ok(());
    let is_list: &dyn Fn() -> Request = &|| list.clone();
    let scenarios: [Scenario<'_>; 4] = [
        Scenario { name: "cached list", program: &books, prepare: &fill, request: is_list, status: 200 },
        Scenario { name: "uncached list", program: &books, prepare: &empty, request: is_list, status: 200 },
        Scenario {
            name: "sign-in",
            program: &auth,
            prepare: &nothing,
            request: &|| users::login("first"),
            status: 200,
        },
        Scenario { name: "registration", program: &auth, prepare: &nothing, request: &register, status: 201 },
    ];
    for scenario in scenarios {
        let inits: [Inits; 3] = Default::default();
        let subjects = vec![
            ("floor", scenario.starting(&floor, 200, &inits[0])),
            ("us", scenario.starting(scenario.program, scenario.status, &inits[1])),
            ("peer", scenario.starting(&peer, scenario.status, &inits[2])),
        ];
        let name = format!("cold: first {}", scenario.name);
        results.add(budget.compare(GROUP, name.clone(), subjects).await?);
        for (subject, inits) in ["floor", "us", "peer"].into_iter().zip(inits) {
            let Some(summary) = Summary::of(&inits.into_inner()) else { continue };
            let name = format!("init, {name}");
            results.metrics.push(Metric { name, subject, value: summary.median, unit: "ms" });
        }
    }
    Ok(())
}

/// The first request to a new process.
struct Scenario<'a> {
    name: &'static str,
    /// Ours.
    program: &'a Program,
    prepare: &'a dyn Fn() -> Result<()>,
    request: &'a dyn Fn() -> Request,
    status: u64,
}

impl<'a> Scenario<'a> {
    fn starting(&self, program: &'a Program, status: u64, inits: &'a Inits) -> Routine<'a> {
        let (prepare, request) = (self.prepare, self.request);
        Box::new(move || {
            prepare()?;
            let start = program.cold_start(&request())?;
            let sample = Sample::of(&start.invocation, status)?;
            inits.borrow_mut().push(start.init.as_secs_f64() * 1000.0);
            Ok(sample)
        })
    }
}
