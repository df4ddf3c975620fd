"""Errors a user can cause. Each says what came, what was expected and what to do.

The command line prints them as one `error: ...` sentence (see `cli/main.py`); anything else is a bug of ours
and keeps its traceback.
"""

from pathlib import Path


class Emotion2VecError(Exception):
    """Base of every error that a user can cause and mend."""


class AudioError(Emotion2VecError):
    """A file or array cannot be used as speech.

    Attributes:
        source: The file, or a description of the array.
        reason: What is wrong with it.
    """

    def __init__(self, source: Path | str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"{source}: {reason}")

    def __reduce__(self) -> tuple[type["AudioError"], tuple[Path | str, str]]:
        """Keep both arguments when a data-loading worker passes the error on."""
        return type(self), (self.source, self.reason)


class ManifestError(Emotion2VecError):
    """A manifest file is missing, malformed or disagrees with the audio."""


class WorkerError(Emotion2VecError):
    """A process that worked on some of the files was killed."""


class CorpusError(Emotion2VecError):
    """A corpus folder does not look like the release that its preparer expects."""


class ConfigError(Emotion2VecError):
    """A configuration value is impossible; the message lists every problem found."""


class CheckpointError(Emotion2VecError):
    """A checkpoint is missing, damaged, unsafe or of another architecture."""


class ExportError(Emotion2VecError):
    """A model cannot be written in the form asked for, or what was written does not give the same features."""


class FeatureStoreError(Emotion2VecError):
    """A feature store is missing, incomplete or belongs to other data."""


class ProtocolError(Emotion2VecError):
    """An evaluation protocol cannot be run on the features given."""


class CollapseError(Emotion2VecError):
    """Pre-training has collapsed: targets or predictions no longer vary."""


class DivergenceError(Emotion2VecError):
    """Pre-training has diverged: the loss is no longer a finite number."""


class ReportError(Emotion2VecError):
    """A result file or training log cannot be read, so no report or figure can be made of it."""
