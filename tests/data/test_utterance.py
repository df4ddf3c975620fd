"""The row that everything else passes on."""

import dataclasses

import pytest

from emotion2vec.data.utterance import Utterance


def test_only_id_path_and_length_must_be_known() -> None:
    row = Utterance("a", "a.wav", 8000)
    known = [
        field.name for field in dataclasses.fields(row) if getattr(row, field.name) is not None
    ]
    assert known == ["id", "path", "num_samples"]


def test_a_row_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Utterance("a", "a.wav", 8000).label = "sad"
