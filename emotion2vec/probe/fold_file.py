"""Fold files of `config/probe/folds/`: which utterance is in which part of which fold, and how that was decided.

In: folds that `protocol.py` made by rule. Out: JSON, read back as `FoldSet`; all users of a file have the same folds.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotion2vec.data.splits import Fold, count_share
from emotion2vec.errors import ProtocolError
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.seeding import derive_seed

FOLD_SCHEMA_VERSION = 1
PARTS = ("train", "valid", "test")
# rules that make one fold and leave utterances untested
SINGLE_FOLD_RULES = ("official", "holdout")
# characters; a file with all lists would be longer than a repository should hold
_LONG_LISTS = 400_000
_REST = "rest"


@dataclass(frozen=True)
class FoldSet:
    """Folds and how they were made.

    Attributes:
        folds: Ids of each fold.
        rule: Rule of `data/splits.py`.
        seed: Seed of the rule.
        group_by: What the rule keeps apart; None for a rule without groups.
        valid_fraction: What the rule was asked to take from training for validation; None leaves it to the rule.
        source: `rule`, or the name of the fold file.
    """

    folds: tuple[Fold, ...]
    rule: str
    seed: int
    group_by: str | None
    valid_fraction: float | None
    source: str

    @property
    def digest(self) -> str:
        """What tells these parts from others, whatever the order of their ids."""
        parts = [[sorted(getattr(fold, part)) for part in PARTS] for fold in self.folds]
        return f"{derive_seed(json.dumps(parts)):016x}"


def fold_file_text(folds: FoldSet, config: ProbeConfig, corpus: str | None) -> str:
    """Return the contents of a fold file: how the folds were made, and one line for each part of each fold.

    Where every utterance is tested once and the list of all training parts would be long, `train` is "rest": all
    tested ids that are in neither of the fold's other parts.
    """
    head: dict[str, Any] = {
        "schema_version": FOLD_SCHEMA_VERSION,
        "protocol": config.protocol,
        "corpus": corpus,
        "rule": folds.rule,
        "seed": folds.seed,
        "group_by": folds.group_by,
        "valid_fraction": folds.valid_fraction,
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    parts = [asdict(fold) for fold in folds.folds]
    listed = sum(len(name) + len('"", ') for name in _ids(folds)) * len(parts)
    if folds.rule not in SINGLE_FOLD_RULES and listed > _LONG_LISTS:
        parts = [{**part, "train": _REST} for part in parts]
    texts = [
        ",\n   ".join(
            f'"{part}": {json.dumps(ids, ensure_ascii=False)}' for part, ids in fold.items()
        )
        for fold in parts
    ]
    body = ",\n".join(f"  {{{text}}}" for text in texts)
    return "\n".join(["{", *lines, ' "folds": [', body, " ]", "}"]) + "\n"


def read_fold_file(path: Path) -> FoldSet:
    """Read a fold file.

    Raises:
        ProtocolError: Missing, not JSON, or not a fold file.
    """
    if not path.is_file():
        raise ProtocolError(
            f"no fold file {str(path)!r}; write it with train_probe.py --write-folds, or set fold_file=null"
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        folds = _parse_folds(data["folds"])
        if data["schema_version"] != FOLD_SCHEMA_VERSION:
            raise ProtocolError(
                f"{path}: schema_version is {data['schema_version']}, expected {FOLD_SCHEMA_VERSION}"
            )
        return FoldSet(
            folds,
            data["rule"],
            data["seed"],
            data.get("group_by"),
            data.get("valid_fraction"),
            path.name,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(
            f"{path}: not a fold file ({type(error).__name__}: {error}); write it again"
        ) from error


def check_fold_file(folds: FoldSet, config: ProbeConfig) -> None:
    """Refuse a fold file that was not made as the config says: an override such as `num_folds=5` would do nothing.

    Raises:
        ProtocolError: Rule, seed, group, number of folds or share of validation differ.
    """
    asked: dict[str, Any] = {"rule": config.rule, "fold_seed": config.fold_seed}
    found: dict[str, Any] = {"rule": folds.rule, "fold_seed": folds.seed}
    asked["valid_fraction"], found["valid_fraction"] = config.valid_fraction, folds.valid_fraction
    if folds.group_by:
        asked["group_by"], found["group_by"] = config.group_by, folds.group_by
    if folds.rule in ("random_kfold", "group_kfold"):
        asked["num_folds"], found["num_folds"] = config.num_folds, len(folds.folds)
    if folds.rule == "holdout":
        asked["test_fraction"] = config.test_fraction
        found["test_fraction"] = _test_fraction(folds.folds[0], config.test_fraction)
    different = [
        f"{name}={asked[name]} (the file: {found[name]})"
        for name in asked
        if asked[name] != found[name]
    ]
    if different:
        raise ProtocolError(
            f"{folds.source} was made in another way than {', '.join(different)}; use fold_file=null to make folds by "
            "rule, or write the file again with --write-folds"
        )


def _test_fraction(fold: Fold, asked: float | None) -> float:
    """Return the share that a hold-out tests: the asked one where it gives this number of utterances."""
    num_all = len(fold.train) + len(fold.valid) + len(fold.test)
    if asked is not None and count_share(num_all, asked) == len(fold.test):
        return asked
    return round(len(fold.test) / num_all, 4)


def _parse_folds(folds: Sequence[Mapping[str, Any]]) -> tuple[Fold, ...]:
    everything = sorted({str(name) for fold in folds for name in fold["test"]})
    parsed = []
    for fold in folds:
        valid, test = (tuple(map(str, fold[part])) for part in ("valid", "test"))
        others = {*valid, *test}
        train = (
            [name for name in everything if name not in others]
            if fold["train"] == _REST
            else map(str, fold["train"])
        )
        parsed.append(Fold(tuple(train), valid, test))
    return tuple(parsed)


def _ids(folds: FoldSet) -> set[str]:
    return {name for fold in folds.folds for name in fold.test}
