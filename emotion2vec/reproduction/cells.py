"""Which cells the tables and figures have: a protocol, a row and what it is evaluated on; and why one cannot run.

In: `PaperTable`s, `Library`, overrides. Out: `Plan` for `execute.py` and `tables.py`. Cells that several tables share
are one. Paper: Tables 2 to 11, Figures 3 and 4.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emotion2vec.errors import ConfigError
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.conversation_config import ConversationConfig
from emotion2vec.probe.run import compose_config
from emotion2vec.report.paper import PaperTable, Row, paper_tables
from emotion2vec.report.tables import OPTIMISTIC_BADGE, SYNTHETIC_BADGE
from emotion2vec.reproduction.coverage import measure_coverage, why_no_folds
from emotion2vec.reproduction.library import Library, StoreEntry, known_rows

# what the tables decide themselves -> how to say it
_MANAGED = {
    "features": "--features", "utterance_features": "--features", "text_features": "--text-features",
    "text_model": "--text-features", "manifest": "--manifest", "starred": "--table 2",
    "protocol": "--table", "corpus": "--table", "hydra.run.dir": "--out",
}  # fmt: skip
_OVERRIDE_SIGNS = "+~"  # Hydra's, for a setting that is added or taken away
FIGURES = {"3": "umap_iemocap", "4": "umap_subesco"}
PARTIAL_BADGE = "PARTIAL"
POOLED_BADGE = "ONE VECTOR AN UTTERANCE"
_FIGURE_ROWS = ("wavlm_base", "data2vec", "emotion2vec")
# inputs of a probe -> for each store that it reads, kinds that will do
_KINDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "frames": (("frame", "utterance"),),
    "utterance": (("tokens",),),
    "both": (("frame",), ("tokens",)),
}


@dataclass(frozen=True)
class Cell:
    """One evaluation.

    Attributes:
        name: `protocol[+starred][+inputs]/row`, its folder below `cells`.
        protocol: The protocol.
        row: Row that its features belong to.
        title: What it is called on the page of all results, as `PaperTable.row_name` calls a row.
        entries: Feature stores that it reads.
        config: All settings, with the features filled in; None where it cannot run.
        badges: What a reader must know before believing the result.
        reason: Why it cannot run; empty where it can.
    """

    name: str
    protocol: str
    row: str
    title: str
    entries: tuple[StoreEntry, ...] = ()
    config: ProbeConfig | None = None
    badges: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class TableRow:
    """One row of a table as it will be written.

    Attributes:
        row: The paper's row, or one made for features that the paper has not.
        cells: Protocol -> name of the cell; a protocol without one has only the paper's figure.
    """

    row: Row
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """What was asked for.

    Attributes:
        cells: Name -> cell, in the order in which they run.
        tables: Each table with its rows.
        figures: Number of a figure -> names of its cells.
        overrides: Settings that the command line changed.
    """

    cells: Mapping[str, Cell]
    tables: tuple[tuple[PaperTable, tuple[TableRow, ...]], ...]
    figures: Mapping[str, tuple[str, ...]]
    overrides: tuple[str, ...] = ()

    def used_by(self, name: str) -> str:
        """Name the tables and figures that show a cell."""
        tables = [
            f"Table {table.number}"
            for table, rows in self.tables
            if any(name in row.cells.values() for row in rows)
        ]
        figures = [f"Figure {number}" for number, names in self.figures.items() if name in names]
        return ", ".join([*tables, *figures])


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        tables: Numbers or names of tables.
        figures: Numbers of figures.
        config_dir: Folder of the protocols.
        overrides: Hydra overrides for every protocol; `PROTOCOL.NAME=VALUE` for one.
        partial: Evaluate incomplete corpora too.
    """

    tables: tuple[str, ...]
    figures: tuple[str, ...]
    config_dir: Path
    overrides: tuple[str, ...] = ()
    partial: bool = False


def make_plan(request: Request, library: Library) -> Plan:
    """List the cells of the tables and figures.

    Raises:
        ConfigError: An unknown table or figure, or an override that does not fit.
        ProtocolError: A fold file is missing or damaged.
    """
    _check(request)
    maker = _CellMaker(request, library)
    tables = tuple(
        (table, tuple(maker.table_rows(table)))
        for table in (paper_tables()[number] for number in request.tables)
    )
    figures = {
        number: tuple(
            maker.add(FIGURES[number], row, row.title)
            for row in (_own_row(key, library) for key in _figure_rows(library))
        )
        for number in request.figures
    }
    return Plan(maker.cells, tables, figures, request.overrides)


