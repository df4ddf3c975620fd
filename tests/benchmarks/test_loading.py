"""The benchmark of loading at a size that takes seconds: both sides hand over the same audio and as many masks."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = [pytest.mark.fairseq, pytest.mark.filterwarnings("ignore")]


def test_speech_is_the_same_every_time_and_flac_packs_it_as_it_packs_speech(
    tmp_path: Path,
) -> None:
    from benchmarks.speech_files import size_ratio, write_files

    settings = {"num_files": 6, "shortest_s": 1.0, "longest_s": 2.0}
    write_files(tmp_path / "a", **settings)
    write_files(tmp_path / "b", **settings)
    for path in (tmp_path / "a" / "flac_files").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "flac_files" / path.name).read_bytes()
        samples, rate = soundfile.read(path)
        assert rate == 16000
        assert np.abs(samples).max() < 1.0
    assert 0.55 < size_ratio(tmp_path / "a") < 0.7


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict:
    from benchmarks import loading

    work = tmp_path_factory.mktemp("work")
    words = ["--files", "12", "--small-files", "8", "--rounds", "1", "--workers", "0", "1"]
    return loading.measure(loading.parse(["--work", str(work), *words]))


def test_every_pipeline_is_measured_in_every_round(result: dict) -> None:
    found = {(row["pipeline"], row["form"], row["workers"]) for row in result["epochs"]}
    assert found == {
        (pipeline, form, workers)
        for pipeline in ("fairseq", "ours")
        for form in ("flac", "wav", "flac shards")
        for workers in (0, 1)
    }
    assert len({row["audio_s"] for row in result["epochs"]}) == 1
    assert all(row["cpu_s"] > 0 for row in result["epochs"])


def test_tables_hold_a_row_for_each_way_to_load(result: dict) -> None:
    from benchmarks import loading

    epochs, stages, small = loading.tables(result).split("\n\n")
    assert len(epochs.splitlines()) == 2 + 3 * 2
    assert stages.splitlines()[0] == "| core-ms per second of audio | flac | wav |"
    assert stages.splitlines()[-1].startswith("| together |")
    assert [line.split("|")[1].strip() for line in small.splitlines()[2:]] == [
        "loose",
        "shards",
    ] * 2


def test_both_pipelines_hand_over_the_same_audio_and_as_many_masked_frames(tmp_path: Path) -> None:
    import torch
    from torch.utils.data import DataLoader

    from benchmarks import loading
    from benchmarks.speech_files import write_files

    folder = write_files(tmp_path, num_files=6, shortest_s=1.0, longest_s=1.0)["flac"]
    batches = {}
    for name in ("fairseq", "ours"):
        pipeline = loading.Pipeline(name, "flac", folder, batch_samples=10**6)
        dataset = pipeline._dataset
        loader = DataLoader(dataset, batch_sampler=pipeline._batches, collate_fn=dataset.collater)
        (batches[name],) = loader
    theirs, ours = batches["fairseq"]["net_input"], batches["ours"]
    torch.testing.assert_close(theirs["source"], ours["waveform_BS"])
    masked_RT = theirs["precomputed_mask"].bool()
    assert masked_RT.shape == ours["masked_BCT"].flatten(0, 1).shape
    assert masked_RT.sum() == ours["masked_BCT"].sum()
