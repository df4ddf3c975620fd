"""Model card: README.md of a hub folder, with the YAML header that the hub reads.

In: config and weights, where they come from, and `CardFacts`: licence, corpus.json of the training data, results.
Out: Markdown. Nothing in it is guessed: what is not known is said to be unknown.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml  # type: ignore[import-untyped]
from torch import Tensor

import emotion2vec
from emotion2vec.errors import ExportError
from emotion2vec.export.provenance import Provenance
from emotion2vec.export.weights import count_parameters
from emotion2vec.model.config import ModelConfig

SYNTHETIC = "**SYNTHETIC**: computer-generated speech; says nothing about human emotion"
_METRICS = ("WA", "UA", "WF1")
_BACKBONES = {"data2vec2": "data2vec 2.0", "data2vec": "data2vec"}


@dataclass(frozen=True)
class ResultRow:
    """One evaluation of the features.

    Attributes:
        protocol: Name of the protocol.
        corpus: Name of the corpus.
        synthetic: The speech is computer-generated.
        scores: Metric -> (mean, standard deviation over seeds), in percent.
        num_folds: Folds.
        num_seeds: Seeds.
        notes: What a reader must know to compare, in words.
        checkpoint_sha256: Digest of the checkpoint that made the features; None for a baseline.
        untrained: Only the checkpoint's architecture made them.
    """

    protocol: str
    corpus: str
    synthetic: bool
    scores: Mapping[str, tuple[float, float]]
    num_folds: int
    num_seeds: int
    notes: tuple[str, ...]
    checkpoint_sha256: str | None
    untrained: bool

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "ResultRow":
        """Build a row from the contents of a `result.json` that `report/records.py` has checked."""
        features = raw["features"]
        checkpoint = features.get("checkpoint") or {}
        folds = raw.get("folds") or {}
        notes = [
            f"features: {features.get('granularity', '?')}, layers {features.get('layers', '?')}"
        ]
        if raw.get("valid_is_test"):
            notes.append("the epoch was chosen on the test part")
        if any(folds.get("shared_speakers") or ()):  # their number, fold by fold
            notes.append("training and test parts share speakers")
        return cls(
            protocol=str(raw["protocol"]),
            corpus=str(raw["corpus"]),
            synthetic=bool(raw["synthetic"] or features.get("synthetic")),
            scores={
                m: (float(raw["summary"][m]["mean"]), float(raw["summary"][m]["std"]))
                for m in _METRICS
            },
            num_folds=int(raw["num_folds"]),
            num_seeds=int(raw["num_seeds"]),
            notes=tuple(notes),
            checkpoint_sha256=checkpoint.get("sha256"),
            untrained=checkpoint.get("kind") == "untrained",
        )


@dataclass(frozen=True)
class CardFacts:
    """What a model card tells beyond the checkpoint.

    Attributes:
        name: Title; by default `emotion2vec`.
        repo_id: Where the hub will have it; None for a folder.
        licence: Identifier of the hub, such as `mit` or `cc-by-nc-4.0`; None when nobody has chosen one.
        corpus: Contents of the training data's `corpus.json`; empty when unknown.
        results: Evaluations.
    """

    name: str = "emotion2vec"
    repo_id: str | None = None
    licence: str | None = None
    corpus: Mapping[str, Any] = field(default_factory=dict)
    results: Sequence[ResultRow] = ()

    def check_results(self, digests: Collection[str]) -> None:
        """See that every result was measured on these weights.

        Args:
            digests: SHA-256 of the file that is exported, and of the one it comes from.

        Raises:
            ExportError: One was measured on others.
        """
        for row in self.results:
            if row.untrained or row.checkpoint_sha256 not in digests:
                digest = (row.checkpoint_sha256 or "none")[:8]
                made = (
                    "its architecture with fresh weights"
                    if row.untrained
                    else f"checkpoint {digest}"
                )
                raise ExportError(
                    f"the result of {row.protocol} is of features of {made}, not of the checkpoint to export "
                    f"({' or '.join(sorted(d[:8] for d in digests))}); a model card shows its own results only"
                )


def model_card(
    config: ModelConfig, tensors: Mapping[str, Tensor], provenance: Provenance, facts: CardFacts
) -> str:
    """Write the card of a hub folder.

    Args:
        config: Architecture and objective.
        tensors: What the folder holds.
        provenance: Where it comes from.
        facts: Licence, data and results.
    """
    sections = [
        _header(facts),
        _introduction(config, provenance, facts),
        _use(facts),
        _data(facts.corpus, provenance),
        _training(config, provenance),
        _results(facts),
        _limitations(facts),
        _licence(facts, provenance),
        _contents(config, tensors, provenance),
    ]
    return "\n\n".join(sections) + "\n"


def _is_ours(provenance: Provenance) -> bool:
    """Tell whether this program trained the weights, by the words of `model/checkpoint.py` for the file's format."""
    return provenance.kind.startswith("emotion2vec ") and " on " not in provenance.kind


