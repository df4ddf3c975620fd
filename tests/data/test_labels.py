"""Emotion words and the corpora's codes."""

import pytest

from emotion2vec.data import labels
from emotion2vec.errors import CorpusError


@pytest.mark.parametrize("corpus", sorted(labels.CODES))
def test_every_label_of_a_corpus_is_a_known_emotion(corpus: str) -> None:
    assert set(labels.label_set(corpus)) <= set(labels.EMOTIONS)


def test_no_emotion_is_listed_twice() -> None:
    assert len(set(labels.EMOTIONS)) == len(labels.EMOTIONS)


def test_an_unknown_code_names_the_file_and_the_known_codes() -> None:
    with pytest.raises(
        CorpusError, match=r"x\.wav: label code 'Q' .* urdu's \['A', 'H', 'N', 'S'\]"
    ):
        labels.decode_label("urdu", "Q", source="x.wav")


def test_labels_have_one_order_however_they_come() -> None:
    assert labels.sort_labels(["sad", "zeal", "angry"]) == labels.sort_labels(
        ["zeal", "angry", "sad", "sad"]
    )
