import numpy as np
import pytest

pytest.importorskip("espeakng_loader", reason="espeakng-loader is not installed (quickstart extra)")

from emotion2vec.errors import CorpusError
from emotion2vec.synthesis.espeak import Espeak, VoiceSettings

TEXT = "There are seven chairs in the waiting room."


def speak(**settings: int) -> np.ndarray:
    with Espeak() as espeak:
        return espeak.speak(TEXT, VoiceSettings(voice="en-us+f2", **settings), seed=1)


def test_two_engines_give_the_same_samples() -> None:
    np.testing.assert_array_equal(speak(), speak())


def test_a_higher_rate_is_shorter_and_gaps_are_longer() -> None:
    usual = len(speak())

    assert len(speak(rate_wpm=240)) < usual < len(speak(word_gap_10ms=9))


def test_an_unknown_language_is_refused_by_name() -> None:
    with Espeak() as espeak, pytest.raises(CorpusError, match=r"refused voice 'xx-none' "):
        espeak.speak(TEXT, VoiceSettings(voice="xx-none"), seed=1)
