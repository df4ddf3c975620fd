"""M3ED (Zhao et al., 2022): `modality_speech/<A|B>_<drama>_<dialogue>_<utterance>.wav`, labels in `annotation.json`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 4.
The annotation holds drama -> dialogue -> `Dialog` -> utterance (`anjia_11_1`); its speaker, A or B, begins the file's
name.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.dialogue import Place, Spoken, clock_seconds, number_turns
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.label_text import one_line, read_json
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError

logger = logging.getLogger(__name__)

_TABLE = "annotation.json"
_NAME = re.compile(r"[^_]+_\d+_(?P<number>\d+)")
# the dramas of each split, as the authors publish them
_DRAMAS = {
    "train": "anjia banshimitangbanshishang dahaoshiguang dajiangdahe doutinghao ershibuhuo fendou fumuaiqing "
    "haoxiansheng heyishengxiaomo huijiadeyouhuo jiayounishizuibangde jimaofeishangtian jinhun lamazhengzhuan "
    "lizhipaishenghuo nihaojiushiguang nishiwodechengchibaolei qihun qinaidereaide sanshieryi shanhaiqing "
    "shaonianpai waixiangren womendexinshidai woshiyuhuanshui xiaobieli xiaoshede xiaozhangfu xinlianaishidai "
    "xueselangman yipuerzhu yiqitongguochuang yujianwanglichuan zhengfu zhengyangmenxia "
    "zhiwomennuannuandexiaoshiguang zuimeideshiguang",
    "valid": "bianchengnidenayitian humamaoba nishiwodeyan renmindemingyi yijiarenzhiming yueguangbianzouqu "
    "zhiwomendanchundexiaomeihao",
    "test": "guainiguofenmeili huanlesong jiayouernv liujinsuiyue luohunshidai rucikeaidewomen wanmeiguanxi woju "
    "xiangjianni xiaohuanxi xiayizhanshixingfu",
}
_SPLITS = {drama: split for split, dramas in _DRAMAS.items() for drama in dramas.split()}

CARD = CorpusCard(
    name="m3ed",
    title="M3ED",
    licence="not stated; the speech is that of television series",
    citation="J. Zhao, T. Zhang, J. Hu, Y. Liu, Q. Jin, X. Wang, H. Li: M3ED: Multi-modal Multi-scene Multi-label "
    "Emotional Dialogue Database. ACL 2022, arXiv:2205.10237",
    url="https://github.com/AIM3-RUC/RUCM3ED",
    access="Through its repository; the terms are not stated.",
    language="zh",
    labels=label_set("m3ed"),
    layout="modality_speech/ with files such as A_anjia_11_1.wav, and annotation.json beside it",
    paper=Counts(utterances=24449, speakers=626, hours=9.8),
    release=Counts(utterances=24437, speakers=635, hours=9.83),
    notes=(
        "24,437 recordings (17420, 2819, 4198 by the authors' lists of 38, 7 and 11 dramas); the paper counts 24,449 "
        "utterances. Rows without a recording are named when it is prepared.",
        "Speakers are drama and character: 635 names; the paper counts 626.",
        "The label is the main emotion of three raters' (final_main_emo).",
        "Order and turns follow the utterance's number; times are in frames of 1/25 s from the dialogue's begin.",
        "Two recordings are shorter than 25 ms, one frame of the model: they are named and not used.",
    ),
    num_too_short=2,
)


@dataclass(frozen=True)
class _Row:
    """An annotated utterance; `side` is A or B, the speaker within its dialogue."""

    drama: str
    dialogue: str
    number: int
    side: str
    speaker: str
    gender: str | None
    code: str
    start: str
    text: str
    where: str


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the recordings that are annotated.

    Raises:
        CorpusError: The annotation is missing or malformed, or has a drama that is in no split.
    """
    folder = find_folder(root, "modality_speech")
    if folder is None:
        return
    rows = _read_annotation(root / _TABLE)
    places = _number(rows)
    missing = dict(rows)
    for path in audio_files(root, [folder]):
        if isinstance(path, LeftOut):
            yield path
            continue
        side, _, name = Path(path).stem.partition("_")
        if name not in rows:
            yield LeftOut(path, f"not in {_TABLE}")
        elif rows[name].side != side:
            yield LeftOut(path, f"{_TABLE} names the other speaker of its dialogue")
        else:
            yield _utterance(name, path, rows[name], places[name])
            missing.pop(name)
    for name, row in missing.items():
        recording = folder.relative_to(root) / f"{row.side}_{name}.wav"
        yield LeftOut(recording.as_posix(), f"listed in {_TABLE}, but there is no such file")


