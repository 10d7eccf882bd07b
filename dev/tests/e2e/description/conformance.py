"""Schemathesis against the running API, with all its checks: `conformance.py URL ENV_FILE REPORT`.

Prints what Schemathesis prints; ends with its exit code. `SCHEMATHESIS_EXAMPLES` says how many cases it makes up for
each operation, beside those that follow from the description itself.
"""

import json
import os
import shlex
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.cli import schemathesis as command_line

EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "25")

# A request that satisfies its schema may still be refused, for what it presents: an invalid token, a common password,
# an outdated entity tag, a cursor of another list, an idempotency key of another request. The check
# `refusals_of_valid_data` allows those reasons alone.
CONFIGURATION = """
[reports.html]
path = "{report}"

# part of auth
[auth.wfc]
path = "{folder}/users.json"
peers = {peers}

[[operations]]
include-path = "/auth/refresh"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400"]

[[operations]]
include-path = ["/auth/register", "/auth/password"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "409", "422"]
# end of part

# part of books
[[operations]]
include-name = "GET /books"
checks.positive_data_acceptance.expected-statuses = ["2xx", "304", "422"]

[[operations]]
include-name = "POST /books"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "409", "422"]

[[operations]]
include-name = ["PUT /books/{{id}}", "DELETE /books/{{id}}"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "412"]
# end of part
"""


# Reasons to refuse a field that no schema can express.
RULES = {
    # part of books
    "cursor": ["is not a cursor of this list"],
    "page": ["must not be sent with a cursor, which says where the page begins"],
    "sort_by": ["must not name a column twice"],
    "year_from": ["must not be after year_to"],
    "year_to": ["must not be before year_from"],
    # end of part
    # part of auth
    "username": ["must not begin or end with a space", "must not hold control or invisible characters"],
    "password": ["is too easy to guess"],
    "new_password": ["is too easy to guess"],
    "current_password": ["is not your password"],
    # end of part
}


@schemathesis.check
def refusals_of_valid_data(context: Any, response: Any, case: Any) -> None:
    """A request that satisfies its schema is refused only for what it presents."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 412, 422):
        return
    problem = response.json()
    if response.status_code == 400:
        assert problem.get("error") == "invalid_grant", problem
    elif response.status_code == 412:
        assert "If-Match" in case.headers, problem
    elif problem["type"].endswith(":idempotency-key-reused"):
        assert "Idempotency-Key" in case.headers, problem
    else:
        for error in problem["errors"]:
            assert error["detail"] in RULES.get(error["field"], []), problem


# Without an example Schemathesis sends any text in these headers. The description has none, for Swagger UI would fill
# it in.
EXAMPLES_OF_HEADERS = {"If-Match": "*", "If-None-Match": '"1.3"'}


@schemathesis.hook
def before_load_schema(_: Any, raw_schema: dict[str, Any]) -> None:
    operations = [operation for path in raw_schema["paths"].values() for operation in path.values()]
    for parameter in (parameter for operation in operations for parameter in operation.get("parameters", [])):
        if parameter["name"] in EXAMPLES_OF_HEADERS:
            parameter["example"] = EXAMPLES_OF_HEADERS[parameter["name"]]


# part of auth
# The users whom Schemathesis signs in beside the administrator. Neither may reach what belongs to the other.
PEERS = ["grace", "alan"]
PASSWORD = "correct horse battery staple"


def register(url: str, name: str) -> None:
    body = json.dumps({"username": name, "password": PASSWORD}).encode()
    request = urllib.request.Request(f"{url}/auth/register", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=20).close()


def user(name: str, password: str) -> dict[str, Any]:
    """How to sign in as a user, in the form of the Web Fuzzing Commons."""
    credentials = {"username": name, "usernameField": "username", "password": password, "passwordField": "password"}
    token = {"extractFrom": "body", "extractSelector": "/access_token", "sendIn": "header", "sendName": "Authorization"}
    login = {
        "endpoint": "/auth/login",
        "verb": "POST",
        "contentType": "application/x-www-form-urlencoded",
        "payloadUserPwd": credentials,
        "token": {**token, "sendTemplate": "Bearer {token}"},
    }
    return {"name": name, "loginEndpointAuth": login}


def users(url: str, env_file: str) -> list[dict[str, Any]]:
    """The administrator, and the peers, who are registered."""
    variables = dict(word.split("=", 1) for word in shlex.split(Path(env_file).read_text()))
    for name in PEERS:
        register(url, name)
    administrator = user(variables["ADMIN_USERNAME"], variables["ADMIN_PASSWORD"])
    return [administrator, *(user(name, PASSWORD) for name in PEERS)]


# end of part
def main(url: str, env_file: str, report: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        values = {"folder": folder, "report": report}
        # part of auth
        (Path(folder) / "users.json").write_text(json.dumps({"auth": users(url, env_file)}))
        values["peers"] = json.dumps(PEERS)
        # end of part
        # Schemathesis stores its findings in the working directory; each run begins without any.
        os.chdir(folder)
        configuration = Path(folder) / "schemathesis.toml"
        configuration.write_text(CONFIGURATION.format(**values))
        run = ["run", f"{url}/openapi.json", "--url", url, "--checks", "all"]
        options = ["--max-examples", EXAMPLES, "--continue-on-failure"]
        command_line(["--config-file", str(configuration), *run, *options])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
