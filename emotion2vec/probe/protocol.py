"""Evaluation protocol: which utterances, which labels, which folds, and proof that the folds are sound.

In: `FeatureStore` or `Manifest` rows and `ProbeConfig`. Out: `EvaluationSet` and `FoldSet` for `run.py`. Folds come
from a file (`fold_file.py`), or from a rule of `data/splits.py`. Paper: Section 4.3, captions of Tables 2-5.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotion2vec.data import splits as split_rules
from emotion2vec.data.splits import Fold
from emotion2vec.errors import ProtocolError
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.fold_file import PARTS, SINGLE_FOLD_RULES, FoldSet
from emotion2vec.probe.run_result import IndexFold

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rows:
    """What a protocol needs to know of each utterance; lists of one length, None where unknown."""

    ids: Sequence[str]
    labels: Sequence[str | None]
    speakers: Sequence[str | None]
    sessions: Sequence[str | None]
    splits: Sequence[str | None]

    def take(self, positions: Sequence[int]) -> "Rows":
        """Pick utterances, in the order given."""
        return Rows(*([values[i] for i in positions] for values in vars(self).values()))


@dataclass(frozen=True)
class EvaluationSet:
    """The utterances that a protocol uses.

    Attributes:
        rows: Their ids, labels (renamed and all known), speakers, sessions, splits.
        positions: Where each stands in the feature store.
        label_names: The labels, in the order of their indices.
        label_index_N: Label index of each utterance, (N,) int64.
    """

    rows: Rows
    positions: np.ndarray
    label_names: tuple[str, ...]
    label_index_N: np.ndarray


@dataclass(frozen=True)
class FoldReport:
    """What a check of the folds found.

    Attributes:
        num_speakers: Known speakers.
        shared_speakers: For each fold, speakers in both its training (or validation) and its test part.
    """

    num_speakers: int
    shared_speakers: tuple[int, ...]


def select_utterances(rows: Rows, config: ProbeConfig, source: str) -> EvaluationSet:
    """Rename and filter labels, and leave out what is in no part of the corpus' partition where the protocol says so.

    Args:
        rows: All utterances.
        config: `label_map`, `labels`, `leave_out_unsplit`.
        source: Where they come from, for messages.

    Raises:
        ProtocolError: No labels, a wanted label does not occur, or fewer than two remain.
    """
    mapped = [config.label_map.get(label, label) if label else None for label in rows.labels]
    found = sorted({label for label in mapped if label})
    if not found:
        raise ProtocolError(
            f"{source}: no utterance has a label; extract from a manifest with a .emo file"
        )
    absent = [label for label in config.labels if label not in found]
    if absent:
        raise ProtocolError(
            f"{source}: no utterance has the label {', '.join(absent)} that {config.protocol} wants; the labels are "
            f"{found}: change labels or label_map, or use the protocol of this corpus"
        )
    names = tuple(config.labels or found)
    if len(names) < 2:
        raise ProtocolError(
            f"{source}: all labels are {names[0]!r}; at least two different ones are needed"
        )
    unsplit = [config.leave_out_unsplit and not split for split in rows.splits]
    positions = [
        position
        for position, label in enumerate(mapped)
        if label in names and not unsplit[position]
    ]
    if len(positions) < len(mapped):
        others = Counter(label or "without a label" for label in mapped if label not in names)
        others["in no part of the corpus' partition"] = sum(
            label in names and outside for label, outside in zip(mapped, unsplit, strict=True)
        )
        counts = ", ".join(f"{label} {number}" for label, number in sorted((+others).items()))
        logger.warning("%s: %d of %d utterances are left out: %s",
                       source, len(mapped) - len(positions), len(mapped), counts)  # fmt: skip
    kept = Rows(rows.ids, mapped, rows.speakers, rows.sessions, rows.splits).take(positions)
    index_N = np.array([names.index(str(label)) for label in kept.labels], dtype=np.int64)
    return EvaluationSet(kept, np.array(positions, dtype=np.int64), names, index_N)


def make_folds(rows: Rows, config: ProbeConfig) -> FoldSet:
    """Make folds by the config's rule.

    Raises:
        ProtocolError: Too few utterances or groups, or unknown speakers, sessions or splits.
    """
    group_by = "speaker" if config.rule == "leave_one_speaker_out" else config.group_by
    groups = rows.speakers if group_by == "speaker" else rows.sessions
    fraction, seed = config.valid_fraction, config.fold_seed
    grouped = config.rule in ("group_kfold", "leave_one_group_out", "leave_one_speaker_out")
    if grouped and not all(groups):
        missing = [name for name, group in zip(rows.ids, groups, strict=True) if not group]
        raise ProtocolError(
            f"{config.protocol} keeps {group_by}s apart, but the {group_by} of {len(missing)} of "
            f"{len(rows.ids)} utterances is unknown, e.g. {missing[:3]}; add it to utterances.tsv and extract again, "
            "or use a random protocol"
        )
    if config.rule == "random_kfold":
        folds = split_rules.random_kfold(
            rows.ids, num_folds=config.num_folds, seed=seed, valid_fraction=fraction
        )
    elif config.rule == "group_kfold":
        folds = split_rules.group_kfold(
            rows.ids, groups, num_folds=config.num_folds, seed=seed, valid_fraction=fraction
        )
    elif config.rule == "leave_one_group_out":
        folds = split_rules.leave_one_group_out(
            rows.ids, groups, valid_fraction=fraction, seed=seed
        )
    elif config.rule == "leave_one_speaker_out":
        folds = split_rules.leave_one_speaker_out(rows.ids, rows.speakers, rows.sessions)
    elif config.rule == "holdout":
        assert config.test_fraction is not None  # `ProbeConfig.validate` asks for it
        folds = split_rules.holdout(
            rows.ids,
            test_fraction=config.test_fraction,
            valid_fraction=fraction or 0.1,
            seed=seed,
        )
    else:
        folds = _official(rows, config)
    return FoldSet(folds, config.rule, seed, group_by if grouped else None, fraction, "rule")


def _official(rows: Rows, config: ProbeConfig) -> tuple[Fold, ...]:
    outside = [name for name, split in zip(rows.ids, rows.splits, strict=True) if not split]
    if outside:
        raise ProtocolError(
            f"{len(outside)} of {len(rows.ids)} utterances are in no part of the corpus' partition, e.g. "
            f"{outside[:3]}; add it to utterances.tsv and extract again, leave them out with leave_out_unsplit=true, "
            "or use a random protocol"
        )
    fraction = config.valid_fraction
    if fraction is not None and "valid" in rows.splits:
        raise ProtocolError(
            f"valid_fraction={fraction} would do nothing: the corpus has a validation part of its own; drop it"
        )
    return split_rules.official(
        rows.ids, rows.splits, valid_fraction=fraction or 0.1, seed=config.fold_seed
    )


def check_folds(folds: FoldSet, rows: Rows) -> FoldReport:
    """Prove that the folds fit the utterances and do not leak.

    Raises:
        ProtocolError: Ids that the store has not or that the folds forget, parts that overlap, an empty part, an
            utterance tested twice, or a group that is unknown or in test and training where the rule keeps groups
            apart.
    """
    _check_ids(folds, rows)
    speaker = dict(zip(rows.ids, rows.speakers, strict=True))
    group = (
        speaker if folds.group_by == "speaker" else dict(zip(rows.ids, rows.sessions, strict=True))
    )
    unknown = [name for name in rows.ids if not group[name]] if folds.group_by else []
    if unknown:
        raise ProtocolError(
            f"{folds.source} keeps {folds.group_by}s apart, but the {folds.group_by} of {len(unknown)} of "
            f"{len(rows.ids)} utterances is unknown, e.g. {unknown[:3]}, so it cannot be checked; add it to "
            "utterances.tsv and extract again"
        )
    shared = []
    for number, fold in enumerate(folds.folds, 1):
        overlap = _names(group, fold.train + fold.valid) & _names(group, fold.test)
        if folds.group_by and overlap:
            raise ProtocolError(
                f"{folds.source}: fold {number}: {folds.group_by} {sorted(overlap)[:3]} is in the test part and in "
                "training or validation; make the folds again"
            )
        shared.append(len(_names(speaker, fold.train + fold.valid) & _names(speaker, fold.test)))
    return FoldReport(len(_names(speaker, rows.ids)), tuple(shared))


def index_folds(
    folds: FoldSet, chosen: EvaluationSet, config: ProbeConfig
) -> tuple[IndexFold, ...]:
    """Turn ids into positions in the evaluation set.

    With `starred` the validation part joins training and the test part chooses the epoch (the paper's * rows).

    Raises:
        ProtocolError: A label does not occur in a fold's training part.
    """
    position = {name: index for index, name in enumerate(chosen.rows.ids)}
    result = []
    for number, fold in enumerate(folds.folds, 1):
        train, valid, test = (
            np.array(sorted(position[i] for i in getattr(fold, part)), dtype=np.int64)
            for part in PARTS
        )
        if config.starred:
            train, valid = np.concatenate([train, valid]), test
        present = set(chosen.label_index_N[train].tolist())
        absent = [name for index, name in enumerate(chosen.label_names) if index not in present]
        if absent:
            raise ProtocolError(
                f"fold {number}: no training utterance has the label {', '.join(absent)}; use fewer folds, another "
                "rule, or leave the label out with labels=[...]"
            )
        result.append(IndexFold(train, valid, test))
    return tuple(result)


def _check_ids(folds: FoldSet, rows: Rows) -> None:
    known = set(rows.ids)
    for number, fold in enumerate(folds.folds, 1):
        listed = [*fold.train, *fold.valid, *fold.test]
        unknown, forgotten = sorted(set(listed) - known), sorted(known - set(listed))
        where = f"{folds.source}: fold {number}"
        if unknown:
            raise ProtocolError(
                f"{where}: {len(unknown)} of its {len(listed)} ids are not among the {len(known)} labelled utterances "
                f"of the features, e.g. {unknown[:3]}; extract the whole corpus, or use fold_file=null to make folds "
                "by rule"
            )
        if forgotten:
            raise ProtocolError(
                f"{where}: {len(forgotten)} utterances of the features are in no part, e.g. {forgotten[:3]}; the folds "
                "were made for other data: write them again, or use fold_file=null"
            )
        if len(set(listed)) < len(listed):
            repeated = [name for name, count in Counter(listed).items() if count > 1]
            raise ProtocolError(
                f"{where}: {len(repeated)} ids are in two parts, e.g. {repeated[:3]}"
            )
        empty = [part for part in PARTS if not getattr(fold, part)]
        if empty:
            raise ProtocolError(
                f"{where}: the {' and '.join(empty)} part is empty; use fewer folds"
            )
    tested = Counter(name for fold in folds.folds for name in fold.test)
    if max(tested.values(), default=0) > 1:
        raise ProtocolError(
            f"{folds.source}: {tested.most_common(1)[0][0]!r} is tested in more than one fold"
        )
    if folds.rule not in SINGLE_FOLD_RULES and len(tested) < len(known):
        raise ProtocolError(
            f"{folds.source}: {len(known) - len(tested)} utterances are never tested"
        )


def _names(group: dict[str, str | None], ids: Sequence[str]) -> set[str]:
    return {name for name in (group[i] for i in ids) if name}