def _utterance(name: str, path: str, row: _Row, place: Place) -> Utterance:
    return Utterance(
        id=name,
        path=path,
        num_samples=0,
        label=decode_label("m3ed", row.code, source=row.where),
        speaker=row.speaker,
        session=row.drama,
        split=_SPLITS[row.drama],
        language=CARD.language,
        gender=row.gender,
        dialogue=row.dialogue,
        order=place.order,
        turn=place.turn,
        start_s=clock_seconds(row.start),
        text=one_line(row.text),
    )


def _number(rows: Mapping[str, _Row]) -> dict[str, Place]:
    """Number the utterances and turns of each dialogue."""
    dialogues: dict[str, list[Spoken]] = defaultdict(list)
    for name, row in rows.items():
        dialogues[row.dialogue].append(Spoken(name, row.number, row.speaker))
    return {
        name: place
        for dialogue in dialogues.values()
        for name, place in number_turns(dialogue).items()
    }


def _read_annotation(table: Path) -> dict[str, _Row]:
    """Read the annotation: utterance -> its row."""
    if not table.is_file():
        raise CorpusError(
            f"no {_TABLE} in {str(table.parent)!r}; put the release's annotation beside modality_speech/"
        )
    rows: dict[str, _Row] = {}
    for drama, dialogues in _items(read_json(table), f"{table}: the annotation"):
        if drama not in _SPLITS:
            raise CorpusError(
                f"{table}: the drama {drama!r} is in none of M3ED's splits, so training and test cannot be told apart; "
                "use the release's own annotation"
            )
        for dialogue, contents in _items(dialogues, f"{table}: {drama}"):
            for row_name, row in _read_dialogue(f"{table}: {dialogue}", drama, dialogue, contents):
                if row_name in rows:
                    raise CorpusError(
                        f"{row.where}: listed twice, also in {rows[row_name].dialogue}"
                    )
                rows[row_name] = row
    _warn_times(table, rows.values())
    return rows


def _read_dialogue(
    where: str, drama: str, dialogue: str, contents: Any
) -> Iterator[tuple[str, _Row]]:
    people = dict(_items(_get(contents, "SpeakerInfo", where), f"{where}: SpeakerInfo"))
    for name, utterance in _items(_get(contents, "Dialog", where), f"{where}: Dialog"):
        here = f"{where}: {name}"
        match = _NAME.fullmatch(name)
        if match is None:
            raise CorpusError(f"{here}: expected a name such as anjia_11_1")
        side = _text(utterance, "Speaker", here)
        person = _get(people, side, f"{where}: SpeakerInfo")
        gender = str(person.get("Gender")).lower() if isinstance(person, dict) else None
        emotion = _get(utterance, "EmoAnnotation", here)
        yield (
            name,
            _Row(
                drama=drama,
                dialogue=dialogue,
                number=int(match["number"]),
                side=side,
                speaker=f"{drama}_{_text(person, 'Name', f'{where}: SpeakerInfo: {side}')}",
                gender=gender if gender in ("female", "male") else None,
                code=_text(emotion, "final_main_emo", f"{here}: EmoAnnotation"),
                start=str(utterance.get("StartTime") or ""),
                text=str(utterance.get("Text") or ""),
                where=here,
            ),
        )


def _items(value: Any, where: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise CorpusError(f"{where} must be a JSON object, but is {str(value)[:40]!r}")
    return value.items()


def _get(value: Any, key: str, where: str) -> Any:
    if not isinstance(value, dict) or key not in value:
        raise CorpusError(f"{where}: {key!r} is missing; use the release's own {_TABLE}")
    return value[key]


def _text(value: Any, key: str, where: str) -> str:
    text = _get(value, key, where)
    if not isinstance(text, str) or not text.strip():
        raise CorpusError(f"{where}: {key} must be text, but is {text!r}")
    return " ".join(text.split())


def _warn_times(table: Path, rows: Iterable[_Row]) -> None:
    odd = [row for row in rows if clock_seconds(row.start) is None]
    if odd:
        text = "%s: %d start times are not of the form 00:00:01:04 and stay empty, e.g. %r in %s"
        logger.warning(text, table, len(odd), odd[0].start, odd[0].where)
