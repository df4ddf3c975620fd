"""`reproduce.py`, as a user meets it: what it runs, keeps, prints and writes."""

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import emotion2vec
from emotion2vec.errors import ProtocolError
from emotion2vec.probe import trainer
from emotion2vec.probe.saved_runs import FOLDER
from emotion2vec.reproduction import execute
from tests.reproduction.stores import SMALL, damage, write_manifest, write_store
from tests.reproduction.written import cell, result, table

NUMBER = r"\d+\.\d\d\+-\d+\.\d\d"
Reproduce = Callable[..., int]


def test_a_line_for_every_cell_and_counts_at_the_end(
    reproduce: Reproduce, meld: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("--table", 3) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    (done,) = [line for line in lines if line.startswith("done ")]
    scores = rf"WA {NUMBER} UA {NUMBER} WF1 {NUMBER} folds=1 seeds=2 SYNTHETIC"
    assert re.fullmatch(rf"done +meld/emotion2vec: {scores}", done)
    assert "skipped savee_10fold/emotion2vec: no features of savee for the row emotion2vec" in lines
    assert len([line for line in lines if line.startswith("skipped ")]) == 14
    assert lines[-1] == "done=1 kept=0 failed=0 skipped=14 open=0"


def test_the_table_has_our_figures_the_papers_and_their_difference(
    reproduce: Reproduce, urdu: Path, tmp_path: Path
) -> None:
    assert reproduce("--table", 4) == 0
    found = cell(tmp_path, "04", "emotion2vec", "urdu_10fold")
    ours = result(tmp_path, "urdu_10fold/emotion2vec")
    paper = {"WA": 81.50, "UA": 81.87, "WF1": 81.60}
    text = (tmp_path / "out/tables/table_04.md").read_text()
    for metric, figure in paper.items():
        written = found["metrics"][metric]
        mean, std = ours["summary"][metric]["mean"], ours["summary"][metric]["std"]
        assert written["paper"] == figure
        assert written["ours"]["mean"] == mean
        assert written["difference"] == pytest.approx(mean - figure, abs=1e-4)
        interval = written["ours"]["interval"]
        ends = ours["intervals"]["speaker"][metric]  # the wider kind
        assert interval == [ends["low"], ends["high"]]
        ours_text = f"{mean:.2f} \u00b1 {std:.2f} [{interval[0]:.2f}, {interval[1]:.2f}]"
        assert f"{ours_text} | {figure:.2f} | {mean - figure:+.2f} |" in text
    assert (found["num_folds"], found["num_seeds"], found["badges"]) == (10, 2, [])
    assert (tmp_path / "out/tables" / found["result"]).samefile(
        tmp_path / "out/cells/urdu_10fold/emotion2vec/result.json"
    )


def test_a_table_shows_what_only_the_paper_has_and_names_what_was_skipped(
    reproduce: Reproduce, urdu: Path, tmp_path: Path
) -> None:
    assert reproduce("--table", 4, 5) == 0
    skipped = cell(tmp_path, "04", "data2vec", "urdu_10fold")
    assert (skipped["state"], skipped["metrics"]["WA"]["paper"]) == ("skipped", 71.75)
    assert skipped["metrics"]["WA"]["ours"] is None
    assert skipped["metrics"]["WA"]["difference"] is None
    text = (tmp_path / "out/tables/table_04.md").read_text()
    assert "| data2vec | \u2013 | 71.75 | \u2013 |" in text
    assert "- `urdu_10fold/data2vec` skipped: no features of urdu for the row data2vec\n" in text
    only = cell(tmp_path, "05", "l3_net", "ravdess_song_5fold")
    assert (only["state"], only["metrics"]["WA"]["paper"]) == ("paper only", 71.0)
    everything = (tmp_path / "out/tables/tables.md").read_text()
    assert "## Table 4: Datasets of other languages" in everything
    assert "## Table 5: Song emotion recognition" in everything


def test_settings_of_the_command_line_are_named_in_the_table(
    reproduce: Reproduce, meld: Path, tmp_path: Path
) -> None:
    reproduce("--table", 3)
    assert (
        "instead of the protocols': `seeds=[1,2]`, `epochs=1`"
        in (tmp_path / "out/tables/table_03.md").read_text()
    )
    assert table(tmp_path, "03")["overrides"] == list(SMALL)


def test_synthetic_and_partial_data_is_marked_and_has_no_difference(
    reproduce: Reproduce, urdu: Path, meld: Path, tmp_path: Path
) -> None:
    ids = json.loads((urdu / "all.json").read_text())["ids"]
    part = write_store(tmp_path / "part", "urdu", name="logmel", ids=ids[:200], synthetic=False)
    data2vec = f"data2vec={part}"
    assert reproduce("--table", 3, 4, "--partial", "--features", data2vec) == 0
    found = cell(tmp_path, "04", "data2vec", "urdu_10fold")
    assert found["badges"] == ["PARTIAL 200 of 400 utterances"]
    assert found["metrics"]["WA"]["ours"] is not None
    assert found["metrics"]["WA"]["difference"] is None
    assert "**PARTIAL 200 of 400 utterances**" in (tmp_path / "out/tables/table_04.md").read_text()
    assert cell(tmp_path, "03", "emotion2vec", "meld")["metrics"]["WA"]["difference"] is None
    assert "**SYNTHETIC**" in (tmp_path / "out/tables/table_03.md").read_text()


def test_a_second_run_trains_nothing(
    reproduce: Reproduce, meld: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert reproduce("--table", 3) == 0
    before = (tmp_path / "out/cells/meld/emotion2vec/result.json").stat().st_mtime_ns
    monkeypatch.setattr(execute, "train", _must_not_train)
    capsys.readouterr()
    assert reproduce("--table", 3) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "done=0 kept=1 failed=0 skipped=14 open=0"
    assert (tmp_path / "out/cells/meld/emotion2vec/result.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("change", ["settings", "features", "result", "program"])
def test_a_cell_whose_making_has_changed_is_run_again(
    reproduce: Reproduce, meld: Path, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert reproduce("--table", 3) == 0
    if change == "features":
        for path in meld.iterdir():
            path.unlink()
        write_store(meld, "meld", ids=[f"n{index}" for index in range(90)])
    if change == "result":
        path = tmp_path / "out/cells/meld/emotion2vec/result.json"
        path.write_text(path.read_text().replace("WA", "wa"))
    if change == "program":
        monkeypatch.setattr(emotion2vec, "__version__", "9.9.9")
    more = ["meld.lr=0.0002"] if change == "settings" else []
    assert reproduce("--table", 3, *more) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "done=1 kept=0 failed=0 skipped=14 open=0"


def test_moving_the_features_or_another_device_runs_nothing_again(
    reproduce: Reproduce, meld: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reproduce("--table", 3) == 0
    meld.rename(tmp_path / "features" / "elsewhere")
    monkeypatch.setattr(execute, "train", _must_not_train)
    assert reproduce("--table", 3, "meld.jobs=1") == 0


def test_a_shared_cell_is_trained_once(
    reproduce: Reproduce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_store(tmp_path / "features" / "iemocap", "iemocap")
    trained = []
    real = execute.train

    def count(config: Any, folder: Path, config_dir: Path) -> None:
        trained.append(folder.relative_to(tmp_path / "out/cells").as_posix())
        real(config, folder, config_dir)

    monkeypatch.setattr(execute, "train", count)
    assert reproduce("--table", 8, 9, 10, 11) == 0
    assert trained == ["iemocap_5fold/emotion2vec"]
    wa = result(tmp_path, "iemocap_5fold/emotion2vec")["summary"]["WA"]["mean"]
    for number in ("08", "10", "11"):
        found = cell(tmp_path, number, "emotion2vec", "iemocap_5fold")
        assert found["metrics"]["WA"]["ours"]["mean"] == wa
    frames = [row for row in table(tmp_path, "09")["rows"] if row["title"] == "both losses, frames"]
    assert frames[0]["cells"][0]["metrics"]["WA"]["ours"]["mean"] == wa


def test_a_failed_cell_is_one_sentence_and_the_others_go_on(
    reproduce: Reproduce, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(write_store(tmp_path / "features" / "meld", "meld"))
    write_store(tmp_path / "features" / "savee", "savee")
    assert reproduce("--table", 3) == 1
    lines = capsys.readouterr().out.strip().splitlines()
    (failed,) = [line for line in lines if line.startswith("failed ")]
    sentence = r"all\.npy: .*rows hold NaN or infinity, the first of utterance 'meld_02'; extract it again with"
    assert re.match(rf"failed  meld/emotion2vec: .*{sentence} --overwrite$", failed)
    assert any(line.startswith("done    savee_10fold/emotion2vec: ") for line in lines)
    assert lines[-1] == "done=1 kept=0 failed=1 skipped=13 open=0"
    found = cell(tmp_path, "03", "emotion2vec", "meld")
    assert found["state"] == "failed"
    assert "hold NaN or infinity" in found["reason"]
    assert "- `meld/emotion2vec` failed: " in (tmp_path / "out/tables/table_03.md").read_text()


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("GPU out of memory")])
def test_a_cell_too_large_for_the_memory_does_not_stop_the_others(
    reproduce: Reproduce,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def evaluate(config: Any, *rest: Any, **settings: Any) -> Any:
        if config.protocol == "meld":
            raise error
        return evaluation(config, *rest, **settings)

    evaluation = execute.evaluate
    monkeypatch.setattr(execute, "evaluate", evaluate)
    for name in ("meld", "savee"):
        write_store(tmp_path / "features" / name, name)
    assert reproduce("--table", 3) == 1
    lines = capsys.readouterr().out.strip().splitlines()
    assert any("meld/emotion2vec: " in line and "out of memory" in line for line in lines)
    assert lines[-1] == "done=1 kept=0 failed=1 skipped=13 open=0"


def test_an_interrupted_cell_goes_on_with_the_runs_that_were_done(
    reproduce: Reproduce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_store(tmp_path / "features" / "savee", "savee")
    real = execute.evaluate

    def stop(*arguments: Any, **named: Any) -> Any:
        def on_fold(number: int, *_: object) -> None:
            if number == 4:
                raise KeyboardInterrupt

        return real(*arguments, **{**named, "on_fold": on_fold})

    monkeypatch.setattr(execute, "evaluate", stop)
    assert reproduce("--table", 3, "jobs=1") == 130
    folder = tmp_path / "out/cells/savee_10fold/emotion2vec"
    num_saved = len(list((folder / FOLDER).iterdir()))
    assert num_saved >= 8
    assert not (folder / "result.json").exists()
    trained = []
    train_group = trainer.train_group

    def count(*arguments: Any) -> Any:
        trained.append(1)
        return train_group(*arguments)

    monkeypatch.setattr(execute, "evaluate", real)
    monkeypatch.setattr(trainer, "train_group", count)
    assert reproduce("--table", 3, "jobs=1") == 0
    assert len(trained) == 10 * 2 - num_saved  # folds, seeds
    assert result(tmp_path, "savee_10fold/emotion2vec")["num_folds"] == 10


def test_tables_6_and_7_come_out_with_their_own_metrics(
    reproduce: Reproduce, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_store(tmp_path / "features" / "iemocap", "iemocap")
    write_store(tmp_path / "features" / "mosi", "cmu_mosi", layers="last4")
    text = write_store(tmp_path / "text", "iemocap", name="bert", granularity="utterance")
    manifest = write_manifest(tmp_path / "manifest")
    assert reproduce("--table", 6, 7, "--text-features", text, "--manifest", manifest) == 0
    assert re.search(rf"done +iemocap_epc\+speech/emotion2vec: UAR {NUMBER} macro_F1 {NUMBER} ",
                     capsys.readouterr().out)  # fmt: skip
    rows = {(row["key"], row["inputs"]): row for row in table(tmp_path, "06")["rows"]}
    for key, inputs, uar in (
        ("emotion2vec", "speech", 77.19), ("emotion2vec", "speech+text", 81.68), ("bert", "text", None),
    ):  # fmt: skip
        metrics = rows[key, inputs]["cells"][0]["metrics"]
        assert list(metrics) == ["UAR", "macro_F1"]
        assert metrics["UAR"]["paper"] == uar
        assert metrics["UAR"]["ours"]["mean"] > 0
    layout = (tmp_path / "out/tables/table_06.md").read_text()
    assert layout.index("*Text*") < layout.index("| bert |") < layout.index("*Speech + text*")
    sentiment = cell(tmp_path, "07", "emotion2vec", "cmu_mosi")
    assert list(sentiment["metrics"]) == ["WF1"]
    assert result(tmp_path, "cmu_mosi/emotion2vec")["layer"] == "last4"


@pytest.mark.slow
def test_figure_4_is_drawn_of_every_row_that_has_features(
    reproduce: Reproduce, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("emotion2vec", "data2vec", "logmel"):
        write_store(tmp_path / "features" / name, "subesco", name=name)
    assert reproduce("--figure", 4) == 0
    page = (tmp_path / "out/figures/figure_4.html").read_text()
    assert all(name in page for name in ("emotion2vec", "data2vec", "logmel", "SYNTHETIC"))
    has_matplotlib = importlib.util.find_spec("matplotlib") is not None
    assert (tmp_path / "out/figures/figure_4.png").exists() == has_matplotlib
    lines = capsys.readouterr().out.splitlines()
    assert f"written: {tmp_path}/out/figures/figure_4.html" in lines
    assert "skipped umap_subesco/wavlm_base: no features of subesco for the row wavlm_base" in lines


@pytest.mark.slow
def test_figure_3_is_coloured_by_arousal(reproduce: Reproduce, tmp_path: Path) -> None:
    write_store(tmp_path / "features" / "iemocap", "iemocap")
    assert reproduce("--figure", 3) == 0
    assert "arousal" in (tmp_path / "out/figures/figure_3.html").read_text()


def test_the_page_shows_every_result_and_what_was_not_run(
    reproduce: Reproduce, tmp_path: Path
) -> None:
    write_store(tmp_path / "features" / "savee", "savee")
    assert reproduce("--table", 3, page=True) == 0
    page = (tmp_path / "out/report.html").read_text()
    assert "savee_10fold" in page
    assert "meld/data2vec" in page
    assert "no features of meld for the row data2vec" in page


def _must_not_train(*_: object) -> None:
    raise ProtocolError("trained a cell that was finished")