def _is_synthetic(facts: CardFacts) -> bool:
    return bool(facts.corpus.get("synthetic")) or any(row.synthetic for row in facts.results)


def _names(corpus: Mapping[str, Any]) -> list[str]:
    """Name the corpora of the training data."""
    parts = corpus.get("parts")
    if isinstance(parts, Mapping) and parts:
        return sorted(map(str, parts))
    return [str(corpus["name"])] if corpus.get("name") else []


def _header(facts: CardFacts) -> str:
    corpus = facts.corpus
    language = str(corpus.get("language") or "")
    tags = ["emotion2vec", "speech", "speech-emotion-recognition", "self-supervised", "16khz"]
    entries = {
        "license": facts.licence or "unknown",
        "language": language.replace(",", " ").split() or None,
        "library_name": "emotion2vec",
        "pipeline_tag": "feature-extraction",
        "tags": tags + (["synthetic-data"] if _is_synthetic(facts) else []),
        "datasets": _names(corpus) or None,
    }
    text = yaml.safe_dump(
        {key: value for key, value in entries.items() if value}, sort_keys=False, allow_unicode=True
    )
    return f"---\n{text}---"


def _introduction(config: ModelConfig, provenance: Provenance, facts: CardFacts) -> str:
    program = f"emotion2vec {emotion2vec.__version__}"
    origin = (
        f"Pre-trained and exported with {program}"
        if _is_ours(provenance)
        else f"Weights of another program ({_text(provenance.kind)}), converted by {program}"
    )
    lines = [
        f"# {_text(facts.name)}",
        "",
        "Features of speech for emotion recognition: one vector of "
        f"{config.embed_dim} numbers every 20 ms, or one for an utterance. It gives no emotion labels by itself; a "
        "small classifier on top does.",
        "",
        f"{origin}, an independent implementation of *emotion2vec: "
        "Self-Supervised Pre-Training for Speech Emotion Representation* (Ma et al., 2024, arXiv:2312.15185); it is "
        "not the authors' program.",
    ]
    if facts.corpus.get("synthetic"):
        lines += ["", f"> Training data: {SYNTHETIC}."]
    return "\n".join(lines)


def _use(facts: CardFacts) -> str:
    place = facts.repo_id or "PATH/OF/THIS/FOLDER"
    return "\n".join(
        [
            "## Use",
            "",
            "```python",
            "from emotion2vec import Emotion2Vec",
            f'model = Emotion2Vec.from_pretrained("{place}")',
            'features = model.extract(["speech.wav"], granularity="utterance")',
            "```",
            "",
            "Input: speech, mono, 16 kHz. Needs torch, numpy, soundfile and safetensors; torchaudio where audio has "
            "another rate and is resampled.",
        ]
    )


