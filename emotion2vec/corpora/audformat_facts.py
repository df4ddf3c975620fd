"""Speaker, gender, language and text in a database in audformat.

In: tables. Out: values by place, for `audformat.py`. A value is looked for at the place, then at its file, then in
what the database says of the speaker.
"""

import logging

from emotion2vec.corpora.audformat_tables import Place, Tables
from emotion2vec.corpora.label_text import one_line

logger = logging.getLogger(__name__)


class Facts:
    """What the database knows of a place besides its label.

    Args:
        tables: The database.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        names = ("speaker", "gender", "language", "transcription", "text")
        self._values = {name: self._read(name) for name in names}
        self._speakers = self._read_speakers()
        self._texts = {name: self._read_texts(name) for name in ("transcription", "text")}

    def get(self, name: str, place: Place) -> str | None:
        """Return the value for this place, else for its file, else for its speaker."""
        for where in (place, Place(place.file)):
            if where in self._values[name]:
                return self._values[name][where]
        speaker = None if name == "speaker" else self.get("speaker", place)
        return self._speakers.get(speaker, {}).get(name) if speaker else None

    def text(self, place: Place) -> tuple[str | None, str | None]:
        """Return code of the sentence, where texts have codes, and text."""
        for name, texts in self._texts.items():
            value = self.get(name, place)
            if value is not None:
                return (None, one_line(value)) if texts is None else (value, texts.get(value))
        return None, None

    def _read_texts(self, name: str) -> dict[str, str | None] | None:
        """Read the texts by their code; None where the texts themselves are the values."""
        labels = self._tables.header["schemes"].get(name, {}).get("labels")
        if isinstance(labels, dict):
            return {str(code): one_line(str(text or "")) for code, text in labels.items()}
        return {} if isinstance(labels, str) else None

    def _read(self, name: str) -> dict[Place, str | None]:
        """Read all columns of a scheme; a place for which they differ is unknown."""
        found: dict[Place, str | None] = {}
        differ = set()
        for table, columns in self._tables.columns(name).items():
            for column in columns:
                for place, value in self._tables.values(table, column).items():
                    if value is not None and found.setdefault(place, str(value)) != str(value):
                        differ.add(place)
        if differ:
            text = "%s: %s of %d files or segments is left out: tables differ about it"
            logger.warning(text, self._tables.root, name, len(differ))
        return {place: value for place, value in found.items() if place not in differ}

    def _read_speakers(self) -> dict[str, dict[str, str]]:
        """Read what the speakers' scheme says of them, in the header or in a table of its own."""
        labels = self._tables.header["schemes"].get("speaker", {}).get("labels")
        if isinstance(labels, str):
            rows = dict(self._tables.misc_rows(labels))
        elif isinstance(labels, dict):
            rows = {str(key): row for key, row in labels.items() if isinstance(row, dict)}
        else:
            rows = {}
        return {key: {name: str(v) for name, v in row.items()} for key, row in rows.items()}
