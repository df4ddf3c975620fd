"""`extract_features.py` and `Emotion2Vec` as a user meets them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotion2vec import Emotion2Vec
from emotion2vec.cli.main import main
from emotion2vec.errors import AudioError, ConfigError
from emotion2vec.features.baselines.catalogue import BASELINES
from tests.features.fakes import make_manifest
from tests.helpers.checkpoints import write_checkpoint
from tests.helpers.wav import speech_like, write_wav


def extract(*arguments: object) -> int:
    return main(["extract", *map(str, arguments)])


def test_the_command_writes_what_the_authors_code_reads(tmp_path: Path) -> None:
    make_manifest(tmp_path)
    tsv, checkpoint = tmp_path / "manifest" / "all.tsv", write_checkpoint(tmp_path / "a.pt")
    assert extract("--checkpoint", checkpoint, "--manifest", tsv, "--out", tmp_path / "out") == 0
    rows = np.load(tmp_path / "out" / "all.npy")
    lengths = [int(line) for line in (tmp_path / "out" / "all.lengths").read_text().split()]
    assert rows.shape == (sum(lengths), 16)
    assert (tmp_path / "out" / "all.emo").read_text().splitlines()[1] == "utt001\thappy"
    assert json.loads((tmp_path / "out" / "all.json").read_text())["checkpoint"]["path"] == "a.pt"


def test_a_bad_file_gives_exit_status_1_after_the_rest_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, short = tmp_path / "good.wav", tmp_path / "short.wav"
    write_wav(good)
    write_wav(short, seconds=0.01)
    status = extract(
        "--checkpoint",
        "logmel",
        "--audio",
        good,
        short,
        tmp_path / "no.wav",
        "--out",
        tmp_path / "out",
    )
    error = capsys.readouterr().err
    assert status == 1
    assert "error: 2 of 3 utterances were skipped, e.g." in error
    assert np.load(tmp_path / "out" / "all.npy").shape == (49, 80)
    reasons = [
        entry["reason"]
        for entry in json.loads((tmp_path / "out" / "all.json").read_text())["skipped"]
    ]
    assert "too short: 160 samples" in reasons[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--checkpoint", "no.pt", "--audio", "a.wav"], "no checkpoint 'no.pt'"),
        (["--checkpoint", "logmel", "--manifest", "no.tsv"], "no manifest 'no.tsv'"),
        (["--checkpoint", "logmel", "--audio", "a.wav", "a.wav"], "given more than once"),
        (["--checkpoint", "logmel", "--audio", "a.wav", "--layers", "x"], "layers must be"),
        (
            ["--checkpoint", "logmel", "--audio", "a.wav", "--layers", "last4"],
            "needs 4 transformer layers",
        ),
        (
            ["--checkpoint", "logmel", "--audio", "a.wav", "--batch-seconds", "0"],
            "batch_seconds must be > 0",
        ),
        (
            ["--checkpoint", "logmel", "--audio", "a.wav", "--batch-seconds", "inf"],
            "batch_seconds must be > 0 and finite, but is inf",
        ),
        (["--checkpoint", "logmel", "--audio", "a.wav"], "none of 1 utterances could be used"),
    ],
)
def test_mistakes_get_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert extract(*arguments, "--out", tmp_path / "out") == 1
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    assert words in error[0]


def test_help_lists_every_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        extract("--help")
    words = capsys.readouterr().out.replace(",", " ").split()
    assert [name for name in BASELINES if name not in words] == []


@pytest.mark.parametrize("granularity", ["frame", "utterance"])
def test_python_takes_files_arrays_and_rates_in_any_order(tmp_path: Path, granularity: str) -> None:
    write_wav(tmp_path / "a.wav", seconds=0.6)
    samples = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
    model = Emotion2Vec.from_pretrained(write_checkpoint(tmp_path / "a.pt"))
    slow = speech_like(seconds=0.9, seed=3, sample_rate_hz=8000)
    features = model.extract(
        [(slow, 8000), tmp_path / "a.wav", samples],
        granularity=granularity,
        layers="all",
        batch_seconds=5,
    )
    shapes = [(44, 4, 16), (29, 4, 16), (29, 4, 16)]
    assert [array.shape for array in features] == [
        s if granularity == "frame" else s[1:] for s in shapes
    ]
    np.testing.assert_allclose(features[1], features[2], atol=1e-5)
    alone = model.extract(samples, granularity=granularity, layers="all")
    np.testing.assert_allclose(alone[0], features[2], atol=1e-5)


def test_python_names_the_input_that_is_wrong(tmp_path: Path) -> None:
    model = Emotion2Vec.from_pretrained("logmel")
    with pytest.raises(AudioError, match="input 1"):
        model.extract([speech_like(seconds=1, seed=0), np.zeros(100, dtype=np.float32)])
    with pytest.raises(ConfigError, match="granularity must be one of"):
        model.extract(speech_like(seconds=1, seed=0), granularity="word")


def test_long_audio_has_exactly_its_frames() -> None:
    long = np.tile(speech_like(seconds=1, seed=0), 70)
    (features,) = Emotion2Vec.from_pretrained("logmel").extract(long)
    assert len(features) == 3499


def test_python_needs_neither_fairseq_nor_hydra_nor_torchaudio(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav")
    program = (
        "import sys\n"
        "for name in ('fairseq', 'hydra', 'omegaconf', 'torchaudio'): sys.modules[name] = None\n"
        "from emotion2vec import Emotion2Vec\n"
        "model = Emotion2Vec.from_pretrained(sys.argv[1])\n"
        "print(model.extract([sys.argv[2]], granularity='frame')[0].shape)\n"
    )
    command = [
        sys.executable,
        "-c",
        program,
        str(write_checkpoint(tmp_path / "a.pt")),
        str(tmp_path / "a.wav"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "(49, 16)\n", done.stderr
