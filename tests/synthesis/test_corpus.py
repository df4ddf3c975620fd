import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotion2vec.cli.main import main
from emotion2vec.errors import CorpusError
from emotion2vec.seeding import derive_rng
from emotion2vec.synthesis.corpus import coloured_noise, mix, synthesize_corpus
from emotion2vec.synthesis.prosody import EMOTIONS, SPEAKERS, draw_delivery

needs_espeak = pytest.mark.skipif(
    find_spec("espeakng_loader") is None,
    reason="espeakng-loader is not installed (quickstart extra)",
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthesis") / "corpus"
    synthesize_corpus(out, utterances_per_speaker=4, seed=3)
    return out


def read_all(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@needs_espeak
def test_the_same_seed_gives_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    synthesize_corpus(tmp_path / "again", utterances_per_speaker=4, seed=3)

    assert read_all(tmp_path / "again") == read_all(corpus)


@needs_espeak
def test_another_seed_gives_other_speech(corpus: Path, tmp_path: Path) -> None:
    synthesize_corpus(tmp_path / "other", utterances_per_speaker=4, seed=4)

    name = "sad/anna_003.wav"
    assert (tmp_path / "other" / name).read_bytes() != (corpus / name).read_bytes()


@needs_espeak
def test_every_speaker_speaks_every_emotion_at_16_khz_mono(corpus: Path) -> None:
    for emotion in EMOTIONS:
        paths = sorted((corpus / emotion).glob("*.wav"))
        assert {path.name.split("_")[0] for path in paths} == {speaker.id for speaker in SPEAKERS}
        for path in paths:
            info = soundfile.info(path)
            assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
            assert 0.8 < info.duration < 8.0


@needs_espeak
def test_the_speech_is_neither_silent_nor_clipped(corpus: Path) -> None:
    for path in corpus.rglob("*.wav"):
        samples, _ = soundfile.read(path)
        assert 0.01 < np.sqrt(np.mean(samples**2)) < 0.35
        assert np.abs(samples).max() < 0.98


@needs_espeak
def test_the_corpus_says_that_it_is_synthetic(corpus: Path) -> None:
    card = json.loads((corpus / "card.json").read_text())

    assert card["synthetic"] is True
    assert set(card) == {"name", "title", "licence", "citation", "language", "synthetic"}
    assert (corpus / "README.txt").read_text().startswith("SYNTHETIC DATA")


@needs_espeak
def test_an_older_synthetic_corpus_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    synthesize_corpus(out, utterances_per_speaker=5)
    synthesize_corpus(out, utterances_per_speaker=4)

    assert len(list(out.rglob("*.wav"))) == 4 * len(SPEAKERS)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_a_folder_with_other_files_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(
        CorpusError, match=r"exists and is not a synthetic corpus; give --out a new folder"
    ):
        synthesize_corpus(tmp_path)

    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_too_few_utterances_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"3 utterances per speaker cannot hold 4 emotions; ask for at least 4"
    ):
        synthesize_corpus(tmp_path / "corpus", utterances_per_speaker=3)


def test_a_missing_package_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)

    assert main(["synthesize", "--out", str(tmp_path / "corpus")]) == 1
    assert "not installed: pip install emotion2vec[quickstart]" in capsys.readouterr().err
    assert not (tmp_path / "corpus").exists()


@needs_espeak
def test_the_command_prints_what_it_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "corpus"

    assert (
        main(["synthesize", "--out", str(out), "--utterances-per-speaker", "4", "--seed", "9"]) == 0
    )
    assert capsys.readouterr().out.startswith(f"{out}: SYNTHETIC, 32 utterances, 8 speakers, ")


def test_there_are_speakers_of_both_genders() -> None:
    genders = [speaker.gender for speaker in SPEAKERS]

    assert len(SPEAKERS) >= 8
    assert genders.count("female") >= 4
    assert genders.count("male") >= 4
    assert len({speaker.voice for speaker in SPEAKERS}) == len(SPEAKERS)


@pytest.mark.parametrize(
    "quantity", ["rate_wpm", "pitch", "pitch_range", "gain_db", "word_gap_10ms"]
)
@pytest.mark.parametrize(
    ("first", "second"), [("angry", "happy"), ("happy", "neutral"), ("neutral", "sad")]
)
def test_neighbouring_emotions_overlap_in_every_quantity(
    quantity: str, first: str, second: str
) -> None:
    (mean_a, std_a), (mean_b, std_b) = (
        getattr(EMOTIONS[name], quantity) for name in (first, second)
    )

    assert abs(mean_a - mean_b) < 3 * (std_a + std_b) / 2


def test_words_do_not_depend_on_the_emotion() -> None:
    texts = [draw_delivery(SPEAKERS[0], emotion, derive_rng("t", 1)).text for emotion in EMOTIONS]

    assert len(set(texts)) == 1


@pytest.mark.parametrize("tilt", [0.0, 0.5, 1.0])
def test_noise_has_unit_power_and_the_slope_asked_for(tilt: float) -> None:
    noise = coloured_noise(2**16, tilt=tilt, rng=derive_rng("noise", 1))

    power = np.abs(np.fft.rfft(noise)) ** 2
    low, high = power[100:200].mean(), power[10_000:20_000].mean()
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0)
    assert 10 * np.log10(low / high) == pytest.approx(20 * tilt, abs=1.5)  # two decades apart


def test_noise_stands_at_the_ratio_asked_for() -> None:
    speech = np.sin(np.arange(16000) / 20).astype(np.float32)
    delivery = draw_delivery(SPEAKERS[0], "neutral", derive_rng("t", 2))

    mixed = mix(speech, delivery, derive_rng("noise", 2))

    clean = speech * (mixed @ speech) / (speech @ speech)
    snr_db = 10 * np.log10(np.mean(clean**2) / np.mean((mixed - clean) ** 2))
    assert snr_db == pytest.approx(delivery.snr_db, abs=0.3)
