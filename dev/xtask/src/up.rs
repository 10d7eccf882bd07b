//! `cargo xtask up`: the whole API on this machine, rebuilt whenever a file changes.

use stack::local_api::{self, LocalApi, LogStyle};
use stack::stack::Persistence;
use stack::{Result, signals};

/// What can be chosen.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the API listens, on 127.0.0.1 [default: 9000, or the next free port].
    #[arg(long)]
    port: Option<u16>,
    /// Begin with empty stores instead of what the last run left.
    #[arg(long)]
    fresh: bool,
    /// Let web pages of this origin call the API, such as `http://localhost:5173`; several with commas between.
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    cors: Vec<String>,
    /// Leave a function out, to start it yourself, in a debugger for instance; may be given several times.
    #[arg(long, value_name = "FUNCTION")]
    without: Vec<String>,
    // part of books
    /// Begin with this many sample books, if the database has none: 1 to 1000000.
    #[arg(long, value_name = "BOOKS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    seed: Option<u32>,
    // end of part
}

/// Runs the API until Ctrl-C.
pub(crate) async fn run(options: Options) -> Result<()> {
    let persistence = if options.fresh { Persistence::Reset } else { Persistence::Persistent };
    let options = local_api::Options {
        port: options.port,
        log: LogStyle::of_terminal(),
        stack: "stack".to_owned(),
        persistence,
        // An empty variable counts as not set.
        variables: vec![("CORS_ORIGINS".to_owned(), options.cors.join(","))],
        without: options.without,
        // part of books
        sample_books: options.seed,
        // end of part
    };
    let mut api = signals::unless_interrupted(LocalApi::start(options)).await?;
    print_banner(&api);
    let outcome = tokio::select! {
        outcome = api.supervise() => outcome,
        asked = signals::interrupted() => asked,
    };
    println!("\nStopping …");
    api.stop().await;
    outcome
}

fn print_banner(api: &LocalApi) {
    let (url, stack) = (api.url(), api.stack());
    let port = url.rsplit(':').next().unwrap_or_default();
    println!("\nThe API is at {url}, and its documentation to try it out at {url}/docs");
    // part of rl-demo, bf-demo
    println!("Playground:    {url}/playground shows the limiter and the lockout at work");
    // end of part
    // part of auth
    println!("Administrator: {} / {}", stack.var("ADMIN_USERNAME"), stack.var("ADMIN_PASSWORD"));
    // end of part
    println!("Variables:     set -a; . {}", stack.env_file().display());
    // part of books
    println!("Try:           curl '{url}/books?page_size=3'");
    // end of part
    println!(
        "Invoke:        PATH=target/tools/bin:$PATH cargo lambda invoke maintenance --invoke-address 127.0.0.1 \
         --invoke-port {port} --data-ascii '{{\"task\":\"migrate\"}}'"
    );
    for function in api.left_out() {
        println!("Left out:      {}, which starts with: {}", function.name(), function.command());
    }
    println!("Log:           {}", api.log_file().display());
    if stack.is_restored() {
        println!("Data:          that of the last run; --fresh begins with none");
    }
    println!("Ctrl-C ends everything and keeps the data.\n");
}
