"""SAVEE, EMOVO, CaFE and SUBESCO: the name of a file tells all; copies of the releases lie in several ways."""

import json
from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import get_corpus
from emotion2vec.errors import CorpusError
from tests.corpora.parsed import parse
from tests.corpora.releases import emovo
from tests.corpora.releases.files import link_files
from tests.helpers.wav import write_wav


@pytest.mark.parametrize(
    ("corpus", "path", "identifier", "label", "speaker", "gender", "sentence", "take", "intensity"),
    [
        ("savee", "DC/sa05.wav", "DC_sa05", "sad", "DC", "male", "sa05", None, None),
        ("savee", "KL_su15.wav", "KL_su15", "surprise", "KL", "male", "su15", None, None),
        ("savee", "AudioData/JE/n30.wav", "JE_n30", "neutral", "JE", "male", "n30", None, None),
        ("savee", "ALL/JK_a01.wav", "JK_a01", "angry", "JK", "male", "a01", None, None),
        ("savee", "savee/audiodata/dc/D01.WAV", "DC_d01", "disgust", "DC", "male", "d01", *[None] * 2),
        ("savee", "DC/DC_f02.flac", "DC_f02", "fear", "DC", "male", "f02", None, None),
        ("emovo", "f1/dis-f1-b1.wav", "dis-f1-b1", "disgust", "f1", "female", "b1", None, None),
        ("emovo", "M3/Gio-M3-L4.WAV", "gio-m3-l4", "happy", "m3", "male", "l4", None, None),
        ("emovo", "EMOVO/m2/rab - m2 - d2.wav", "rab-m2-d2", "angry", "m2", "male", "d2", *[None] * 2),
        ("emovo", "Dataset/f2/sor_f2_n5.wav", "sor-f2-n5", "surprise", "f2", "female", "n5", *[None] * 2),
        ("emovo", "pau-f3-x9.wav", "pau-f3-x9", "fear", "f3", "female", "x9", None, None),
        ("cafe", "Joie/Fort/01-J-2-6.wav", "01-J-2-6", "happy", "01", "male", "6", None, "fort"),
        ("cafe", "Col\u0160re/Faible/12-C-1-1.aiff", "12-C-1-1", "angry", "12", "female", "1", None, "faible"),
        ("cafe", "CaFE_192k_1/Neutre/03-N-5.AIFF", "03-N-1-5", "neutral", "03", "male", "5", None, None),
        ("cafe", "CaFE/CaFE_48k/Neutre/04-N-1-5.wav", "04-N-1-5", "neutral", "04", "female", "5", *[None] * 2),
        ("cafe", "08-p-2-3.wav", "08-P-2-3", "fear", "08", "female", "3", None, "fort"),
        ("subesco", "F_01_OISHI_S_10_FEAR_4.wav", "F_01_OISHI_S_10_FEAR_4", "fear", "F_01", "female", "10", "4", None),
        ("subesco", "subesco/M_10_EVAN_S_1_SAD_5.wav", "M_10_EVAN_S_1_SAD_5", "sad", "M_10", "male", "1", "5", None),
    ],
)  # fmt: skip
def test_the_name_gives_everything_that_is_known(
    tmp_path: Path,
    corpus: str,
    path: str,
    identifier: str,
    label: str,
    speaker: str,
    gender: str,
    sentence: str,
    take: str | None,
    intensity: str | None,
) -> None:
    link_files(tmp_path / "root", [path])
    parsed = parse(corpus, tmp_path / "root")
    assert parsed.left_out == {}
    row = parsed.taken[identifier]
    assert row.path == path
    assert (row.label, row.speaker, row.gender) == (label, speaker, gender)
    assert (row.sentence, row.take, row.intensity) == (sentence, take, intensity)
    assert row.language == get_corpus(corpus).card.language


