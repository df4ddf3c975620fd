"""What the documentation and the packaging files say is so."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, ROOT, label, tracked_files

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
# A file or folder of the repository: a path with a folder in it or a known ending, no placeholder, no space.
PATH = re.compile(r"^[\w.*-]+(/[\w.*-]+)+/?$|^[\w-]+\.(py|sh|md|toml|yaml|txt)$")


def _exists(name: str, document: Path) -> bool:
    if "/" not in name and any(path.name == name for path in tracked_files()):
        return True
    bases = (ROOT, PACKAGE, document.parent)
    return any(next(base.glob(name.rstrip("/")), None) is not None for base in bases)


def _named_files(document: Path) -> set[str]:
    names = {
        code.split("::")[0].split(" ")[0] for code in CODE.findall(document.read_text("utf-8"))
    }
    inside = {name for name in names if PATH.match(name) and not name.startswith("*")}
    top = {entry.name for entry in [*ROOT.iterdir(), *PACKAGE.iterdir()]}
    return {n for n in inside if n.split("/")[0] in top or n.endswith((".py", ".sh"))}


@pytest.mark.parametrize("document", DOCUMENTS, ids=label)
def test_every_file_that_is_named_exists(document: Path) -> None:
    missing = {name for name in _named_files(document) if not _exists(name, document)}
    assert missing == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=label)
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    targets = [t for t in LINK.findall(document.read_text("utf-8")) if "://" not in t]
    assert [t for t in targets if not (document.parent / t).exists()] == []


def _blocks(document: str) -> list[str]:
    return re.findall(
        r"^```\w*\n(.*?)^```", (ROOT / document).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


def test_the_readme_opens_with_the_two_set_up_commands() -> None:
    commands = [line.split("#")[0].strip() for line in _blocks("README.md")[0].splitlines()]
    assert commands == ["bash scripts/quickstart.sh", "bash scripts/test.sh"]


def test_every_config_the_readme_shows_exists_and_the_other_way_round() -> None:
    table = (ROOT / "README.md").read_text("utf-8").split("## Configs")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(?:\+ablation=)?([\w.]+)` \|", table, re.MULTILINE)
    folder = ROOT / "config" / "pretraining"
    assert sorted(rows) == sorted(
        p.stem for p in [*folder.glob("*.yaml"), *folder.glob("ablation/*.yaml")]
    )


def test_every_registered_corpus_is_in_the_readme() -> None:
    from emotion2vec.corpora import registry

    text = (ROOT / "README.md").read_text("utf-8")
    missing = [name for name in registry.all_corpora() if f"`{name}`" not in text]
    assert missing == []


def test_contributing_is_at_most_200_lines() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) <= 200


def test_no_file_names_a_path_of_a_developers_machine() -> None:
    pattern = re.compile(r"(?<![\w.}$)>])/(?:home|root|work|Users|mnt|checkpoint)/[\w.-]+")
    found = []
    for path in tracked_files():
        if path.suffix in (".png", ".npy", ".npz", ".flac", ".wav", ".pt"):
            continue
        text = path.read_text("utf-8", errors="ignore")
        found += [f"{label(path)}: {match}" for match in pattern.findall(text)]
    assert found == []


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    rows = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower().replace("_", "-"): version for name, version in rows}


def test_torch_is_pinned_without_a_local_version() -> None:
    assert _pins()["torch"] == "2.13.0"
    assert [name for name, version in _pins().items() if "+" in version] == []


def test_every_requirement_of_setup_py_is_pinned() -> None:
    text = (ROOT / "setup.py").read_text("utf-8")
    names = re.findall(r'"([A-Za-z][\w-]*)>=[\d.]+', text)
    assert len(names) > 15
    assert [n for n in names if n.lower().replace("_", "-") not in _pins()] == []


def test_pre_commit_uses_the_pinned_ruff() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert set(re.findall(r"ruff==([\d.]+)", text)) == {_pins()["ruff"]}


def test_markers_are_the_four_of_the_contributing_guide() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"][
        "ini_options"
    ]
    names = {marker.split(":")[0] for marker in options["markers"]}
    assert names == {"slow", "gpu", "fairseq", "shared_data"}


@pytest.mark.parametrize("script", ["quickstart.sh", "test.sh", "setup_env.sh", "pretrain.sh"])
def test_shell_scripts_parse(script: str) -> None:
    done = subprocess.run(
        ["bash", "-n", str(ROOT / "scripts" / script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_continuous_integration_runs_the_test_script() -> None:
    assert "bash scripts/test.sh" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert shutil.which("bash") is not None
