"""A user's mistake is found behind whatever fairseq, Hydra or a spawned process wraps around it."""

import pytest

from emotion2vec.errors import CheckpointError, ManifestError

pytestmark = pytest.mark.fairseq


def _raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as caught:  # noqa: BLE001 - the exception with its chain is what the test needs
        return caught


def test_error_behind_anothers_words_is_found() -> None:
    from emotion2vec.fairseq_plugin.launch import user_error

    wrapped = _raised(
        RuntimeError("Cannot load model parameters"), CheckpointError("x.pt: refused")
    )
    assert user_error(wrapped) == "x.pt: refused"


def test_error_of_a_spawned_process_is_found_in_its_text() -> None:
    from emotion2vec.fairseq_plugin.launch import user_error

    text = "\n-- Process 1 terminated:\nTraceback ...\nemotion2vec.errors.ManifestError: a.tsv:3: blank line\n"
    assert user_error(Exception(text)) == "a.tsv:3: blank line"


def test_bug_is_not_taken_for_a_users_mistake() -> None:
    from emotion2vec.fairseq_plugin.launch import user_error

    assert user_error(_raised(ZeroDivisionError("division by zero"))) is None


def test_error_keeps_its_sentence() -> None:
    from emotion2vec.fairseq_plugin.launch import user_error

    assert user_error(ManifestError("a.tsv: missing")) == "a.tsv: missing"
