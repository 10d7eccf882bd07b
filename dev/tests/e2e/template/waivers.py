"""Checkov finds in the template exactly what the template waives, with reasons."""

import contextlib
import io
import json

import yaml
from checkov.main import Checkov

from sources import TEMPLATE


class Plain(yaml.SafeLoader):
    """Reads past CloudFormation's tags: only the metadata matters here."""


Plain.add_multi_constructor("!", lambda loader, tag, node: None)
waivers = yaml.load(TEMPLATE.read_text(), Plain)["Metadata"]["CheckovWaivers"]
assert all(len(reason.split()) > 4 for reason in waivers.values()), "every waiver has its reason"

found = io.StringIO()
with contextlib.redirect_stdout(found):
    Checkov(["--file", str(TEMPLATE), "--framework", "cloudformation", "--output", "json", "--skip-download"]).run()
report = json.loads(found.getvalue())
assert report["summary"]["parsing_errors"] == 0 and report["summary"]["passed"] > 50, report["summary"]
failed = {}
for check in report["results"]["failed_checks"]:
    failed.setdefault(check["check_id"], []).append(check["resource"])
unwaived = {check: resources for check, resources in failed.items() if check not in waivers}
assert not unwaived, f"not waived in Metadata.CheckovWaivers: {unwaived}"
needless = waivers.keys() - failed.keys()
assert not needless, f"nothing to waive any more: {needless}"
print(f"checkov: {report['summary']['passed']} checks passed, {len(waivers)} waived")
