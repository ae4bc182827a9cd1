"""The command line that comes with the package."""

import json
import subprocess
import sys

import pytest

import resrel

CALL = "import sys; from resrel._command import main; sys.exit(main())"


def call(*arguments, cwd):
    words = [sys.executable, "-c", CALL, *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


def test_as_the_program(command_line, here):
    (here / "states.csv").write_text("a\na\nb\nc\n")
    done = call("measure", "states.csv", "--json", cwd=here)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == command_line("measure", "states.csv", cwd=here)


def test_a_mistake_is_one_line(here):
    done = call("measure", "nothing.csv", cwd=here)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "nothing.csv" in done.stderr


@pytest.mark.parametrize("asked", ["--version", "--help"])
def test_help(asked, here):
    done = call(asked, cwd=here)
    assert done.returncode == 0
    assert resrel.__version__ in done.stdout or "reproduce" in done.stdout
