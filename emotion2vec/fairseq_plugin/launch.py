"""`fairseq-hydra-train`, with one sentence instead of a traceback for a user's mistake.

`scripts/pretrain.sh` runs it; arguments are those of `fairseq-hydra-train`. EMOTION2VEC_DEBUG=1 shows tracebacks.
"""

import logging
import os
import re
import sys
import warnings

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from emotion2vec.errors import Emotion2VecError
from emotion2vec.fairseq_plugin.stopping import pass_on_signals


def user_error(error: BaseException) -> str | None:
    """Return the sentence for a mistake of the user's behind `error`, or None when it is a bug.

    fairseq re-raises with other words, and spawned processes pass their errors on as text: both are looked through.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Emotion2VecError):
            return str(cause)
        if isinstance(cause, (HydraException, OmegaConfBaseException)):
            return f"config: {cause}"
        if named := re.search(r"emotion2vec\.errors\.\w+: (.+)", str(cause)):
            return named[1]
        cause = cause.__cause__ or cause.__context__
    return None


def quieten() -> None:
    """Silence what fairseq's age causes and no user can act upon."""
    logging.getLogger("hydra").setLevel(logging.WARNING)
    for words in (
        r"\s*The version_base parameter",
        r"\s*'.*' is validated against ConfigStore schema",
        r"'pin_memory' argument",
    ):
        warnings.filterwarnings("ignore", message=words)


def main() -> None:
    """Run `fairseq-hydra-train` with this process' arguments."""
    os.environ["HYDRA_FULL_ERROR"] = "1"
    quieten()
    pass_on_signals()
    from fairseq_cli.hydra_train import cli_main

    try:
        cli_main()
    except Exception as error:
        sentence = user_error(error)
        if sentence is None or os.environ.get("EMOTION2VEC_DEBUG"):
            raise
        print(f"error: {' '.join(sentence.split())}", file=sys.stderr)  # noqa: T201 - this is a program
        sys.exit(1)


if __name__ == "__main__":
    main()
