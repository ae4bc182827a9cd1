"""The command line beside the package, for what must be the same in both."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def command_line():
    """Runs `resrel … --json` and gives its document."""
    program = os.environ.get("RESREL_BIN") or shutil.which("resrel")
    if program is None:
        pytest.skip("the command line is not there: name it by RESREL_BIN")

    def run(*arguments, cwd=None):
        words = [program, *map(str, arguments), "--json"]
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder that is the working one, where no data set is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESREL_DATA", str(tmp_path / "no-data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path
