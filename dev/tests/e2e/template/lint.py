"""The linters of AWS find nothing in the templates and in samconfig.toml."""

import subprocess
import sys

from sources import FRONT, ROOT, TEMPLATE

CFN_LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"


def run(name, *arguments):
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name}: {done.stdout}\n{done.stderr}"
    print(name, "finds nothing")


# Warnings and remarks count too.
strict = ["-c", CFN_LINT, "--non-zero-exit-code", "informational", "--include-checks", "I"]
run("cfn-lint", *strict, "--", TEMPLATE)
run("cfn-lint for front.yaml", *strict, "--regions", "us-east-1", "--", FRONT)
run("sam validate --lint", "-m", "samcli", "validate", "--lint")