@pytest.mark.parametrize(
    ("corpus", "path", "reason"),
    [
        ("savee", "AudioData/DC/take one.wav", "name is not of the form sa01 or DC_sa01"),
        ("savee", "AudioData/DC/JE_a01.wav", "folder and file name disagree about the speaker"),
        ("savee", "AudioData/DC/s01.wav", "emotion 's' is not one of ['a', 'd', 'f', 'h', 'n', 'sa', 'su']"),
        ("savee", "a01.wav", "neither its folder nor its name says the speaker (DC, JE, JK or KL)"),
        ("savee", "AudioData/DC/._a01.wav", "hidden file (of a file manager, not speech)"),
        ("savee", "AudioData/DC/a01.flac", "same name as another file but for the suffix (a01.wav)"),
        ("emovo", "f1/dis-f1.wav", "name is not of the form dis-f1-b1"),
        ("emovo", "f1/dis-f4-b1.wav", "name is not of the form dis-f1-b1"),
        ("emovo", "f1/dis-f2-b1.wav", "folder and file name disagree about the speaker"),
        ("emovo", "f1/ver-f1-b1.wav", "emotion 'ver' is not one of ['dis', 'gio', 'neu', 'pau', 'rab', 'sor', 'tri']"),
        ("cafe", "Joie/Fort/13-J-2-1.wav", "name is not of the form 01-J-2-1, or 01-N-1 for neutral"),
        ("cafe", "Joie/01-J-1.wav", "name is not of the form 01-J-2-1, or 01-N-1 for neutral"),
        ("cafe", "Neutre/01-N-2-1.wav", "name is not of the form 01-J-2-1, or 01-N-1 for neutral"),
        ("cafe", "Joie/Fort/01-J-1-1.wav", "folder and file name disagree about the intensity"),
        ("cafe", "Ennui/Fort/01-E-2-1.wav", "emotion 'E' is not one of ['C', 'D', 'J', 'N', 'P', 'S', 'T']"),
        ("subesco", "F_01_OISHI_10_ANGRY_1.wav", "name is not of the form F_01_OISHI_S_10_ANGRY_1"),
        ("subesco", "X_01_OISHI_S_10_ANGRY_1.wav", "name is not of the form F_01_OISHI_S_10_ANGRY_1"),
        (
            "subesco",
            "F_01_OISHI_S_10_JOY_1.wav",
            "emotion 'JOY' is not one of ['ANGRY', 'DISGUST', 'FEAR', 'HAPPY', 'NEUTRAL', 'SAD', 'SURPRISE']",
        ),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_left_out_with_a_reason(
    tmp_path: Path, corpus: str, path: str, reason: str
) -> None:
    good = {
        "savee": "AudioData/DC/a01.wav",
        "emovo": "f1/dis-f1-b1.wav",
        "cafe": "Joie/Fort/01-J-2-1.wav",
        "subesco": "F_01_OISHI_S_10_ANGRY_1.wav",
    }[corpus]
    link_files(tmp_path / "root", [good, path])
    parsed = parse(corpus, tmp_path / "root")
    assert [row.path for row in parsed.taken.values()] == [good]
    assert parsed.left_out == {path: reason}


@pytest.mark.parametrize(
    ("corpus", "paths"),
    [
        ("savee", ["ALL/DC_a01.wav", "AudioData/DC/a01.wav"]),
        ("emovo", ["f1/dis-f1-b1.wav", "f1/DIS-F1-B1.wav"]),
        ("cafe", ["Neutre/01-N-1.wav", "Neutre/01-N-1-1.wav"]),
        ("subesco", ["M_01_BASHIR_S_1_SAD_3].wav", "M_01_BASHIR_S_1_SAD_3.wav"]),
    ],
)
def test_an_utterance_that_lies_below_the_root_twice_is_refused(
    tmp_path: Path, corpus: str, paths: list[str]
) -> None:
    link_files(tmp_path / "root", paths)
    with pytest.raises(CorpusError, match=r"1 utterances lie below .* more than once, e\.g\. \["):
        prepare_corpus(corpus, tmp_path / "root", tmp_path / "out")


@pytest.mark.parametrize(
    ("corpus", "path"),
    [
        ("savee", "f1/dis-f1-b1.wav"),
        ("emovo", "AudioData/DC/a01.wav"),
        ("cafe", "Actor_01/03-01-05-01-01-01-01.wav"),
        ("subesco", "wav/03a01Fa.wav"),
    ],
)
def test_another_corpus_is_refused(tmp_path: Path, corpus: str, path: str) -> None:
    link_files(tmp_path / "root", [path])
    with pytest.raises(CorpusError, match=f"no {corpus} utterances below .* expected "):
        prepare_corpus(corpus, tmp_path / "root", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_of_two_copies_of_cafe_the_one_at_48_khz_is_taken(tmp_path: Path) -> None:
    link_files(
        tmp_path / "root",
        [
            "CaFE_192k_1/Neutre/01-N-1.aiff",
            "CaFE_192k_1/Joie/Fort/01-J-2-1.aiff",
            "CaFE_192k_1/Joie/Faible/01-J-1-1.aiff",
            "CaFE_48k/Neutre/01-N-1-1.wav",
            "CaFE_48k/Joie/Fort/01-J-2-1.wav",
        ],
    )
    parsed = parse("cafe", tmp_path / "root")
    assert {row.path for row in parsed.taken.values()} == {
        "CaFE_48k/Neutre/01-N-1-1.wav",
        "CaFE_48k/Joie/Fort/01-J-2-1.wav",
        "CaFE_192k_1/Joie/Faible/01-J-1-1.aiff",
    }
    reason = "the same utterance in another copy; that in CaFE_48k/ is taken"
    assert parsed.left_out == {
        "CaFE_192k_1/Neutre/01-N-1.aiff": reason,
        "CaFE_192k_1/Joie/Fort/01-J-2-1.aiff": reason,
    }


def test_hidden_folders_of_cafe_are_passed_over(tmp_path: Path) -> None:
    link_files(tmp_path / "root", ["Neutre/01-N-1.wav", ".cache/Neutre/01-N-1.wav"])
    parsed = parse("cafe", tmp_path / "root")
    assert [row.path for row in parsed.taken.values()] == ["Neutre/01-N-1.wav"]


def test_the_copies_of_cafe_give_the_same_ids(tmp_path: Path) -> None:
    for copy, neutral, suffix in [
        ("CaFE_48k", "01-N-1-2", "wav"),
        ("CaFE_192k_1", "01-N-2", "aiff"),
    ]:
        names = [f"{copy}/Neutre/{neutral}.{suffix}", f"{copy}/Peur/Fort/01-P-2-2.{suffix}"]
        link_files(tmp_path / copy, names)
    ids = [set(parse("cafe", tmp_path / copy).taken) for copy in ("CaFE_48k", "CaFE_192k_1")]
    assert ids[0] == ids[1] == {"01-N-1-2", "01-P-2-2"}


def test_an_aiff_file_of_cafe_may_have_the_short_suffix(tmp_path: Path) -> None:
    write_wav(tmp_path / "01-N-1.aiff", seconds=0.1, sample_rate_hz=48000)
    (tmp_path / "root" / "Neutre").mkdir(parents=True)
    (tmp_path / "01-N-1.aiff").rename(tmp_path / "root" / "Neutre" / "01-N-1.aif")
    done = prepare_corpus(
        "cafe", tmp_path / "root", tmp_path / "out", audio_out=tmp_path / "audio", num_jobs=1
    )
    assert (done.found.utterances, done.unreadable) == (1, ())


def test_the_stray_bracket_of_subesco_is_not_part_of_the_id(tmp_path: Path) -> None:
    link_files(tmp_path / "root", ["F_02_MONIKA_S_2_SURPRISE_3].wav"])
    row = parse("subesco", tmp_path / "root").taken["F_02_MONIKA_S_2_SURPRISE_3"]
    assert (row.path, row.take) == ("F_02_MONIKA_S_2_SURPRISE_3].wav", "3")


def test_the_whole_of_emovo_is_found_by_its_rule(tmp_path: Path) -> None:
    expected = emovo.build_whole(tmp_path / "root")
    parsed = parse("emovo", tmp_path / "root")
    found = {row.path: (row.label, row.speaker) for row in parsed.taken.values()}
    assert found == {path: (what.label, what.speaker) for path, what in expected.items()}
    card = get_corpus("emovo").card
    assert len(found) == card.release.utterances == card.paper.utterances == 588
    assert len({row.speaker for row in parsed.taken.values()}) == card.release.speakers == 6
    assert parsed.left_out == {}


def test_emovo_says_that_one_microphone_is_taken(tmp_path: Path) -> None:
    emovo.build_miniature(tmp_path / "root")
    prepare_corpus("emovo", tmp_path / "root", tmp_path / "out", audio_out=tmp_path / "audio")
    card = json.loads((tmp_path / "out" / "corpus.json").read_text())
    assert card["channel"] == "0"
    assert any("two microphones" in note for note in card["notes"])
