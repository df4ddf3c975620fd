"""`emotion2vec shard`: what it prints and how it ends."""

from pathlib import Path

import pytest

from emotion2vec.cli.main import main
from tests.helpers.wav import make_manifest_folder


def test_it_says_how_many_utterances_lie_in_how_many_shards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = make_manifest_folder(tmp_path, num_utts=40), tmp_path / "out"
    assert main(["shard", str(folder), "--out", str(out), "--shard-mb", "1"]) == 0
    assert capsys.readouterr().out == f"40 utterances in 1 shards, 0.00 GB -> {out}\n"
    assert main(["check", str(out), "--jobs", "1"]) == 0


def test_an_existing_folder_ends_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_manifest_folder(tmp_path, num_utts=2)
    assert main(["shard", str(folder), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}: exists already")
