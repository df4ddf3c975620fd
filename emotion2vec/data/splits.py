"""Cross-validation rules: which utterances train, validate and test in each fold.

In: ids with their groups (speakers, sessions) or official splits. Out: tuple of `Fold` for `probe/protocol.py`.
Paper: Section 4.3 and the captions of Tables 2-5. Every rule is a pure function of its arguments, and does not
depend on the order in which the ids come.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emotion2vec.errors import ProtocolError
from emotion2vec.seeding import derive_rng


@dataclass(frozen=True)
class Fold:
    """Ids of one fold, each part in the order in which the ids came.

    Attributes:
        train: Ids to train on.
        valid: Ids that choose the best epoch.
        test: Ids to report on.
    """

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]


def random_kfold(
    ids: Sequence[str], *, num_folds: int, seed: int, valid_fraction: float | None = None
) -> tuple[Fold, ...]:
    """Shuffle once and leave out one part at a time (the paper's "random leave-one-out k-fold").

    Speakers may occur in train and test: see `group_kfold` for the rule that forbids it.

    Args:
        ids: Unique ids.
        num_folds: Number of parts k, >= 3 when a part is the validation set, else >= 2.
        seed: Seed of the shuffle.
        valid_fraction: Share of the training set that validates, in (0, 1); None takes the part after the test
            part, which for k = 10 is the paper's 80/10/10.

    Returns:
        k folds; each id is tested once.

    Raises:
        ProtocolError: Duplicate ids, or fewer ids than folds.
    """
    _check_ids(ids)
    shuffled = _shuffle(ids, "random_kfold", seed)
    _check_number(num_folds, len(ids), "utterances", valid_fraction)
    # the first (len % k) parts are one longer
    parts = [shuffled[index::num_folds] for index in range(num_folds)]
    return _rotate(ids, parts, valid_fraction=valid_fraction, seed=seed)


def group_kfold(
    ids: Sequence[str],
    groups: Sequence[str | None],
    *,
    num_folds: int,
    seed: int,
    valid_fraction: float | None = None,
) -> tuple[Fold, ...]:
    """Leave out whole groups, k parts of about equal size: no group (speaker) is in train and test.

    Args:
        ids: Unique ids.
        groups: Group of each id.
        num_folds: Number of parts k.
        seed: Seed of the order in which groups of equal size are dealt out.
        valid_fraction: As in `random_kfold`; a fraction is drawn by utterance, so validation shares groups with
            training; None takes whole groups.

    Returns:
        k folds; each id is tested once.

    Raises:
        ProtocolError: Duplicate ids, an unknown group, or fewer groups than folds.
    """
    members = _members(ids, groups)
    _check_number(num_folds, len(members), "groups", valid_fraction)
    order = _shuffle(list(members), "group_kfold", seed)
    parts: list[list[str]] = [[] for _ in range(num_folds)]
    # largest group first into the smallest part: keeps the parts as even as the groups allow
    for group in sorted(order, key=lambda name: -len(members[name])):
        min(parts, key=len).extend(members[group])
    return _rotate(ids, parts, valid_fraction=valid_fraction, seed=seed)


def leave_one_group_out(
    ids: Sequence[str],
    groups: Sequence[str | None],
    *,
    valid_fraction: float | None = None,
    seed: int = 0,
) -> tuple[Fold, ...]:
    """Test on one group (session or speaker) at a time, in the order of the groups' names.

    Args:
        ids: Unique ids.
        groups: Group of each id.
        valid_fraction: Share of the training set that validates (IEMOCAP by session: 0.2); None takes the next
            group (IEMOCAP by speaker: 8 train, 1 validation, 1 test).
        seed: Seed of the fraction's draw.

    Returns:
        One fold for each group.

    Raises:
        ProtocolError: Duplicate ids, an unknown group, or too few groups.
    """
    members = _members(ids, groups)
    _check_number(len(members), len(members), "groups", valid_fraction)
    parts = [members[group] for group in sorted(members)]
    return _rotate(ids, parts, valid_fraction=valid_fraction, seed=seed)


def leave_one_speaker_out(
    ids: Sequence[str], speakers: Sequence[str | None], sessions: Sequence[str | None]
) -> tuple[Fold, ...]:
    """Test on one speaker at a time, and validate on who spoke with them in the same session.

    IEMOCAP has two speakers in each of five sessions: 8 train, 1 validates, 1 is tested (Table 2). With the partner
    out of training too, no dialogue is in training and test.

    Args:
        ids: Unique ids.
        speakers: Speaker of each id.
        sessions: Recording session of each id.

    Returns:
        One fold for each speaker, in the order of their names.

    Raises:
        ProtocolError: Duplicate ids, an unknown speaker or session, fewer than two sessions, or a session of one
            speaker alone.
    """
    members, by_session = _members(ids, speakers), _members(ids, sessions)
    if len(by_session) < 2:
        raise ProtocolError(
            f"leaving out a speaker's session needs at least two, but there is {sorted(by_session)}"
        )
    session_of = dict(zip(ids, sessions, strict=True))
    folds = []
    for speaker in sorted(members):
        test = set(members[speaker])
        held_out = {
            name for part in {session_of[i] for i in test} for name in by_session[str(part)]
        }
        if held_out == test:
            raise ProtocolError(
                f"speaker {speaker} is alone in session {session_of[members[speaker][0]]}: nobody can validate"
            )
        folds.append(_fold(ids, set(ids) - held_out, held_out - test, test))
    return tuple(folds)


def official(
    ids: Sequence[str], splits: Sequence[str | None], *, valid_fraction: float = 0.1, seed: int = 0
) -> tuple[Fold, ...]:
    """Use the corpus' own partition.

    Args:
        ids: Unique ids.
        splits: train, valid or test for each id.
        valid_fraction: Share of train that validates when the corpus has no valid split.
        seed: Seed of that draw.

    Returns:
        One fold.

    Raises:
        ProtocolError: Duplicate ids, an unknown split, or no train or test utterances.
    """
    members = _members(ids, splits)
    if not {"train", "test"} <= set(members) <= {"train", "valid", "test"}:
        raise ProtocolError(
            f"the official split needs train and test (and may have valid), but found {sorted(members)}"
        )
    train, valid, test = (set(members.get(name, ())) for name in ("train", "valid", "test"))
    if not valid:
        valid = _draw(train, valid_fraction, "official", seed)
    return (_fold(ids, train - valid, valid, test),)


def holdout(
    ids: Sequence[str], *, test_fraction: float, valid_fraction: float = 0.1, seed: int = 0
) -> tuple[Fold, ...]:
    """Draw one test part at random, and a validation part from the rest (Figure 4: 8:2, a tenth of the 8 validates).

    Speakers may occur in train and test.

    Args:
        ids: Unique ids, at least three.
        test_fraction: Share of all utterances that is tested, in (0, 1).
        valid_fraction: Share of the rest that validates, in (0, 1).
        seed: Seed of both draws.

    Returns:
        One fold.

    Raises:
        ProtocolError: Duplicate ids, too few of them, or a fraction that leaves a part empty.
    """
    _check_ids(ids)
    if not 0 < test_fraction < 1:
        raise ProtocolError(f"test_fraction must lie between 0 and 1, but is {test_fraction}")
    if len(ids) < 3:
        raise ProtocolError(
            f"a hold-out needs at least 3 utterances, to train, validate and test, but there are {len(ids)}"
        )
    # two stay for training and validation, however large the fraction
    number = min(count_share(len(ids), test_fraction), len(ids) - 2)
    test = set(_shuffle(ids, "holdout", seed)[:number])
    valid = _draw(set(ids) - test, valid_fraction, "holdout valid", seed)
    return (_fold(ids, set(ids) - test - valid, valid, test),)


def count_share(total: int, fraction: float) -> int:
    """Return how many of `total` a fraction is, at least one.

    >>> count_share(7000, 0.2)
    1400
    """
    return max(1, round(fraction * total))


def _rotate(
    ids: Sequence[str],
    parts: Sequence[Sequence[str]],
    *,
    valid_fraction: float | None,
    seed: int,
) -> tuple[Fold, ...]:
    """Test on each part in turn; validate on the next one, or on a fraction of the rest."""
    folds = []
    for index, part in enumerate(parts):
        test = set(part)
        if valid_fraction is None:
            valid = set(parts[(index + 1) % len(parts)])
        else:
            valid = _draw(set(ids) - test, valid_fraction, "fold", seed, index)
        folds.append(_fold(ids, set(ids) - test - valid, valid, test))
    return tuple(folds)


def _fold(ids: Sequence[str], train: set[str], valid: set[str], test: set[str]) -> Fold:
    return Fold(*(tuple(name for name in ids if name in part) for part in (train, valid, test)))


def _draw(ids: set[str], fraction: float, *seed_parts: int | str) -> set[str]:
    """Draw a fraction of the ids, at least one of them and not all."""
    if not 0 < fraction < 1:
        raise ProtocolError(f"valid_fraction must lie between 0 and 1, but is {fraction}")
    if len(ids) < 2:
        raise ProtocolError(
            f"cannot split {len(ids)} training utterance into training and validation"
        )
    number = min(count_share(len(ids), fraction), len(ids) - 1)
    return set(_shuffle(ids, *seed_parts)[:number])


def _shuffle(names: Iterable[str], *seed_parts: int | str) -> list[str]:
    """Shuffle the sorted names, so that their given order does not matter."""
    ordered = sorted(names)
    permutation = derive_rng("splits", *seed_parts).permutation(len(ordered))
    return [ordered[index] for index in permutation]


def _members(ids: Sequence[str], groups: Sequence[str | None]) -> dict[str, list[str]]:
    """Collect the ids of each group."""
    _check_ids(ids)
    if len(groups) != len(ids):
        raise ProtocolError(f"{len(ids)} ids need as many groups, but there are {len(groups)}")
    unknown = [name for name, group in zip(ids, groups, strict=True) if not group]
    if unknown:
        raise ProtocolError(
            f"{len(unknown)} of {len(ids)} utterances have no group (speaker, session or split), "
            f"e.g. {unknown[:3]}; add it to utterances.tsv or choose a random protocol"
        )
    members: dict[str, list[str]] = defaultdict(list)
    for name, group in zip(ids, groups, strict=True):
        members[str(group)].append(name)
    return dict(members)


def _check_ids(ids: Sequence[str]) -> None:
    repeated = [name for name, number in Counter(ids).items() if number > 1]
    if repeated:
        raise ProtocolError(f"{len(repeated)} ids occur more than once, e.g. {repeated[:3]}")


def _check_number(num_parts: int, available: int, what: str, valid_fraction: float | None) -> None:
    minimum = 3 if valid_fraction is None else 2
    if num_parts < minimum:
        raise ProtocolError(
            f"{num_parts} parts are too few: at least {minimum} are needed for training, "
            f"{'validation and ' if minimum == 3 else ''}test"
        )
    if available < num_parts:
        raise ProtocolError(
            f"{num_parts} folds need at least as many {what}, but there are {available}"
        )
