"""Every file of the real releases' lists, as tiny files: the preparer finds them all, with the list's labels."""

from pathlib import Path

import pytest

from tests.corpora.releases import MODULES
from tests.corpora.whole_lists import compare
from tests.helpers.shared_data import require_shared

NAMES = sorted(name for name, module in MODULES.items() if hasattr(module, "LIST"))

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]


@pytest.mark.parametrize("name", NAMES)
def test_a_preparer_gives_exactly_the_files_and_labels_of_the_list(
    name: str, tmp_path: Path
) -> None:
    table = require_shared(f"corpora/lists/{MODULES[name].LIST}")
    comparison = compare(name, table, tmp_path)
    assert comparison.problems == []
    assert comparison.num_prepared == comparison.num_listed > 100
