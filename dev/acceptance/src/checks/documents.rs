//! What the API tells of itself.

use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, PASSED};

pub(crate) async fn description(run: &Run) -> Checked {
    let response = run.client.send(&Request::get("/openapi.json")).await?;
    response.expect(200)?;
    let description = response.json();
    let is_ours = description["openapi"].as_str().is_some_and(|version| version.starts_with("3."))
        && ["/health", "/openapi.json"].iter().all(|path| description["paths"].get(*path).is_some());
    response.ensure(is_ours, "an OpenAPI 3 document with the paths of the API")?;
    PASSED
}

/// The page, which `/` leads to, loads its files and nothing from elsewhere.
pub(crate) async fn page(run: &Run) -> Checked {
    let root = run.client.send(&Request::get("/")).await?;
    root.expect(307)?;
    let target = run.client.target_of(root.need_header("location")?);
    let page = run.client.send(&Request::get(target)).await?;
    page.expect(200)?.expect_header("content-type", "text/html; charset=utf-8")?;
    let policy = page.need_header("content-security-policy")?;
    page.ensure(policy.starts_with("default-src 'none'"), "a policy that forbids everything else")?;
    page.ensure(!page.body.contains("://"), "no URL of another host")?;
    let files = ["href=\"", "src=\""].into_iter().flat_map(|name| page.body.split(name).skip(1));
    let files = files.filter_map(|rest| rest.split('"').next()).filter(|url| !url.starts_with("data:"));
    let mut loaded = 0;
    for file in files {
        // Relative to `/docs`, so below the API's root.
        let file = file.trim_start_matches("./");
        run.client.send(&Request::get(format!("/{file}"))).await?.expect(200)?;
        loaded += 1;
    }
    page.ensure(loaded > 0, "links to its files")?;
    PASSED
}