class _CellMaker:
    """Makes each cell once.

    Attributes:
        cells: Those made so far.
    """

    def __init__(self, request: Request, library: Library) -> None:
        self.cells: dict[str, Cell] = {}
        self._request, self._library = request, library
        self._configs: dict[str, ProbeConfig] = {}

    def table_rows(self, table: PaperTable) -> Iterator[TableRow]:
        """Yield the paper's rows and, behind those, rows of features that it has not."""
        protocols = [column.protocol for column in table.columns]
        for row in table.rows:
            shown = [] if row.reported_only else [p for p in protocols if p in row.figures]
            yield self._table_row(row, shown, table.row_name(row))
        for row in _own_rows(table, self._library):
            is_spoken = row.inputs in ("speech", "text", "speech+text")
            title = f"{row.group}: {row.title}" if is_spoken else row.title
            yield self._table_row(row, protocols, title)

    def _table_row(self, row: Row, protocols: Sequence[str], title: str) -> TableRow:
        return TableRow(row, {protocol: self.add(protocol, row, title) for protocol in protocols})

    def add(self, protocol: str, row: Row, title: str) -> str:
        """Make a cell if it is not there yet, called `title` on the page of all results; returns its name."""
        marks = ["starred"] if row.starred else []
        marks += [row.inputs] if row.inputs != "frames" else []
        name = f"{'+'.join([protocol, *marks])}/{row.key}"
        if name not in self.cells:
            cell = Cell(name, protocol, row.key, title)
            config = replace(self._config(protocol), starred=row.starred)
            self.cells[name] = (
                self._conversation_cell(cell, row.inputs, config)
                if isinstance(config, ConversationConfig)
                else self._probe_cell(cell, row.inputs, config)
            )
        return name

    def _config(self, protocol: str) -> ProbeConfig:
        if protocol not in self._configs:
            overrides = _overrides_for(protocol, self._request.overrides)
            config, _ = compose_config(self._request.config_dir, protocol, overrides)
            if config.layer == "each":
                raise ConfigError(
                    f"{protocol}: layer=each has one result a layer and none for a table; run train_probe.py with it"
                )
            self._configs[protocol] = config
        return self._configs[protocol]

    def _probe_cell(self, cell: Cell, inputs: str, config: ProbeConfig) -> Cell:
        corpus, entries = config.corpus or "", []
        for wanted in _KINDS[inputs]:
            layer = config.layer if wanted[0] == "frame" else "last"
            entry = self._library.find(cell.row, corpus, wanted, layer)
            if entry is None:
                return replace(
                    cell, reason=_missing(self._library, cell.row, corpus, wanted, layer)
                )
            entries.append(entry)
        config = replace(
            config,
            features=str(entries[0].folder),
            utterance_features=str(entries[1].folder) if len(entries) > 1 else "",
        )
        return self._finished(replace(cell, entries=tuple(entries)), config)

    def _conversation_cell(self, cell: Cell, inputs: str, config: ConversationConfig) -> Cell:
        corpus, entries = config.corpus or "", []
        manifest = self._library.manifests.get(corpus)
        speech = self._library.find(cell.row, corpus, ("frame", "utterance"), config.layer)
        text = self._text(cell.row, corpus, inputs)
        if "speech" in inputs:
            if speech is None:
                reason = _missing(self._library, cell.row, corpus, ("frame",), config.layer)
                return replace(cell, reason=reason)
            entries.append(speech)
        if "text" in inputs:
            if text is None:
                reason = f"no text features of {corpus}; give --text-features DIR (docs/reproduction.md makes it)"
                return replace(cell, reason=reason)
            entries.append(text)
        if manifest is None:
            reason = f"needs a manifest of {corpus} with dialogues; give --manifest FILE.tsv of prepare_corpus.py"
            return replace(cell, reason=reason)
        config = replace(
            config,
            manifest=str(manifest),
            features=str(speech.folder) if speech and "speech" in inputs else "",
            text_features=str(text.folder) if text and "text" in inputs else "",
        )
        return self._finished(replace(cell, entries=tuple(entries)), config)

    def _text(self, row: str, corpus: str, inputs: str) -> StoreEntry | None:
        """Pick the text features: the row's own, or else the first of the corpus."""
        texts = [entry for entry in self._library.text if entry.corpus == corpus]
        own = [entry for entry in texts if entry.row == row]
        return next(iter(own if inputs == "text" else [*own, *texts]), None)

    def _finished(self, cell: Cell, config: ProbeConfig) -> Cell:
        """Fill in folds and badges; an incomplete corpus is evaluated only where that was asked for."""
        first, is_spoken = cell.entries[0], isinstance(config, ConversationConfig)
        coverage = measure_coverage(config, cell.entries, self._request.config_dir)
        synthetic = any(entry.synthetic for entry in cell.entries)
        badges = [SYNTHETIC_BADGE] if synthetic else []
        badges += [OPTIMISTIC_BADGE] if config.starred else []
        # SUPERB's head averages before anything that is not linear: there both are one
        if first.kind == "utterance" and not is_spoken and config.head != "superb":
            badges.append(POOLED_BADGE)
        if not coverage.is_complete:
            counts = f"{coverage.found} of {coverage.expected} utterances"
            if not synthetic and not self._request.partial:
                how = "" if coverage.folds_fit else " with folds by rule"
                reason = (
                    f"{coverage.entry.folder} holds only {counts} of {first.corpus}; extract the whole corpus, or give "
                    f"--partial to evaluate what is there{how}"
                )
                return replace(cell, reason=reason)
            badges += [] if synthetic else [f"{PARTIAL_BADGE} {counts}"]
        if not coverage.folds_fit:
            config = replace(config, fold_file=None)
        if not coverage.is_complete and not is_spoken:
            reason = why_no_folds(config, first)
            if reason:
                return replace(cell, reason=reason)
        config.validate()
        return replace(cell, config=config, badges=tuple(badges))


