"""The project's files, as the architecture tests read them."""

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "emotion2vec"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> list[Path]:
    """Return the package's Python files."""
    return sorted(p for p in PACKAGE.rglob("*.py") if "__pycache__" not in p.parts)


def label(path: Path) -> str:
    """Return the path as tests name it: relative to the repository."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree(path: Path) -> ast.Module:
    """Parse a file once."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[tuple[str, Function]]:
    """Yield (where, function) of every function and method, nested ones included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            yield f"{label(path)}:{node.lineno} {node.name}", node


def public_definitions(path: Path) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Yield (where, definition) of what other modules may use: no leading underscore, not inside a function."""
    parents: list[ast.Module | ast.ClassDef] = [tree(path)]
    while parents:
        for node in parents.pop().body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                yield f"{label(path)}:{node.lineno} {node.name}", node
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                parents.append(node)


def body_lines(function: Function) -> int:
    """Count the lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    return int(body[-1].end_lineno or 0) - body[0].lineno + 1


def tracked_files() -> list[Path]:
    """Return the files under version control; outside of a clone, every file that is not generated."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        names = [ROOT / name for name in done.stdout.split("\0") if name]
        return [p for p in names if p.is_file() and not p.is_symlink()]
    folders = [ROOT / name for name in ("emotion2vec", "scripts", "config", "tests", "docs")]
    found = [p for folder in folders for p in folder.rglob("*") if p.is_file()]
    return [p for p in found if "__pycache__" not in p.parts] + sorted(ROOT.glob("*.md"))
