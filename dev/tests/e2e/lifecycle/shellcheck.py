"""Checks scripts with shellcheck: shellcheck.py SCRIPT..."""

import subprocess
import sys
import sysconfig

program = f"{sysconfig.get_path('purelib')}/bin/shellcheck"
sys.exit(subprocess.run([program, *sys.argv[1:]]).returncode)
