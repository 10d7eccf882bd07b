"""Checkov finds in each template exactly what the template waives, with reasons."""

import contextlib
import io
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import yaml
from checkov.main import Checkov

from sources import FRONT, TEMPLATE


class Plain(yaml.SafeLoader):
    """Reads past CloudFormation's tags: only the metadata matters here."""


Plain.add_multi_constructor("!", lambda loader, tag, node: None)

def check(template, least):
    waivers = yaml.load(template.read_text(), Plain)["Metadata"]["CheckovWaivers"]
    assert all(len(reason.split()) > 4 for reason in waivers.values()), "every waiver has its reason"
    found = io.StringIO()
    with contextlib.redirect_stdout(found):
        Checkov(["--file", str(template), "--framework", "cloudformation", "--output", "json", "--skip-download"]).run()
    report = json.loads(found.getvalue())
    assert report["summary"]["parsing_errors"] == 0 and report["summary"]["passed"] > least, report["summary"]
    failed = {}
    for failure in report["results"]["failed_checks"]:
        failed.setdefault(failure["check_id"], []).append(failure["resource"])
    unwaived = {name: resources for name, resources in failed.items() if name not in waivers}
    assert not unwaived, f"not waived in {template.name}, Metadata.CheckovWaivers: {unwaived}"
    needless = waivers.keys() - failed.keys()
    assert not needless, f"nothing to waive any more in {template.name}: {needless}"
    print(f"{template.name}: {report['summary']['passed']} checks passed, {len(waivers)} waived")


if __name__ == "__main__":
    least = 30
    # part of auth and books
    least = 50
    # end of part
    # Each in a process of its own, since checkov remembers the templates it has read.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        list(processes.map(check, [TEMPLATE, FRONT], [least, 3]))
