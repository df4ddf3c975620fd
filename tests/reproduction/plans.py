"""The cells of tables and figures for features in folders, as `reproduce` plans them."""

from pathlib import Path

from emotion2vec.reproduction.cells import Plan, Request, make_plan
from emotion2vec.reproduction.library import open_library
from tests.architecture.sources import ROOT

CONFIG_DIR = ROOT / "config" / "probe"


def plan_of(
    *tables: str,
    features: list[object],
    figures: tuple[str, ...] = (),
    text: list[object] | None = None,
    manifests: list[Path] | None = None,
    overrides: tuple[str, ...] = (),
    partial: bool = False,
) -> Plan:
    library = open_library(
        [str(f) for f in features], [str(t) for t in text or []], manifests or []
    )
    return make_plan(Request(tables, figures, CONFIG_DIR, overrides, partial), library)
