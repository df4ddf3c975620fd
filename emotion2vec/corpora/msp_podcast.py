"""MSP-Podcast (Lotfian and Busso, 2019): `Audios/MSP-PODCAST_xxxx_yyyy.wav` and `Labels/labels_consensus.csv`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 (release 1.8).
xxxx is the podcast. The table has a row for each file: FileName, EmoClass, SpkrID, Gender, Split_Set and others.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, CorpusOption, Counts
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.label_text import Row, read_json, read_rows
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError

_AUDIO = ("Audio", "Audios")
# the misspelling is that of releases up to 1.9
_TABLES = (
    "labels_consensus.csv",
    "labels_concensus.csv",
    "labels_consensus.json",
    "labels_concensus.json",
)
_COLUMNS = ("FileName", "EmoClass", "Split_Set")
_SPLITS = {
    "train": "train",
    "development": "valid",
    "validation": "valid",
    "test1": "test",
    "test2": "test",
    "test3": "test",
}
_GENDERS = {"female": "female", "male": "male"}
_NAME = re.compile(r"MSP-PODCAST_(?P<podcast>\d+)_\d+(_\d+)?")

CARD = CorpusCard(
    name="msp_podcast",
    title="MSP-Podcast",
    licence="academic or commercial licence of the University of Texas at Dallas",
    citation="R. Lotfian, C. Busso: Building Naturalistic Emotionally Balanced Speech Corpus by Retrieving Emotional "
    "Speech From Existing Podcast Recordings. IEEE Transactions on Affective Computing 10(4), 2019",
    url="https://www.lab-msp.com/MSP/MSP-Podcast.html",
    access="Ask the MSP laboratory of the University of Texas at Dallas for it.",
    language="en",
    labels=label_set("msp_podcast"),
    layout="Audios/ or Audio/ with files such as MSP-PODCAST_0001_0008.wav, and Labels/labels_consensus.csv (or .json)",
    paper=Counts(utterances=72969, speakers=10000, hours=113.5),
    release=Counts(),
    notes=(
        "The paper uses release 1.8 (and counts 10000+ speakers). Later releases hold more, 1.11 e.g. 151,654 files: "
        "to take the files of 1.8 from them, name the label table of 1.8 with --labels FILE. Later releases have it in "
        "Previous_releases_information/, and there, in files_removed_from_prev_versions/v1.8_removed_files/, the files "
        "that were dropped since: copy these to Audios/.",
        "The table's name is misspelt labels_concensus.csv up to release 1.9: both are read.",
        "Development (Validation in early releases) is valid; Test1, Test2 and Test3 are test. Table 1's utterances "
        "are all of them: the paper's pre-training uses no label.",
        "Some speakers are in more than one of the test sets; speakers named Unknown have no name here.",
        "Files without a row in the table (Test3 of later releases has no public labels) are left out and counted.",
        "Labels O (other) and X (no agreement) are kept; a probe has to leave them out.",
        "A session is a podcast.",
    ),
    options=(
        CorpusOption("labels", "another label table (--labels), e.g. that of an earlier release"),
        CorpusOption(
            "test",
            "all (default), or the one test set that is the test split: the others are in no split then",
            ("all", "Test1", "Test2", "Test3"),
        ),
    ),
    ignored=("files_removed_from_prev_versions/*/*",),
)


@register_corpus(CARD)
def iter_utterances(
    root: Path, labels: Path | None = None, test: str = "all"
) -> Iterator[Utterance | LeftOut]:
    """Yield the files that have a row in the label table.

    Args:
        root: Folder of the release.
        labels: Another label table than that of the release.
        test: See the card.

    Raises:
        CorpusError: There is audio but no label table, or the table is malformed.
    """
    folders = [folder for name in _AUDIO if (folder := find_folder(root, name))]
    folders += [inner for outer in folders if (inner := find_folder(outer, outer.name))]
    if not folders:
        return
    table = Path(labels) if labels is not None else _find_table(root)
    rows = _read_table(table)
    found = set()
    for path in audio_files(root, folders):
        if isinstance(path, LeftOut):
            yield path
            continue
        stem = Path(path).stem
        found.add(stem)
        if stem in rows:
            yield _utterance(stem, path, rows[stem], test)
        else:
            yield LeftOut(path, f"no row in {table.name}")
    for stem in sorted(rows.keys() - found):
        missing = (folders[-1] / f"{stem}.wav").relative_to(root).as_posix()
        yield LeftOut(missing, f"missing: has a row in {table.name}")


def _find_table(root: Path) -> Path:
    folder = find_folder(root, "Labels")
    inner = find_folder(folder, "Labels") if folder else None
    for base in (folder, inner, root):
        for name in _TABLES:
            if base is not None and (base / name).is_file():
                return base / name
    raise CorpusError(
        f"no label table of msp_podcast below {str(root)!r}: expected Labels/{_TABLES[0]} (or .json) beside the audio; "
        "copy it there or name it with --labels FILE"
    )


def _read_table(table: Path) -> dict[str, Row]:
    """Read the table: file name without suffix -> row."""
    if not table.is_file():
        raise CorpusError(f"no label table {str(table)!r}; expected {_TABLES[0]} or .json")
    rows: dict[str, Row] = {}
    is_json = table.suffix.lower() == ".json"
    for row in _json_rows(table) if is_json else read_rows(table, _COLUMNS):
        stem = re.sub(r"(?i)\.wav$", "", row.cells["FileName"])
        if stem in rows:
            raise CorpusError(f"{row.where}: a second row for {stem}; keep one of them")
        rows[stem] = row
    return rows


def _json_rows(table: Path) -> Iterator[Row]:
    records = read_json(table)
    if not isinstance(records, dict) or not all(isinstance(v, dict) for v in records.values()):
        raise CorpusError(f"{table}: expected a JSON object that maps each file to its labels")
    for name, record in records.items():
        cells = {column: str(value).strip() for column, value in record.items()}
        absent = [column for column in _COLUMNS[1:] if column not in cells]
        if absent:
            raise CorpusError(f"{table}: {name}: lacks {absent}; is it the corpus' own table?")
        yield Row(f"{table}: {name}", {**cells, "FileName": name})


def _utterance(stem: str, path: str, row: Row, test: str) -> Utterance:
    partition = row.cells["Split_Set"]
    split = _SPLITS.get(partition.lower())
    if split is None:
        raise CorpusError(
            f"{row.where}: Split_Set must be one of Train, Development, Validation, Test1, Test2, Test3, "
            f"but is {partition!r}"
        )
    is_other_test = split == "test" and test.lower() not in ("all", partition.lower())
    match = _NAME.fullmatch(stem)
    speaker = row.cells.get("SpkrID", "")
    return Utterance(
        stem,
        path,
        0,
        label=decode_label("msp_podcast", row.cells["EmoClass"], source=row.where),
        speaker=None if speaker.lower() in ("", "unknown") else speaker,
        session=match["podcast"] if match else None,
        split=None if is_other_test else split,
        language=CARD.language,
        gender=_GENDERS.get(row.cells.get("Gender", "").lower()),
    )
