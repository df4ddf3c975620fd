"""Every order in which a program can meet fairseq and emotion2vec: what is registered then."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE

REGISTERED = """
import sys
def registered():
    if "fairseq" not in sys.modules:
        return (False, False, False)
    from fairseq.criterions import CRITERION_REGISTRY
    from fairseq.models import MODEL_REGISTRY
    from fairseq.tasks import TASK_REGISTRY
    return ("emotion2vec_pretraining" in TASK_REGISTRY, "emotion2vec" in MODEL_REGISTRY,
            "emotion2vec" in CRITERION_REGISTRY)
def load_user_dir():
    from argparse import Namespace
    from fairseq import utils
    utils.import_user_module(Namespace(user_dir=USER_DIR))
"""


def run_python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, with the registry helpers of this module in front."""
    return subprocess.run(
        [sys.executable, "-c", f"USER_DIR = {str(PACKAGE)!r}\n{REGISTERED}\n{code}"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.fairseq
@pytest.mark.parametrize(
    ("order", "code", "expected"),
    [
        ("the command line with a user-dir", "load_user_dir()", True),
        ("emotion2vec alone", "import emotion2vec", False),
        ("fairseq first", "import fairseq; import emotion2vec", True),
        # fairseq scans nothing when the package is already there: a fact about fairseq that the docs rely on
        ("emotion2vec first, then the user-dir", "import emotion2vec; load_user_dir()", False),
        ("the plugin itself", "import emotion2vec; import emotion2vec.fairseq_plugin", True),
    ],
    ids=lambda value: (
        value.replace(" ", "_") if isinstance(value, str) and "(" not in value else ""
    ),
)
def test_what_is_registered(order: str, code: str, expected: bool, tmp_path: Path) -> None:
    done = run_python(f"{code}\nassert registered() == ({expected},) * 3, registered()", tmp_path)
    assert done.returncode == 0, f"{order}: {done.stderr[-2000:]}"


def test_importing_the_package_needs_neither_fairseq_nor_hydra(tmp_path: Path) -> None:
    code = "import emotion2vec; bad = {'fairseq', 'hydra', 'torch'} & set(sys.modules); assert not bad, bad"
    done = run_python(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_core_works_where_fairseq_cannot_be_imported(tmp_path: Path) -> None:
    modules = [
        "audio.io",
        "data.manifest",
        "model.factory",
        "model.checkpoint",
        "features.extractor",
    ]
    imports = "\n".join(
        f"import emotion2vec.{name}" for name in [*modules, "probe.run", "report.html"]
    )
    # a None entry makes `import fairseq` fail; emotion2vec asks sys.modules, so it is imported before
    done = run_python(f"import emotion2vec\nsys.modules['fairseq'] = None\n{imports}", tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_emotion2vec_class_is_found_at_the_top(tmp_path: Path) -> None:
    done = run_python("from emotion2vec import Emotion2Vec; Emotion2Vec.from_pretrained", tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