def _own_rows(table: PaperTable, library: Library) -> list[Row]:
    """Make rows for features that the table has not.

    A row of ablations is shown in its own tables only, and those take no row of models; what the paper has not at all
    goes into a table of ablations when it was named on the command line.
    """
    group = "Not in the paper's table" if table.rows else ""
    rows = [replace(_own_row(key, library), group=group) for key in _open_keys(table, library)]
    if not any(row.inputs in ("speech", "text") for row in table.rows):
        return rows
    text_keys = list(dict.fromkeys(entry.row for entry in library.text))
    spoken = ["speech", "speech+text"] if text_keys else ["speech"]
    return [
        *(replace(row, inputs=inputs, group=inputs.capitalize().replace("+", " + "))
          for inputs in spoken for row in rows),
        *(replace(_own_row(key, library), inputs="text", group="Text") for key in text_keys),
    ]  # fmt: skip


def _open_keys(table: PaperTable, library: Library) -> list[str]:
    of_models = {
        row.key for other in paper_tables().values() if not other.is_ablation for row in other.rows
    }
    of_ablations = set(known_rows()) - of_models
    own = {row.key for row in table.rows}
    keys = []
    for entry in library.speech:
        unknown = entry.row not in of_models | of_ablations
        wanted = unknown and entry.is_named if table.is_ablation else entry.row not in of_ablations
        if wanted and entry.row not in own and entry.row not in keys:
            keys.append(entry.row)
    return keys


def _figure_rows(library: Library) -> list[str]:
    """Return the paper's three models, and every other row that is not of an ablation."""
    others = _open_keys(paper_tables()["speaker"], library)
    return list(dict.fromkeys([*_FIGURE_ROWS, *others]))


def _own_row(key: str, library: Library) -> Row:
    titles = {entry.row: entry.title for entry in (*library.text, *library.speech)}
    title = titles.get(key, known_rows().get(key, key))
    return Row(
        key=key,
        title=title,
        group="",
        starred=False,
        inputs="frames",
        reported_only=False,
        figures={},
    )


def _overrides_for(protocol: str, overrides: Sequence[str]) -> list[str]:
    """Keep what concerns a protocol; `PROTOCOL.NAME=VALUE` becomes `NAME=VALUE` of that one and goes last."""
    general, own = [], []
    for override in overrides:
        bare = override.lstrip(_OVERRIDE_SIGNS)
        sign = override[: len(override) - len(bare)]
        first, dot, rest = bare.partition(".")
        if not dot or "=" in first or first == "hydra":
            general.append(override)
        elif first == protocol:
            own.append(sign + rest)
    return [*general, *own]


def _check(request: Request) -> None:
    """Refuse unknown tables and figures, and overrides of what the tables decide."""
    for what, asked, known in (
        ("table", request.tables, list(paper_tables())),
        ("figure", request.figures, list(FIGURES)),
    ):
        if unknown := [number for number in asked if number not in known]:
            raise ConfigError(f"no {what} {unknown[0]!r} to reproduce; expected one of {known}")
    protocols = {path.stem for path in request.config_dir.glob("*.yaml")}
    for override in request.overrides:
        name = override.partition("=")[0].lstrip(_OVERRIDE_SIGNS)
        first, dot, rest = name.partition(".")
        if dot and first not in (*protocols, "hydra"):
            raise ConfigError(
                f"{override!r}: {first!r} is no protocol of {str(request.config_dir)!r}; expected NAME=VALUE for all "
                "protocols or PROTOCOL.NAME=VALUE for one"
            )
        if (setting := rest if dot and first != "hydra" else name) in _MANAGED:
            raise ConfigError(
                f"{override!r}: the tables decide {setting!r}; say it with {_MANAGED[setting]}"
            )


def _missing(library: Library, row: str, corpus: str, kinds: Sequence[str], layer: str) -> str:
    """Say which features are not there, and which of the row are."""
    options = []
    if kinds[0] == "tokens":
        options.append("--granularity utterance --utterance-from tokens")
    if layer != "last":
        options.append(f"--layers {'last4 or all' if layer == 'last4' else 'all'}")
    with_options = f" (extract with {' '.join(options)})" if options else ""
    what = "utterance tokens" if kinds[0] == "tokens" else "features"
    others = [
        f"{entry.kind} features of layers {entry.layers}"
        for entry in library.speech
        if (entry.row, entry.corpus) == (row, corpus)
    ]
    there = f"; there are {' and '.join(others)}" if others else ""
    return f"no {what} of {corpus} for the row {row}{with_options}{there}"
