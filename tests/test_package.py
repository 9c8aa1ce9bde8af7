"""What a release says of itself in several files."""

import re
import tomllib
from pathlib import Path

from sklearn_gd import __version__

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = (ROOT / "recipe" / "recipe.yaml").read_text(encoding="utf-8")


def test_the_recipe_requires_what_the_wheel_requires():
    run = re.search(r"^  run:\n((?:    - .*\n)+)", RECIPE, re.M)[1]
    wanted = {re.sub(r"(?=>)", " ", each, count=1) for each in PROJECT["dependencies"]}
    assert set(re.findall(r"- (.*)", run)) == wanted | {"python >=${{ python_min }}"}
    assert f'python_min: "{PROJECT["requires-python"].removeprefix(">=")}"' in RECIPE


def test_all_files_are_of_this_version():
    assert f'version: "{__version__}"' in RECIPE
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {__version__} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_oldest_versions_are_tested():
    """.ci/oldest installs what the lower bounds say."""
    script = (ROOT / ".ci" / "oldest").read_text(encoding="utf-8")
    bounds = dict(each.split(">=") for each in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["plot"]])
    assert dict(re.findall(r'"([\w-]+)==([\d.]+)\.\*"', script)) == bounds
    assert f"python{PROJECT['requires-python'].removeprefix('>=')}" in script
