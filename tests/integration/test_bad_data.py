"""What a user is told when the data is bad: one row each of what breaks in a stock fairseq run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotion2vec.errors import ManifestError
from tests.helpers.training import refused, train
from tests.helpers.wav import make_manifest_folder, write_wav

pytestmark = pytest.mark.fairseq

BAD = "utt003.wav"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_manifest_folder(tmp_path, num_utts=8, seconds=1.0)


def audio(data: Path) -> Path:
    return data.parent / "audio" / BAD


def _corrupt(path: Path) -> None:
    path.write_bytes(b"RIFF this is not audio")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _missing(path: Path) -> None:
    path.unlink()


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def _nan(path: Path) -> None:
    samples = np.full(16000, 0.1, dtype=np.float32)
    samples[77] = np.nan
    soundfile.write(path, samples, 16000, subtype="FLOAT")


def _no_frame(path: Path) -> None:
    write_wav(path, seconds=399 / 16000, seed=1)


def _other_length(path: Path) -> None:
    write_wav(path, seconds=0.8, seed=1)


def _header_of_another_rate(path: Path) -> None:
    samples, _ = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples, 8000)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_corrupt, ("cannot be read",)),
        (_empty, ("empty",)),
        (_missing, ("does not exist",)),
        (_truncated, ("truncated",)),
        (_nan, ("not finite",)),
        (_no_frame, ("399 samples", "400")),
        (_other_length, ("12800 samples", "manifest says 16000")),
        (_header_of_another_rate, ("32000 samples", "manifest says 16000")),
    ],
)
def test_bad_file_is_named_with_its_reason(
    harm: Callable[[Path], None], words: tuple[str, ...], data: Path
) -> None:
    sentence = _error_of_loading(data, harm)
    assert str(audio(data)) in sentence
    for word in words:
        assert word in sentence.lower()


def _error_of_loading(data: Path, harm: Callable[[Path], None]) -> str:
    from emotion2vec.data.batching import PlannedBatch
    from emotion2vec.fairseq_plugin.dataset import PretrainingDataset, load_speech
    from emotion2vec.model.masking import SpanMasker

    harm(audio(data))
    speech = load_speech(str(data), "all", min_samples=8000, max_samples=32000)
    dataset = PretrainingDataset(
        speech, SpanMasker(0.5, 5, 0.05, 2), seed=1, max_samples=32000, pad=False
    )
    planned = PlannedBatch(tuple(range(8)), 1, 0, 1, 1)
    return dataset.collater(dataset.__getitems__(planned))["error"]


def test_silent_file_is_named_in_a_warning(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    from emotion2vec.data.dataset import SpeechDataset
    from emotion2vec.data.manifest import read_manifest

    soundfile.write(audio(data), np.zeros(16000, dtype=np.int16), 16000)
    item = SpeechDataset(read_manifest(data / "all.tsv"))[3]
    assert f"{audio(data)}: silent" in caplog.text
    assert bool(item.waveform_S.isfinite().all())


def test_stereo_file_is_averaged(data: Path) -> None:
    from emotion2vec.data.dataset import SpeechDataset
    from emotion2vec.data.manifest import read_manifest

    mono, rate = soundfile.read(audio(data), dtype="int16")
    before = SpeechDataset(read_manifest(data / "all.tsv"))[3].waveform_S
    soundfile.write(audio(data), np.stack([mono, mono], axis=1), rate)
    after = SpeechDataset(read_manifest(data / "all.tsv"))[3].waveform_S
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_clips_too_short_to_train_on_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from emotion2vec.fairseq_plugin.dataset import load_speech

    folder = make_manifest_folder(tmp_path, num_utts=6, seconds=[1.0, 0.03, 0.1])
    speech = load_speech(str(folder), "all", min_samples=8000, max_samples=32000)
    assert len(speech) == 2
    assert "left out 4 of 6 utterances shorter than 8000 samples" in caplog.text


def test_manifest_of_short_clips_only_is_refused(tmp_path: Path) -> None:
    from emotion2vec.fairseq_plugin.dataset import load_speech

    folder = make_manifest_folder(tmp_path, num_utts=4, seconds=0.1)
    with pytest.raises(ManifestError, match=r"none of its 4 utterances has at least 8000 samples"):
        load_speech(str(folder), "all", min_samples=8000, max_samples=32000)


@pytest.mark.slow
def test_run_names_a_bad_file_in_one_sentence_also_from_a_worker(
    data: Path, tmp_path: Path
) -> None:
    _corrupt(audio(data))
    sentence = refused(data, tmp_path / "run", "dataset.num_workers=1", fresh=True)
    assert str(audio(data)) in sentence


@pytest.mark.slow
def test_run_names_file_and_line_of_a_blank_manifest_line(data: Path, tmp_path: Path) -> None:
    lines = (data / "all.tsv").read_text(encoding="utf-8").splitlines()
    (data / "all.tsv").write_text("\n".join([*lines[:3], "", *lines[3:]]) + "\n", encoding="utf-8")
    assert "all.tsv:4: " in refused(data, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("task.data=/nowhere/at/all", ("/nowhere/at/all", "prepare_corpus")),
        ("+model.utterance_method=chnuk", ("utterance_method", "chunk", "'chnuk'")),
        ("+model.no_such_key=1", ("no_such_key",)),
        ("+task.min_sample_size=450", ("min_sample_size", "720")),
        ("optimization.max_epoch=0", ("max_epoch", "no end")),
        ("model.init_from=/nowhere/base.pt", ("/nowhere/base.pt", "no such checkpoint")),
    ],
)
def test_run_refuses_a_bad_config_in_one_sentence(
    override: str, words: tuple[str, ...], data: Path, tmp_path: Path
) -> None:
    sentence = refused(data, tmp_path / "run", override)
    for word in words:
        assert word in sentence


@pytest.mark.slow
def test_run_with_the_released_objective_warns_of_its_degenerate_target(
    data: Path, tmp_path: Path
) -> None:
    output = train(data, tmp_path / "run", "+ablation=released", "optimization.max_update=2")
    assert "the utterance target is degenerate at update 1" in output
