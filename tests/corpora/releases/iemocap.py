"""IEMOCAP: a fake release, label files in the format of `dialog/EmoEvaluation`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "iemocap.tsv"
_LABELS = {"ang": "angry", "hap": "happy", "exc": "happy", "sad": "sad", "neu": "neutral"}
# utterance, emotion, start, end
Line = tuple[str, str, float, float]

_F, _M = "Ses01F_impro01", "Ses01M_script01_1"
MINIATURE: Mapping[str, Sequence[Line]] = {
    _F: [
        (f"{_F}_F000", "neu", 6.2901, 8.2357),
        (f"{_F}_F001", "neu", 10.01, 11.3925),
        (f"{_F}_M000", "fru", 14.8872, 18.0175),
        (f"{_F}_F002", "exc", 19.29, 20.7875),
        (f"{_F}_M001", "xxx", 21.3257, 24.74),
        (f"{_F}_M002", "ang", 24.8, 26.1),
    ],
    # the women's lines come first in this file, whatever the time
    _M: [
        (f"{_M}_F000", "sad", 4.5, 6.0),
        (f"{_M}_F001", "hap", 9.0, 9.5),
        (f"{_M}_M000", "oth", 1.25, 3.0),
        (f"{_M}_M001", "fea", 7.0, 8.0),
    ],
    "Ses03M_impro05a": [("Ses03M_impro05a_F000", "sur", 3.0, 4.0)],
    "Ses03M_impro05b": [("Ses03M_impro05b_M000", "dis", 3.0, 4.0)],
    "Ses05M_script01_1b": [("Ses05M_script01_1b_F011", "neu", 2.0, 3.0)],
}


def label_file(lines: Sequence[Line]) -> str:
    """Return the text of an evaluation file: a header, and a summary before each utterance's raters."""
    text = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    for name, code, start, end in lines:
        text += f"[{start:.4f} - {end:.4f}]\t{name}\t{code}\t[2.5000, 2.5000, 2.5000]\n"
        text += "C-E2:\tNeutral;\t()\nC-E3:\tFrustration;\t(curious)\n"
        text += "A-E3:\tval 3; act 2; dom  2;\t()\n\n"
    return text


def wav_path(name: str) -> str:
    """Return where the release keeps an utterance."""
    dialogue = name.rpartition("_")[0]
    return f"Session{name[4]}/sentences/wav/{dialogue}/{name}.wav"


def write_label_files(root: Path, dialogues: Mapping[str, Sequence[Line]]) -> None:
    """Write the evaluation file of each dialogue, beside the folders of the single raters."""
    for dialogue, lines in dialogues.items():
        folder = root / f"Session{dialogue[4]}" / "dialog" / "EmoEvaluation"
        (folder / "Categorical").mkdir(parents=True, exist_ok=True)
        (folder / f"{dialogue}.txt").write_text(label_file(lines), encoding="utf-8")
        rater = f"{lines[0][0]} :Neutral state; ()\n"
        (folder / "Categorical" / f"{dialogue}_e2_cat.txt").write_text(rater, encoding="utf-8")


def build_miniature(root: Path) -> int:
    """Dialogues with every code, two parts of a scene, a Mac's files, whole recordings, transcripts of one dialogue."""
    names = [line[0] for lines in MINIATURE.values() for line in lines]
    write_files(root, [wav_path(name) for name in names])
    write_label_files(root, MINIATURE)
    write_files(root, [f"Session1/dialog/wav/{_F}.wav"], channels=2)
    mac = root / "Session1" / "dialog" / "EmoEvaluation" / f"._{_F}.txt"
    mac.write_bytes(b"\x00\x05\x16\x07[Mac OS X")
    (root / "Session1" / "sentences" / "wav" / _F / f"._{_F}_F000.wav").write_bytes(b"\x00\x05\x16")
    (root / "Session1" / "sentences" / "wav" / _F / f"{_F}.pk").write_bytes(b"\x00")
    transcripts = root / "Session1" / "dialog" / "transcriptions"
    transcripts.mkdir(parents=True)
    transcripts.joinpath(f"{_F}.txt").write_bytes(
        f"{_F}_F000 [006.2901-008.2357]: Excuse me.\n{_F}_FXX0 [008.3000-008.4000]: [BREATHING]\nF: Mm.\n"
        f"{_F}_M000 [014.8872-018.0175]:  Do you\thave your forms? \n".encode()
        + f"{_F}_F001 [010.0100-011.3925]: That\x92s it.\n".encode("latin-1")
    )
    return sum(code in _LABELS for lines in MINIATURE.values() for _, code, _, _ in lines)


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """The 5531 utterances of the four classes, and one of each other label in every dialogue."""
    dialogues: dict[str, list[Line]] = defaultdict(list)
    for row in rows:
        name = PurePosixPath(row["path"]).stem
        lines = dialogues[name.rpartition("_")[0]]
        lines.append((name, row["label"], 3.0 * len(lines), 3.0 * len(lines) + 2))
    others = []
    for dialogue, lines in dialogues.items():
        for number, code in enumerate(("fru", "xxx", "sur", "fea", "dis", "oth")):
            name = f"{dialogue}_{'FM'[number % 2]}9{number:02d}"
            lines.insert(2 * number, (name, code, 1.5 + 3.0 * number, 2.0 + 3.0 * number))
            others.append(wav_path(name))
    link_files(root, [row["path"] for row in rows] + others)
    write_label_files(root, dialogues)
    return {
        row["path"]: Expected(
            _LABELS[row["label"]],
            speaker=f"0{row['path'][7]}{row['path'].rpartition('_')[2][0]}",
        )
        for row in rows
    }
