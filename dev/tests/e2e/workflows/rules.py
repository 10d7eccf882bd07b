"""What the project asks of its workflows beyond their form."""

import re
import tomllib
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[4]
GITHUB = ROOT / ".github"

workflows = {path.name: YAML(typ="safe").load(path) for path in sorted(GITHUB.glob("workflows/*"))}
manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
jobs = {(file, name): job for file, workflow in workflows.items() for name, job in workflow["jobs"].items()}

# CI is .ci/run. Everything else only prepares the machine.
(check,) = workflows["ci.yaml"]["jobs"].values()
commands = [step["run"] for step in check["steps"] if "run" in step]
assert len(commands) == 2 and commands[0].startswith("rustup toolchain install ") and commands[1] == ".ci/run", commands
for step in check["steps"]:
    assert not step.get("continue-on-error"), step
    assert step.get("run") != ".ci/run" or "if" not in step, step
# "on" is a truth value in YAML 1.1, and a word in 1.2, which this reads.
assert {"push", "pull_request"} <= workflows["ci.yaml"]["on"].keys()
assert workflows["ci.yaml"]["permissions"] == {"contents": "read"}

for (file, name), job in jobs.items():
    where = f"{file}: {name}"
    # The oldest compiler that is promised, so that a new one cannot fail an old commit.
    toolchain = job.get("env", {}).get("RUSTUP_TOOLCHAIN")
    assert toolchain in (None, manifest["workspace"]["package"]["rust-version"]), where
    assert "uses" in job or job["timeout-minutes"] <= 120, where
    rights = job.get("permissions", workflows[file]["permissions"])
    assert rights.items() <= {"contents": "read", "id-token": "write"}.items(), where
    # Only the job that signs in to AWS may ask for a token, and it compiles nothing of the project.
    if "id-token" in rights and "steps" in job:
        assert any(step.get("uses", "").startswith("aws-actions/") for step in job["steps"]), where
        assert not any("cargo" in step.get("run", "") for step in job["steps"]), where

readme = (ROOT / "README.md").read_text()
for promise in ("badge/rust-{}%2B-", "![Rust {} or newer]", "You need Linux, Rust {} or newer"):
    assert promise.format(manifest["workspace"]["package"]["rust-version"]) in readme, promise
assert f"![Licence: {manifest['workspace']['package']['license'].replace(' OR ', ' or ')}]" in readme

text = "".join(path.read_text() for path in GITHUB.glob("workflows/*"))
assert "secrets." not in text, "no workflow has a stored secret"
for reference in re.findall(r"uses: (?!\./)(.*)", text):
    assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", reference), reference
for variable in ("DEV_DEPLOY_ROLE", "DEV_STACK_ROLE", "PROD_DEPLOY_ROLE", "PROD_STACK_ROLE", "AWS_REGION"):
    assert variable in text, variable
    assert f"`{variable}`" in (ROOT / "dev/deployment/README.md").read_text(), variable
# Without the variable of an environment nothing is done for it.
deploy = workflows["deploy.yaml"]["jobs"]
assert deploy["build"]["if"] == "vars.DEV_DEPLOY_ROLE != ''" and deploy["dev"]["needs"] == "build"
assert deploy["prod"]["if"] == "vars.PROD_DEPLOY_ROLE != ''" and deploy["prod"]["needs"] == "dev"

# Dependabot sees every file that pins Python packages, and every workspace.
updates = YAML(typ="safe").load(GITHUB / "dependabot.yaml")["updates"]
watched = {update["package-ecosystem"]: set(update.get("directories", [update.get("directory")])) for update in updates}
pins = {f"/{path.parent.relative_to(ROOT)}" for path in (ROOT / "dev").rglob("*.txt") if "--hash=" in path.read_text()}
assert watched["pip"] == pins, watched["pip"] ^ pins
locks = {f"/{path.parent.relative_to(ROOT)}" for path in (ROOT / "dev").rglob("package-lock.json")}
assert watched["npm"] == locks, watched["npm"] ^ locks
excluded = [path for path in manifest["workspace"]["exclude"] if (ROOT / path / "Cargo.toml").is_file()]
assert watched["cargo"] == {"/", *(f"/{path}" for path in excluded)}
# The tools of the deployment are those of other folders.
requirements = ROOT / "dev/deployment/requirements.txt"
for file in re.findall(r"^-r (.*)", requirements.read_text(), re.MULTILINE):
    assert (requirements.parent / file).is_file(), file
print(f"{len(jobs)} jobs")
