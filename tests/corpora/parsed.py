"""What a corpus' parser yields for a tree, without measuring or writing anything."""

from dataclasses import dataclass
from pathlib import Path

from emotion2vec.corpora.registry import LeftOut, get_corpus
from emotion2vec.data.utterance import Utterance


@dataclass(frozen=True)
class Parsed:
    """Utterances by id; reasons of the files left out by path."""

    taken: dict[str, Utterance]
    left_out: dict[str, str]


def parse(name: str, root: Path, **options: object) -> Parsed:
    """Run the parser; fails where two utterances have one id."""
    items = list(get_corpus(name).iter_utterances(root, **options))
    utterances = [item for item in items if isinstance(item, Utterance)]
    taken = {item.id: item for item in utterances}
    assert len(taken) == len(utterances)
    return Parsed(taken, {item.path: item.reason for item in items if isinstance(item, LeftOut)})
