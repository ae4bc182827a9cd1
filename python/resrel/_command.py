"""The command ``resrel``, which comes with the package."""

import os
import sys

from . import _resrel


def main() -> int:
    """Does what the command line says; its exit status."""
    return _resrel.command([os.path.abspath(sys.argv[0]), *sys.argv[1:]])
