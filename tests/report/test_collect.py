"""What the arguments of `make_report.py` lead to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emotion2vec.errors import ReportError
from emotion2vec.report.collect import collect
from emotion2vec.report.layer_curves import read_layer_curve
from tests.report.conftest import write_layers


def names(*arguments: object) -> list[str]:
    return [result.name for result in collect([str(one) for one in arguments]).results]


def test_a_folder_tree_is_searched_to_its_leaves(
    write_result: Callable[..., Path], tmp_path: Path
) -> None:
    write_result("tree/b/deep", name="second")
    write_result("tree/a", name="first")
    write_layers(tmp_path / "tree" / "c" / "layers")

    found = collect([str(tmp_path / "tree")])

    assert [result.name for result in found.results] == ["first", "second"]
    assert [curve.path.parent.name for curve in found.curves] == ["layers"]


def test_results_of_single_layers_are_part_of_their_curve(tmp_path: Path) -> None:
    write_layers(tmp_path / "run")

    for argument in (tmp_path, tmp_path / "run", tmp_path / "run" / "layers.json"):
        found = collect([str(argument)])
        assert (len(found.results), len(found.curves)) == (0, 1)
    assert names(tmp_path / "run" / "layer_01") == ["tiny.pt"]


def test_what_is_named_twice_is_shown_once(
    write_result: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_result("tree/a")

    assert len(names(path, path.parent, tmp_path)) == 1


def test_a_name_is_given_to_a_result_or_a_curve(
    write_result: Callable[..., Path], tmp_path: Path
) -> None:
    result, curve = write_result("a"), write_layers(tmp_path / "b")

    found = collect([f"mine={result}", f"its layers={curve}"])

    assert (found.results[0].name, found.curves[0].name) == ("mine", "its layers")


def test_a_name_for_a_folder_of_several_is_refused(
    write_result: Callable[..., Path], tmp_path: Path
) -> None:
    write_result("tree/a")
    write_result("tree/b")

    with pytest.raises(ReportError, match=r"tree holds 2 results, and a name is for one"):
        collect([f"mine={tmp_path / 'tree'}"])


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"neither the folder nor one below it holds a result"):
        collect([str(tmp_path)])


def test_equal_names_of_one_task_are_told_apart_by_a_setting(
    write_result: Callable[..., Path], tmp_path: Path
) -> None:
    write_result("r/a", layer="last", head="linear")
    write_result("r/b", layer="weighted", head="linear")
    write_result("r/c", layer="weighted", protocol="meld")

    assert names(tmp_path) == ["tiny.pt (layer last)", "tiny.pt (layer weighted)", "tiny.pt"]


def test_the_modality_tells_results_of_conversations_apart(
    write_result: Callable[..., Path], tmp_path: Path
) -> None:
    write_result("r/a", modality="speech")
    write_result("r/b", modality="speech+text")

    assert names(tmp_path) == ["tiny.pt (speech)", "tiny.pt (speech+text)"]


def test_the_kind_of_inputs_tells_results_apart(
    write_result: Callable[..., Path], tmp_path: Path
) -> None:
    write_result("r/a")
    write_result("r/b", utterance_features={"name": "tokens"})

    assert names(tmp_path) == ["tiny.pt (frames)", "tiny.pt (both)"]


def test_equal_names_and_settings_are_told_apart_by_their_folders(
    write_result: Callable[..., Path], tmp_path: Path
) -> None:
    write_result("r/a")
    write_result("r/b")
    write_result("r/c", valid_is_test=True)

    assert names(tmp_path) == ["tiny.pt (a)", "tiny.pt (b)", "tiny.pt"]


def test_a_curve_holds_each_layers_scores_and_the_best_in_validation(tmp_path: Path) -> None:
    curve = read_layer_curve(write_layers(tmp_path / "run").parent)

    assert [layer.layer for layer in curve.layers] == [0, 1, 2, 3]
    assert [layer.summary["WA"].mean for layer in curve.layers] == [51.0, 52.0, 53.0, 54.0]
    assert (curve.best, curve.layers[2].valid_wa) == (2, 60.0)
    assert (curve.name, curve.synthetic) == ("tiny.pt", False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, r"schema version 2, but this program reads version 1"),
        ({"layers": "all"}, r"'layers' is a str, expected a list"),
        ({"layers": [{"layer": 0}]}, r"not a file of train_probe.py layer=each \(KeyError"),
        ({"best": 4}, r"'best' is 4, but it holds 4 layers"),
        ({"best": None}, r"'best' is a NoneType, expected a int"),
    ],
)
def test_an_unusable_curve_is_refused_with_the_reason(
    tmp_path: Path, changes: dict, message: str
) -> None:
    with pytest.raises(ReportError, match=message):
        read_layer_curve(write_layers(tmp_path / "run", **changes))