def _data(corpus: Mapping[str, Any], provenance: Provenance) -> str:
    lines = ["## Training data", ""]
    if not corpus:
        started = provenance.training.get("init_from")
        return "\n".join(
            [*lines, "Not stated." + (f" Started from {_text(started)}." if started else "")]
        )
    parts = corpus.get("parts")
    rows = (
        parts
        if isinstance(parts, Mapping) and parts
        else {corpus.get("title") or corpus.get("name"): corpus}
    )
    lines += [
        "| corpus | utterances | speakers | hours | licence |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [_data_row(str(name), part) for name, part in rows.items()]
    if corpus.get("synthetic"):
        lines += ["", f"{SYNTHETIC}."]
    citations = [_text(part["citation"]) for part in rows.values() if part.get("citation")]
    return "\n".join(
        [*lines, *(["", "Citations: " + "; ".join(citations) + "."] if citations else [])]
    )


def _data_row(name: str, part: Mapping[str, Any]) -> str:
    found = part.get("found") or {}
    hours = f"{found['seconds'] / 3600:.2f}" if found.get("seconds") else "?"
    licence = part.get("licence") or "not stated"
    return _row(name, found.get("utterances", "?"), found.get("speakers") or "?", hours, licence)


def _training(config: ModelConfig, provenance: Provenance) -> str:
    known = provenance.training
    losses = {
        "frame": config.frame_loss_weight,
        f"utterance ({config.utterance_method})": config.utterance_loss_weight,
    }
    objective = " + ".join(f"{weight:g} x {name} loss" for name, weight in losses.items() if weight)
    rows = [
        (
            "backbone",
            f"{_BACKBONES[config.backbone]}, {config.num_layers} layers, width {config.embed_dim}",
        ),
        ("utterance tokens", config.num_utterance_tokens),
        (
            "objective",
            f"{objective}; targets: mean of {config.average_top_k_layers} layers of the teacher",
        ),
        ("started from", known.get("init_from") or "not stated"),
        *(
            (name, known[name])
            for name in ("updates", "epoch", "learning_rate", "seed")
            if name in known
        ),
    ]
    table = [_row(name.replace("_", " "), value) for name, value in rows]
    return "\n".join(["## Training", "", "| | |", "| --- | --- |", *table])


def _results(facts: CardFacts) -> str:
    lines = ["## Results", ""]
    if not facts.results:
        return "\n".join([*lines, "None measured."])
    lines += [
        "A small classifier on the frozen features; percent, mean and standard deviation over seeds.",
        "",
        _row("protocol", "corpus", *_METRICS, "folds", "seeds", "notes"),
        "|" + " --- |" * (len(_METRICS) + 5),
    ]
    heard = _names(facts.corpus)
    for row in facts.results:
        scores = [f"{row.scores[m][0]:.2f} ± {row.scores[m][1]:.2f}" for m in _METRICS]
        notes = [SYNTHETIC] if row.synthetic else []
        if row.corpus in heard:
            notes.append("pre-training has heard this corpus, without its labels")
        notes += row.notes
        lines.append(
            _row(row.protocol, row.corpus, *scores, row.num_folds, row.num_seeds, "; ".join(notes))
        )
    return "\n".join(lines)


def _limitations(facts: CardFacts) -> str:
    points = [
        "Features describe how speech sounds. They are no evidence of what a person feels.",
        "Emotion corpora are small, mostly acted and in few languages; expect worse results on other languages, "
        "rooms, microphones and speakers, and differences between groups of speakers. Measure before use.",
        "Features also tell about speaker, sex and channel: treat them as personal data.",
    ]
    if facts.corpus.get("synthetic"):
        points.insert(
            0, "Trained on computer-generated speech: it shows that the software works, no more."
        )
    return "\n".join(["## Limitations", "", *(f"- {point}" for point in points)])


def _licence(facts: CardFacts, provenance: Provenance) -> str:
    chosen = (
        f"Weights: {_text(facts.licence)}."
        if facts.licence
        else "No licence has been chosen for these weights: ask whoever shares them before you use them."
    )
    lines = [
        "## Licence",
        "",
        f"{chosen} Terms of the training data may limit the use of the weights too.",
    ]
    if not _is_ours(provenance):
        lines += ["", "The weights come from another program: its authors' terms hold."]
    return "\n".join(lines)


def _contents(config: ModelConfig, tensors: Mapping[str, Tensor], provenance: Provenance) -> str:
    names = {
        "student.": "encoder (what features need)",
        "decoder.": "decoder",
        "teacher.": "teacher",
    }
    rows = [
        _row(text, f"{count_parameters(tensors, prefix):,}")
        for prefix, text in names.items()
        if count_parameters(tensors, prefix)
    ]
    return "\n".join(
        [
            "## Files",
            "",
            f"`model.safetensors` holds the weights, `config.json` the architecture. Exported from: "
            f"{_text(provenance.kind)}, SHA-256 `{provenance.sha256}`.",
            "",
            "| part | parameters |",
            "| --- | --- |",
            *rows,
        ]
    )


def _row(*cells: object) -> str:
    """Join the cells of a table's row."""
    return "| " + " | ".join(map(_text, cells)) + " |"


def _text(value: object) -> str:
    """Put what others wrote on one line and let it be text: no link, tag, cell or heading of its own."""
    return re.sub(r"[\\|<\[\]]", r"\\\g<0>", " ".join(str(value).split()))
