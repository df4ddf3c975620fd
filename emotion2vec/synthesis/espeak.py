"""eSpeak NG through ctypes: text and voice settings to 22.05 kHz samples.

In: a sentence and `VoiceSettings`. Out: int16 samples (S,) at `Espeak.sample_rate_hz`, for `corpus.py`.

Library and voices come from the PyPI package `espeakng-loader`. Both are GPL-3.0: they are loaded only here, only when
a synthetic corpus is asked for, and no other part of the project needs them.
"""

import ctypes
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from emotion2vec.errors import CorpusError

# Constants of eSpeak NG's public header `speak_lib.h`
_AUDIO_OUTPUT_RETRIEVAL = 1
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_RANGE, _PARAMETER_WORD_GAP = 1, 3, 4, 7

_SynthCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class VoiceSettings:
    """How one sentence is spoken.

    Attributes:
        voice: eSpeak's name, language and variant, e.g. "en-us+f2".
        rate_wpm: Speaking rate in words per minute, 80 to 450 (eSpeak's default: 175).
        pitch: Base pitch, 0 to 99 (default 50; relative to the voice's own).
        pitch_range: Liveliness of the intonation, 0 to 99 (default 50; 0 is monotone).
        word_gap_10ms: Pause between words, in units of 10 ms at the default rate.
    """

    voice: str
    rate_wpm: int = 175
    pitch: int = 50
    pitch_range: int = 50
    word_gap_10ms: int = 0


class Espeak:
    """One private eSpeak NG engine; a context manager.

    The library keeps its state (phase, flutter, random numbers) in global variables, so a second corpus made in
    the same process would sound different. Every `Espeak` therefore loads a copy of the library file of its own:
    the same calls in the same order give the same samples. Use it from one process and one thread.

    Attributes:
        sample_rate_hz: Rate of the samples, 22050.
    """

    def __init__(self) -> None:
        library_path, data_path = _locate_espeak()
        self._folder = tempfile.TemporaryDirectory(prefix="emotion2vec-espeak-")
        private_copy = shutil.copy(library_path, self._folder.name)
        self._library = ctypes.CDLL(str(private_copy))
        self._chunks: list[NDArray[np.int16]] = []
        self._callback = _SynthCallback(self._keep_chunk)  # held here: eSpeak keeps only a pointer
        rate = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_RETRIEVAL, 0, str(data_path).encode(), _INITIALIZE_DONT_EXIT
        )
        if rate <= 0:
            self._folder.cleanup()
            raise CorpusError(
                f"eSpeak NG could not read its voices in {data_path} (code {rate}); "
                "install again: pip install --force-reinstall espeakng-loader"
            )
        self.sample_rate_hz: int = rate
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]

    def __enter__(self) -> Self:
        """Return the engine."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the engine and remove its private copy."""
        self._library.espeak_Terminate()
        self._folder.cleanup()

    def speak(self, text: str, settings: VoiceSettings, *, seed: int) -> NDArray[np.int16]:
        """Speak one sentence.

        Args:
            text: The sentence.
            settings: Voice and prosody.
            seed: Of eSpeak's own random numbers (breath noise), 0 <= seed < 2**31.

        Returns:
            Samples, (S,), int16 at `sample_rate_hz`.

        Raises:
            CorpusError: eSpeak NG refuses the voice or a setting, or gives no sound.
        """
        self._chunks.clear()
        self._call(
            "espeak_SetVoiceByName", settings.voice.encode(), what=f"voice {settings.voice!r}"
        )
        self._library.espeak_ng_SetRandSeed(seed)
        for parameter, value in (
            (_PARAMETER_RATE, settings.rate_wpm),
            (_PARAMETER_PITCH, settings.pitch),
            (_PARAMETER_RANGE, settings.pitch_range),
            (_PARAMETER_WORD_GAP, settings.word_gap_10ms),
        ):
            self._call("espeak_SetParameter", parameter, value, 0, what=f"{settings}")
        encoded = text.encode() + b"\0"
        self._call(
            "espeak_Synth", encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, _CHARS_UTF8, None, None,
            what=f"text {text!r}",
        )  # fmt: skip
        self._call("espeak_Synchronize", what=f"text {text!r}")
        if not self._chunks:
            raise CorpusError(f"eSpeak NG gave no sound for text {text!r} with {settings}")
        return np.concatenate(self._chunks)

    def _call(self, function: str, *arguments: object, what: str) -> None:
        status = getattr(self._library, function)(*arguments)
        if status != 0:
            raise CorpusError(f"eSpeak NG refused {what} ({function} returned {status})")

    def _keep_chunk(
        self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int
    ) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
        return 0  # go on


def _locate_espeak() -> tuple[Path, Path]:
    """Find the library file and the folder of voices that `espeakng-loader` ships."""
    try:
        import espeakng_loader
    except ImportError:
        raise CorpusError(
            "the synthetic corpus needs eSpeak NG, which is not installed: "
            "pip install emotion2vec[quickstart]"
        ) from None
    return Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())
