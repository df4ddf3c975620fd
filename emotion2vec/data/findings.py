"""What the doctor found: single findings, and the report of a folder.

In: `examine.py`, `checks.py`. Out: `cli/check.py`, the clean copy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_WARNINGS = ("clipped", "duplicate audio", "speaker leakage", "counts")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: Short name: missing, unreadable, wrong rate, wrong length, silent, clipped, duplicate audio,
            speaker leakage, unknown label, counts.
        message: Sentence with the file and the numbers.
        ids: Utterances concerned.
    """

    kind: str
    message: str
    ids: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether the manifest is unfit with it; otherwise it is a warning."""
        return self.kind not in _WARNINGS


@dataclass(frozen=True)
class Report:
    """Findings of one manifest folder.

    Attributes:
        folder: The folder.
        num_utterances: Utterances looked at.
        seconds: Length of what could be decoded.
        findings: Errors first.
        lengths: Utterance id -> its real length at 16 kHz, where that could be measured.
    """

    folder: Path
    num_utterances: int
    seconds: float
    findings: tuple[Finding, ...]
    lengths: Mapping[str, int]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that make the manifest unfit."""
        return tuple(finding for finding in self.findings if finding.is_error)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings to know about."""
        return tuple(finding for finding in self.findings if not finding.is_error)
