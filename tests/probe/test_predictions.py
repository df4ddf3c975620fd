"""The file of predictions beside a result, and what the result says of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.errors import ReportError
from emotion2vec.probe.metrics import confusion_matrix, scores
from emotion2vec.probe.predictions import StoredPredictions, read_predictions, write_predictions
from emotion2vec.probe.statistics import Predictions, bootstrap_intervals, number_units
from tests.probe.fakes import LABELS, make_store, make_utterances
from tests.probe.test_probe_command import probe, write_protocol


def stored() -> StoredPredictions:
    answers = Predictions(
        np.array([1, 0, 1]), np.array([[1, 0, 0], [1, 1, 1]]), np.array([0, 0, 1]), 2
    )
    return StoredPredictions(("b", "a", "c d"), ("s1", "", "s2"), (4, 9), ("no", "yes"), answers)


def evaluated(tmp_path: Path, *overrides: object, speakers: int = 5) -> tuple[dict, Path]:
    store = make_store(tmp_path / "store", make_utterances(speakers=speakers))
    run = tmp_path / "run"
    assert (
        probe(
            write_protocol(tmp_path),
            f"features={store}",
            "seeds=[4,9]",
            f"hydra.run.dir={run}",
            *overrides,
        )
        == 0
    )
    return json.loads((run / "result.json").read_text()), run


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "predictions.tsv"
    write_predictions(path, stored())
    assert path.read_text().splitlines()[:2] == [
        "id\tfold\tseed\tlabel\tpredicted\tspeaker",
        "b\t0\t4\tyes\tyes\ts1",
    ]
    found = read_predictions(path, ("no", "yes"))
    assert vars(found) | {"answers": None} == vars(stored()) | {"answers": None}
    for name, value in vars(stored().answers).items():
        assert np.array_equal(getattr(found.answers, name), value)


def test_predictions_are_sorted_by_id_with_all_that_belongs_to_them() -> None:
    found = stored().sorted_by_id()
    assert found.ids == ("a", "b", "c d")
    assert found.speakers == ("", "s1", "s2")
    assert found.answers.label_N.tolist() == [0, 1, 1]
    assert found.answers.predicted_SN.tolist() == [[0, 1, 0], [1, 1, 1]]
    assert found.answers.fold_N.tolist() == [0, 0, 1]


DAMAGE = {
    "other columns": (lambda text: text.replace("predicted", "answer"), "columns"),
    "an unknown label": (lambda text: text.replace("yes", "maybe"), "'maybe'"),
    "a seed without an utterance": (
        lambda text: "".join(text.splitlines(keepends=True)[:-1]),
        "its seeds tested different utterances, or one twice",
    ),
    "an utterance twice": (lambda text: text.replace("a\t0", "b\t0"), "or one twice"),
    "a line cut short": (lambda text: text[:-8], "zip"),
    "no rows": (lambda text: text.splitlines()[0], "no rows"),
    "nothing": (lambda text: "", "not enough values"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_predictions_are_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    damage, words = DAMAGE[name]
    path = tmp_path / "predictions.tsv"
    write_predictions(path, stored())
    path.write_text(damage(path.read_text()))
    with pytest.raises(ReportError, match="not the predictions of its result.json") as caught:
        read_predictions(path, ("no", "yes"))
    assert words in str(caught.value)


def test_missing_predictions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no such file, but result.json names it"):
        read_predictions(tmp_path / "predictions.tsv", ("no", "yes"))


def test_the_predictions_of_a_run_give_its_scores(tmp_path: Path) -> None:
    result, run = evaluated(tmp_path)
    found = read_predictions(run / result["predictions"], tuple(LABELS))
    assert sorted(found.ids) == [f"u{index:02d}" for index in range(40)]
    assert [LABELS[i] for i in found.answers.label_N] == [
        LABELS[int(name[1:]) % 4] for name in found.ids
    ]
    for entry in result["runs"]:
        test = found.answers.fold_N == entry["fold"]
        predicted = found.answers.predicted_SN[found.seeds.index(entry["seed"]), test]
        counts = confusion_matrix(found.answers.label_N[test], predicted, 4)
        assert counts.tolist() == entry["confusion"]
        alone = scores(counts)
        expected = (alone.wa, alone.ua, alone.wf1, alone.uar, alone.macro_f1)
        written = [entry[metric] for metric in ("WA", "UA", "WF1", "UAR", "macro_F1")]
        assert written == pytest.approx(expected, abs=1e-4)


def test_a_result_holds_intervals_over_utterances_and_speakers(tmp_path: Path) -> None:
    result, run = evaluated(tmp_path)
    found = read_predictions(run / "predictions.tsv", tuple(LABELS))
    intervals = result["intervals"]
    assert (intervals["level"], intervals["resamples"]) == (0.95, 2000)
    for unit, names, number in (("utterance", found.ids, 40), ("speaker", found.speakers, 5)):
        expected = bootstrap_intervals(found.answers, number_units(names))["wa"]
        ends = intervals[unit]["WA"]
        assert intervals[unit]["num_units"] == number
        assert (ends["low"], ends["high"]) == pytest.approx((expected.low, expected.high), abs=1e-3)
        assert ends["low"] <= result["summary"]["WA"]["mean"] <= ends["high"]
        assert intervals[unit]["UAR"] == intervals[unit]["UA"]
    assert result["summary"]["WA"]["mean"] == pytest.approx(expected.estimate)


def test_unknown_speakers_leave_the_interval_over_utterances(tmp_path: Path) -> None:
    result, _ = evaluated(tmp_path, speakers=0)
    assert "utterance" in result["intervals"]
    assert "speaker" not in result["intervals"]


def test_a_result_holds_each_labels_recall_and_support(tmp_path: Path) -> None:
    result, _ = evaluated(tmp_path)
    assert [entry["support"] for entry in result["per_class"].values()] == [10] * 4
    by_seed = [
        np.sum([run["confusion"] for run in result["runs"] if run["seed"] == seed], axis=0)
        for seed in (4, 9)
    ]
    for index, label in enumerate(LABELS):
        recalls = [100 * counts[index, index] / 10 for counts in by_seed]
        assert result["per_class"][label]["recall"]["mean"] == pytest.approx(np.mean(recalls))
        assert result["per_class"][label]["recall"]["std"] == pytest.approx(np.std(recalls, ddof=1))


def test_embeddings_and_predictions_follow_the_features_when_the_fold_file_has_another_order(
    tmp_path: Path,
) -> None:
    protocols = write_protocol(tmp_path)
    store = make_store(tmp_path / "store")
    first = tmp_path / "first"
    probe(protocols, f"features={store}", f"hydra.run.dir={first}")
    folds = json.loads((first / "folds.json").read_text())
    for fold in folds["folds"]:
        fold["test"].reverse()
    (protocols / "turned.json").write_text(json.dumps(folds))
    second = tmp_path / "second"
    probe(protocols, f"features={store}", "fold_file=turned.json", f"hydra.run.dir={second}")
    one, two = (np.load(run / "embeddings.npz") for run in (first, second))
    assert np.array_equal(one["id"], two["id"])
    assert np.array_equal(one["x"], two["x"])
    assert (first / "predictions.tsv").read_text() == (second / "predictions.tsv").read_text()
