"""IEMOCAP (Busso et al., 2008): `SessionN/sentences/wav/<dialog>/<utterance>.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Tables 1, 2, 6 and 8 to 11.
Labels are lines of `SessionN/dialog/EmoEvaluation/<dialog>.txt`. `Ses01F_impro04_M012` is said by the man of session 1:
the F after the session says who wore the motion-capture markers, not who speaks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, CorpusOption, Counts
from emotion2vec.corpora.dialogue import Spoken, number_turns
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.label_text import one_line, read_lenient, read_text
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set, paper_labels
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError

_SESSIONS = ("Session1", "Session2", "Session3", "Session4", "Session5")
_LINE = re.compile(
    r"\[(?P<start>\d+(\.\d+)?) - (?P<end>\d+(\.\d+)?)\]\s+(?P<id>\S+)\s+(?P<code>\S+)\s+\[[^\]]*\]\s*"
)
_ID = re.compile(r"Ses0(?P<session>[1-5])[FM]_\w+_(?P<gender>[FM])[0-9X]+")
_TRANSCRIPT_LINE = re.compile(r"(?P<id>Ses\w+)\s*\[[^\]]*\]:(?P<text>.*)")
_USE = paper_labels("iemocap")

CARD = CorpusCard(
    name="iemocap",
    title="IEMOCAP",
    licence="licence agreement with the University of Southern California for research; not to be passed on",
    citation="C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, S. S. Narayanan: "
    "IEMOCAP: Interactive Emotional Dyadic Motion Capture Database. "
    "Language Resources and Evaluation 42(4), 335-359, 2008",
    url="https://sail.usc.edu/iemocap/",
    access="On request: sign the data release form on its site; a link to the archive follows by e-mail.",
    language="en",
    labels=_USE.labels,
    option_labels=tuple(label for label in label_set("iemocap") if label not in _USE.labels),
    layout="Session1/ ... Session5/ with sentences/wav/<dialog>/<utterance>.wav and "
    "dialog/EmoEvaluation/<dialog>.txt",
    paper=Counts(utterances=5531, speakers=10, hours=7.0),
    release=Counts(utterances=5531, speakers=10, hours=6.99),
    notes=(
        "Four classes as in the paper: `exc` counts as happy; `fru xxx sur fea dis oth` are left out, by name. "
        "5531 = 1103 angry, 1636 happy (595 hap, 1041 exc), 1708 neutral, 1084 sad; "
        "1085, 1023, 1151, 1031 and 1241 in the sessions.",
        "The release has 10,039 utterances; `all_emotions` keeps them with their ten emotions and no_agreement (xxx).",
        "Speakers are 01F to 05M, by the utterance's own letter: both speakers of a session are in each dialogue.",
        "Three scenes are in two parts or have a second take: Ses03M_impro05a/b, Ses03M_impro08a/b and "
        "Ses05M_script01_1b are dialogues of their own.",
        "Order and turns follow the start times and count all utterances of a dialogue, also those left out.",
        "Copies made on a Mac hold `._` files beside the label files: they are passed over.",
    ),
    options=(
        CorpusOption(
            "all_emotions",
            "true keeps every utterance with its own label, also excited, frustrated and no_agreement; default: false",
            ("false", "true"),
            {"true": Counts(utterances=10039, speakers=10)},
        ),
    ),
    ignored=("Session*/dialog/wav/*.wav", "Session*/dialog/avi/DivX/*.avi"),
)


@dataclass(frozen=True)
class _Line:
    """A label line; `where` is its file and number."""

    start_s: float
    code: str
    where: str


@register_corpus(CARD)
def iter_utterances(root: Path, all_emotions: str = "false") -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of the sessions that are there.

    Args:
        root: Folder of the release.
        all_emotions: "true" keeps utterances of every label.

    Raises:
        CorpusError: A dialogue has recordings but no label file, or a label line is malformed.
    """
    for name in _SESSIONS:
        session = find_folder(root, name)
        if session is None:
            continue
        audio = _sub_folder(session, "sentences", "wav")
        evaluation = _sub_folder(session, "dialog", "EmoEvaluation")
        for dialogue in sorted(_folder_names(audio) | _label_files(evaluation)):
            for item in _iter_dialogue(root, session, dialogue):
                if isinstance(item, Utterance) and all_emotions == "false":
                    yield _as_the_paper(item)
                else:
                    yield item


