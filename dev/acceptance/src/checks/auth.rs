//! Accounts and their sessions.

mod account;
mod jwt;
mod lockout;
mod quota;
mod sessions;
mod sign_in;

use acceptance::report::Report;
use acceptance::run::Run;
use uuid::Uuid;

pub(crate) use account::Account;

/// The accounts of a run.
pub(crate) struct People {
    /// The account that does everything.
    pub(crate) account: Account,
    /// The account that is locked.
    pub(crate) victim: Account,
}

impl People {
    /// The accounts that `run` will register, with passwords that no report may hold.
    pub(crate) fn of(run: &Run, report: &mut Report) -> Self {
        let password = format!("acceptance {}", Uuid::new_v4());
        report.hide(&password);
        Self {
            account: Account::new(run.name.clone(), &password),
            victim: Account::new(format!("{}-locked", run.name), &password),
        }
    }
}

pub(crate) async fn check(run: &Run, people: &mut People, report: &mut Report) {
    report.check("sign-in: an account is registered", sign_in::register(run, people)).await;
    report.check("sign-in: a name is taken once", sign_in::register_again(run, people)).await;
    report.check("sign-in: a password is exchanged for tokens", sign_in::sign_in(run, people)).await;
    report.check("sign-in: tokens verify against the key set", sign_in::verify(run, people)).await;
    report.check("sign-in: the token says who the caller is", sign_in::me(run, people)).await;
    report.check("sign-in: a changed token is refused", sign_in::forged(run, people)).await;
    report.check("sign-in: 401 without a token", sign_in::unauthenticated(run)).await;
    report.check("sign-in: 403 without the role", sign_in::forbidden(run, people)).await;
    report.check("sessions: the caller sees its session", sessions::list(run, people)).await;
    report.check("sessions: a refresh token is used once", sessions::refresh(run, people)).await;
    report
        .check("sessions: a used token ends the session after the grace", sessions::reuse(run, people))
        .await;
    report.check("sessions: a logout ends one session", sessions::logout(run, people)).await;
    report.check("sessions: a logout everywhere ends all", sessions::logout_all(run, people)).await;
    report.check("limits: a quota counts down and then refuses", quota::counts_down(run, people)).await;
    report.check("lockout: wrong guesses lock the account", lockout::locks(run, people)).await;
    report.check("lockout: other accounts stay open", lockout::others(run, people)).await;
    // There is no way to delete an account over HTTP.
    let names = [&people.account.name, &people.victim.name].map(String::as_str).join(" and ");
    report.remark(format!("The accounts {names} stay (role user, random passwords that are not kept)."));
}
