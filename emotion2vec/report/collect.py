"""Finds what a page is made of: results and per-layer curves, in files, folders and folder trees.

In: arguments of the command line. Out: `Collection`, each result with a name of its own within its task.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emotion2vec.errors import ReportError
from emotion2vec.report.layer_curves import LAYERS_NAME, LayerCurve, read_layer_curve
from emotion2vec.report.records import (
    ProbeResult,
    read_result,
    split_name,
    task_of,
    tell_apart,
)

RESULT_NAME = "result.json"
# settings of the probe that tell two results of the same features apart
_SETTINGS = ("layer", "head", "modality")


@dataclass(frozen=True)
class Collection:
    """What a page is made of.

    Attributes:
        results: Probe results.
        curves: Per-layer curves.
    """

    results: tuple[ProbeResult, ...]
    curves: tuple[LayerCurve, ...]


def collect(arguments: Sequence[str]) -> Collection:
    """Read everything that the arguments name.

    Args:
        arguments: Each a result.json, a layers.json, a folder that holds one, or a folder with such folders anywhere
            below it; NAME=PATH shows a single one under another name. The single layers' results below a layers.json
            are part of its curve and not shown again.

    Raises:
        ReportError: An argument leads to nothing, or a file cannot be read.
    """
    results: dict[Path, ProbeResult] = {}
    curves: dict[Path, LayerCurve] = {}
    for argument in arguments:
        name, path = split_name(argument)
        found = list(_find(path))
        if name and len(found) > 1:
            raise ReportError(
                f"{argument}: {path} holds {len(found)} results, and a name is for one; give the folder without a name"
            )
        for file in found:
            if file.name == LAYERS_NAME:
                curve = read_layer_curve(file)
                curves.setdefault(file.resolve(), replace(curve, name=name or curve.name))
            else:
                result = read_result(file)
                results.setdefault(file.resolve(), replace(result, name=name or result.name))
    return Collection(name_within_tasks(tuple(results.values())), tuple(curves.values()))


def name_within_tasks(results: Sequence[ProbeResult]) -> tuple[ProbeResult, ...]:
    """Make names differ within each task: by a setting, then the folder's name, then the whole path."""
    for additions in (
        [_setting(result, results) for result in results],
        [result.path.resolve().parent.name for result in results],
        [str(result.path.parent) for result in results],
    ):
        results = tell_apart(results, additions, within=_rivals)
    return tuple(results)


def _rivals(result: ProbeResult) -> tuple[str, str, bool]:
    return (*task_of(result), result.starred)


def _find(path: Path) -> Iterator[Path]:
    """Yield the files to read: the one named, those of the folder, or else those below it."""
    if not path.is_dir():
        yield path
        return
    here = [path / name for name in (RESULT_NAME, LAYERS_NAME) if (path / name).is_file()]
    if here:
        yield from here
        return
    found = sorted(file for pattern in (RESULT_NAME, LAYERS_NAME) for file in path.rglob(pattern))
    if not found:
        raise ReportError(
            f"{path}: neither the folder nor one below it holds a {RESULT_NAME} or {LAYERS_NAME}; expected a folder "
            "in which train_probe.py has run"
        )
    with_curves = {file.parent for file in found if file.name == LAYERS_NAME}
    for file in found:
        if not with_curves.intersection(file.parent.parents):
            yield file


def _setting(result: ProbeResult, results: Sequence[ProbeResult]) -> str:
    """Name the settings in which results of one name and task differ."""
    alike = [
        other for other in results if (_rivals(other), other.name) == (_rivals(result), result.name)
    ]
    parts = []
    for key in _SETTINGS:
        value = result.raw.get(key)
        if value is not None and any(other.raw.get(key) != value for other in alike):
            parts.append(str(value) if key == "modality" else f"{key} {value}")
    if any(other.inputs != result.inputs for other in alike) and "modality" not in result.raw:
        parts.append(result.inputs)
    return ", ".join(parts)
