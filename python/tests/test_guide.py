"""The guide's Python, and its notebooks, run as they stand there."""

import json
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs"
PAGES = ["train.md", "probe.md"]
NOTEBOOKS = ["reproduce", "pytorch", "spikes"]

pytestmark = pytest.mark.skipif(not GUIDE.is_dir(), reason="the guide is not beside the tests")


def needed(code):
    for module in ("torch", "sklearn"):
        if f"import {module}" in code or (module == "sklearn" and "resrel.DBN" in code):
            pytest.importorskip(module)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.filterwarnings("ignore")
def test_pages(page, here):
    blocks = re.findall(r"^```python\n(.*?)^```$", (GUIDE / page).read_text(encoding="utf-8"), re.M | re.S)
    assert blocks
    code = "\n".join(blocks)
    needed(code)
    exec(compile(code, page, "exec"), {"__name__": "guide"})


@pytest.mark.parametrize("notebook", NOTEBOOKS)
@pytest.mark.filterwarnings("ignore")
def test_notebooks(notebook, here):
    cells = json.loads((GUIDE / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert code
    needed("\n".join(code))
    names = {"__name__": "guide"}
    for number, cell in enumerate(code):
        exec(compile(cell, f"{notebook}, cell {number}", "exec"), names)
