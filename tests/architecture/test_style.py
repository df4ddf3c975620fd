"""Rules of CONTRIBUTING.md that no linter checks."""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import (
    Function,
    body_lines,
    functions,
    label,
    modules,
    public_definitions,
    tracked_files,
    tree,
)
from tests.conftest import LONG_FILES, TESTS

MODULES = modules()


def _python_files() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".py"]


def _is_overload(node: Function | ast.ClassDef) -> bool:
    return any(ast.unparse(d).endswith("overload") for d in node.decorator_list)


def _unannotated(function: Function) -> list[str]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if positional and positional[0].arg in ("self", "cls"):
        positional = positional[1:]
    everything = [*positional, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    missing = [a.arg for a in everything if a is not None and a.annotation is None]
    return missing if function.returns is not None else [*missing, "return"]


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {label(p): len(p.read_text("utf-8").splitlines()) for p in _python_files()}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_the_files_that_tests_begin_with_are_there() -> None:
    assert [name for name in LONG_FILES if not (TESTS / name).is_file()] == []


def test_no_function_body_is_longer_than_50_lines() -> None:
    lengths = {where: body_lines(f) for path in MODULES for where, f in functions(path)}
    assert {where: lines for where, lines in lengths.items() if lines > 50} == {}


def test_every_module_opens_with_a_docstring() -> None:
    without = [label(p) for p in MODULES if tree(p).body and ast.get_docstring(tree(p)) is None]
    assert without == []


def test_every_public_function_and_class_has_a_docstring() -> None:
    definitions = [item for path in MODULES for item in public_definitions(path)]
    without = [w for w, d in definitions if not _is_overload(d) and ast.get_docstring(d) is None]
    assert without == []


def test_every_public_function_is_fully_annotated() -> None:
    definitions = [item for path in MODULES for item in public_definitions(path)]
    missing = {w: _unannotated(d) for w, d in definitions if isinstance(d, Function)}
    assert {where: names for where, names in missing.items() if names} == {}


def _prints(path: Path) -> list[str]:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    return [
        f"{label(path)}:{call.lineno}"
        for call in calls
        if ast.unparse(call.func) in ("print", "sys.stdout.write", "sys.stderr.write")
    ]


def test_only_the_command_line_prints() -> None:
    libraries = [path for path in MODULES if not label(path).startswith("emotion2vec/cli/")]
    # the launcher is the command line of fairseq-hydra-train
    libraries = [p for p in libraries if label(p) != "emotion2vec/fairseq_plugin/launch.py"]
    assert [where for path in libraries for where in _prints(path)] == []


def test_no_bare_except() -> None:
    bare = [
        f"{label(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


def _draws_from_a_global_generator(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    modern = ("default_rng", "Generator", "PCG64", "SeedSequence", "get_state", "set_state")
    return name.startswith(("np.random.", "numpy.random.")) and not name.endswith(modern)


def test_no_module_draws_from_numpys_global_generator() -> None:
    drawn = [
        f"{label(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and _draws_from_a_global_generator(node)
    ]
    assert drawn == []


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "config.py"], ids=label)
def test_config_modules_use_types_that_fairseqs_bridge_reads(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "from __future__ import annotations" not in text
    fields = [node for node in ast.walk(tree(path)) if isinstance(node, ast.AnnAssign)]
    unions = [f.lineno for f in fields if isinstance(f.annotation, ast.BinOp)]
    assert unions == [], "write Optional[int], not int | None"