def _sub_folder(folder: Path, *names: str) -> Path:
    for name in names:
        folder = find_folder(folder, name) or folder / name
    return folder


def _folder_names(parent: Path) -> set[str]:
    if not parent.is_dir():
        return set()
    return {path.name for path in parent.iterdir() if path.is_dir() and path.name[0] != "."}


def _label_files(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.txt") if path.name[0] != "."}


def _iter_dialogue(root: Path, session: Path, dialogue: str) -> Iterator[Utterance | LeftOut]:
    """Yield a dialogue's utterances with their own labels."""
    folder = _sub_folder(session, "sentences", "wav") / dialogue
    table = _sub_folder(session, "dialog", "EmoEvaluation") / f"{dialogue}.txt"
    found = list(audio_files(root, [folder])) if folder.is_dir() else []
    paths = {Path(path).stem: path for path in found if isinstance(path, str)}
    yield from (path for path in found if isinstance(path, LeftOut))
    if not paths and not table.is_file():
        return
    lines = _read_lines(table, len(paths))
    for name in sorted(paths.keys() - lines.keys()):
        yield LeftOut(paths[name], "no line in its dialogue's label file")
    places = number_turns(
        Spoken(name, line.start_s, _speaker(name)) for name, line in lines.items()
    )
    texts = _read_transcript(_sub_folder(session, "dialog", "transcriptions") / f"{dialogue}.txt")
    for name, line in lines.items():
        if name not in paths:
            missing = (folder / f"{name}.wav").relative_to(root).as_posix()
            yield LeftOut(missing, "listed in its dialogue's label file, but there is no such file")
            continue
        speaker = _speaker(name)
        yield Utterance(
            id=name,
            path=paths[name],
            num_samples=0,
            label=decode_label("iemocap", line.code, source=line.where),
            speaker=speaker,
            session=f"Session{int(speaker[:2])}",
            language=CARD.language,
            gender="female" if speaker[2] == "F" else "male",
            dialogue=dialogue,
            order=places[name].order,
            turn=places[name].turn,
            start_s=line.start_s,
            text=texts.get(name),
        )


def _as_the_paper(utterance: Utterance) -> Utterance | LeftOut:
    """Keep the paper's four classes."""
    label = _USE.renamed.get(utterance.label or "", utterance.label)
    if label not in _USE.labels:
        return LeftOut(utterance.path, f"label {label} is not one of the paper's four")
    return replace(utterance, label=label)


def _speaker(name: str) -> str:
    """Return session and gender of who says an utterance, e.g. 01M."""
    match = _ID.fullmatch(name)
    assert match is not None, name
    return f"0{match['session']}{match['gender']}"


def _read_lines(table: Path, num_files: int) -> dict[str, _Line]:
    """Read a dialogue's label file: utterance -> its line; headers and single raters' lines are passed over."""
    if not table.is_file():
        raise CorpusError(
            f"no label file {str(table)!r} for the {num_files} recordings of its dialogue; "
            "unpack dialog/EmoEvaluation of the release too"
        )
    lines: dict[str, _Line] = {}
    for number, text in enumerate(read_text(table).splitlines(), 1):
        if not text.startswith("["):
            continue
        where = f"{table}:{number}"
        match = _LINE.fullmatch(text)
        if match is None or not _ID.fullmatch(match["id"]):
            raise CorpusError(
                f"{where}: expected '[start - end]<TAB>utterance<TAB>emotion<TAB>[v, a, d]' with an utterance such as "
                f"Ses01F_impro01_F000, but found {text!r}; copy the file from the release again"
            )
        if match["id"] in lines:
            raise CorpusError(
                f"{where}: {match['id']} is listed twice, first in {lines[match['id']].where}; "
                "copy the file from the release again"
            )
        lines[match["id"]] = _Line(float(match["start"]), match["code"], where)
    return lines


def _read_transcript(path: Path) -> dict[str, str | None]:
    """Read what is said: utterance -> words. Some copies have no transcripts."""
    if not path.is_file():
        return {}
    matches = (_TRANSCRIPT_LINE.match(line) for line in read_lenient(path).splitlines())
    return {match["id"]: one_line(match["text"]) for match in matches if match is not None}
