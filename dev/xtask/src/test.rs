//! `cargo xtask test`: every test, against servers that live only for it.

use crate::{
    Result, signals,
    stack::Stack,
    workspace::{cargo, execute},
};

/// Runs the workspace's tests with `args` for `cargo test`, and without any the end-to-end test too.
pub async fn run(args: &[String]) -> Result<()> {
    let stack = signals::unless_interrupted(Stack::start("test-stack")).await?;
    let outcome = signals::unless_interrupted(against(&stack, args)).await;
    stack.stop().await;
    outcome
}

async fn against(stack: &Stack, args: &[String]) -> Result<()> {
    let chooses = args.iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package"));
    let everything = if chooses { None } else { Some("--workspace") };
    let tests = cargo(["test"])?
        .args(everything)
        .args(args)
        .envs(stack.env())
        .env("BOOKSHELF_STACK_ENV", stack.env_file());
    execute(&cargo(["build"])?).await?;
    let unit = execute(&tests).await;
    if !args.is_empty() {
        return unit;
    }
    // Without the stack's variables: this one brings up everything itself, as `up` does for a person, and two of that
    // at a time are enough for a machine.
    let end_to_end = cargo(["test", "--package", "bundle", "--test", "e2e", "--", "--test-threads=2"])?;
    let end_to_end = execute(&end_to_end).await;
    unit.and(end_to_end)
}
