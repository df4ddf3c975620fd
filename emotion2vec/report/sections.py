"""Writes a page's sections: one for each task, that is corpus and protocol.

In: `Task`s. Out: HTML for `html.py`. Text from files is escaped here, in `markup.py` or in `plots.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from emotion2vec.report.layer_curves import LayerCurve
from emotion2vec.report.markup import (
    render_badges,
    render_details,
    render_legend,
    render_table,
)
from emotion2vec.report.pairs import PairTable, compare_with_reference
from emotion2vec.report.palette import series_colour
from emotion2vec.report.plots import Line, line_chart
from emotion2vec.report.protocols import (
    further_tables,
    main_metric,
    metric_title,
    shown_metrics,
)
from emotion2vec.report.records import ProbeResult
from emotion2vec.report.tables import (
    OPTIMISTIC_BADGE,
    SYNTHETIC_BADGE,
    Cell,
    Table,
    comparison_table,
    format_score,
    pair_table,
)

MAX_PAPER_ROWS = 8  # shown below ours; more are folded away
MAX_LINES = 12  # of a chart: as many as there are colours


@dataclass(frozen=True)
class Task:
    """What may be compared with each other.

    Attributes:
        corpus: Name of the corpus.
        protocol: Name of the evaluation protocol.
        results: Its results.
        curves: Its per-layer curves.
        anchor: Id of its section.
    """

    corpus: str
    protocol: str
    results: tuple[ProbeResult, ...]
    curves: tuple[LayerCurve, ...]
    anchor: str


def make_tasks(results: Sequence[ProbeResult], curves: Sequence[LayerCurve]) -> list[Task]:
    """Sort results and curves into tasks, in the order in which they come."""
    everything: tuple[ProbeResult | LayerCurve, ...] = (*results, *curves)
    keys = dict.fromkeys((one.corpus, one.protocol) for one in everything)
    return [
        Task(
            *key,
            results=tuple(one for one in results if (one.corpus, one.protocol) == key),
            curves=tuple(one for one in curves if (one.corpus, one.protocol) == key),
            anchor=f"task-{index}",
        )
        for index, key in enumerate(keys)
    ]


def render_task(task: Task, details: Mapping[str, str], *, baseline: str) -> str:
    """Write one task's section.

    Args:
        task: The task.
        details: Path of a result -> its block, as of `result_block.py`.
        baseline: Name of the result with which the others are compared; empty for the best.
    """
    name = f"{task.corpus}: {task.protocol}"
    further = further_tables(task.protocol)
    also = (
        f'<p class="note">Also in Tables {", ".join(further)} of the paper.</p>' if further else ""
    )
    parts = [f'<section class="card" id="{task.anchor}"><h3>{escape(name)}</h3>{also}']
    if task.results:
        parts.append(_render_comparison(task, name))
        parts += [_render_pairs(group, name, baseline) for group in _comparable(task.results)]
    if task.curves:
        parts.append(_render_layers(task))
    parts.append(_render_training(task.results))
    parts += [details[str(result.path)] for result in task.results]
    return "".join(parts) + "</section>"


def chart_card(title: str, lines: Sequence[Line], *, x_label: str, level: int) -> str:
    """Write a line chart with its title in a card of a grid; level is that of the heading."""
    chart = line_chart(lines, x_label=x_label, description=title)
    return f'<div class="card"><h{level}>{escape(title)}</h{level}>{chart}</div>'


def _render_comparison(task: Task, name: str) -> str:
    """Write the comparison; many rows of the paper are folded away behind it."""
    table = comparison_table(task.results)
    number = table.num_paper_rows
    if number <= MAX_PAPER_ROWS:
        return render_table(table, name=f"Comparison, {name}")
    own = replace(table, rows=table.rows[:-number], num_paper_rows=0)
    paper = replace(table, rows=table.rows[-number:], note="")
    return render_table(own, name=f"Comparison, {name}") + render_details(
        f"{number} rows that the paper prints for this protocol",
        render_table(paper, name=f"The paper's rows, {name}"),
        attributes='class="of-paper"',
    )


def _comparable(results: Sequence[ProbeResult]) -> list[list[ProbeResult]]:
    groups: dict[object, list[ProbeResult]] = {}
    for result in results:
        groups.setdefault((result.starred, result.labels), []).append(result)
    return list(groups.values())


def _render_pairs(results: Sequence[ProbeResult], name: str, baseline: str) -> str:
    metric = main_metric(results)
    pairs = compare_with_reference(results, metric=metric, baseline=baseline)
    if pairs is None:
        return ""
    table = render_table(pair_table(pairs), name=f"Statistics, {name}") if pairs.pairs else ""
    left_out = "".join(
        f"<li>{escape(who)} is left out: {escape(reason)}</li>" for who, reason in pairs.left_out
    )
    list_of = f'<ul class="note">{left_out}</ul>' if left_out else ""
    star = f" {render_badges([OPTIMISTIC_BADGE])}" if results[0].starred else ""
    gist = (
        f"{pairs.num_significant} of {len(pairs.pairs)} differ from {escape(pairs.reference)} "
        "(corrected p &lt; 0.05)"
    )
    summary = f'<h4>Statistics{star}</h4> <span class="muted">{gist}</span>'
    body = f'<p class="note">{escape(_explain_pairs(pairs))}</p>{table}{list_of}'
    return render_details(summary, body, attributes='class="result statistics"')


def _explain_pairs(pairs: PairTable) -> str:
    """Say what the figures are, and what they are not."""
    metric = metric_title(pairs.metric).removesuffix(" %")
    chosen = (
        ", the best here; that it was picked as the best is not corrected for"
        if pairs.is_best
        else ""
    )
    sentences = [
        f"{metric} of each result less that of {pairs.reference}{chosen}.",
        "\u0394 and p: paired bootstrap on the same utterances, 95 % interval in brackets. McNemar: accuracy over all "
        "folds, seeds combined, utterances taken as independent. Holm: corrected for the number of results in this "
        "table.",
    ]
    if pairs.pairs:
        first = pairs.pairs[0].comparison
        sentences.append(f"Drawn: {first.num_units} {first.unit}s.")
        if pairs.is_few:
            sentences.append(
                f"Few {first.unit}s: the intervals are too narrow and p is too small; do not rest a claim on them."
            )
    return " ".join(sentences)


def _render_layers(task: Task) -> str:
    curves = task.curves[:MAX_LINES]
    colours = [series_colour(index) for index in range(len(curves))]
    cards = []
    for metric in shown_metrics(task.protocol):
        lines = [
            _layer_line(curve, metric, colour)
            for curve, colour in zip(curves, colours, strict=True)
            if all(metric in layer.summary for layer in curve.layers)
        ]
        if lines:
            cards.append(chart_card(metric_title(metric), lines, x_label="layer", level=5))
    tables = "".join(
        render_details(
            f"{escape(curve.name)}: every layer",
            render_table(_layer_table(curve), name=f"Layers, {curve.name}"),
        )
        for curve in task.curves
    )
    badges = [SYNTHETIC_BADGE] if any(curve.synthetic for curve in task.curves) else []
    badges += [OPTIMISTIC_BADGE] if any(curve.starred for curve in task.curves) else []
    cut = f" The first {MAX_LINES} of {len(task.curves)}." if len(task.curves) > MAX_LINES else ""
    return (
        f"<h4>Layer by layer{render_badges(badges)}</h4>"
        '<p class="note">Heads of its own for each layer; band: \u00b1 standard deviation over seeds; ring: the layer '
        f"with the best validation WA.{cut}</p>"
        f'{render_legend([_describe_best(curve) for curve in curves], colours)}<div class="grid">{"".join(cards)}</div>'
        f"{tables}"
    )


def _layer_line(curve: LayerCurve, metric: str, colour: str) -> Line:
    scores = [layer.summary[metric] for layer in curve.layers]
    return Line(
        name=curve.name,
        colour=colour,
        points=[
            (layer.layer, score.mean) for layer, score in zip(curve.layers, scores, strict=True)
        ],
        spread=[score.std for score in scores],
        marked=curve.best,
    )


def _describe_best(curve: LayerCurve) -> str:
    best = curve.layers[curve.best]
    return f"{curve.name}: best in validation layer {best.layer}, WA {format_score(best.summary['WA'])}"


def _layer_table(curve: LayerCurve) -> Table:
    metrics = [
        metric
        for metric in shown_metrics(curve.protocol)
        if all(metric in layer.summary for layer in curve.layers)
    ]
    rows = tuple(
        (
            Cell(str(layer.layer)),
            *(Cell(format_score(layer.summary[metric])) for metric in metrics),
            Cell(f"{layer.valid_wa:.2f}", best=index == curve.best),
        )
        for index, layer in enumerate(curve.layers)
    )
    return Table(headers=("Layer", *map(metric_title, metrics), "Validation WA %"), rows=rows)


def _render_training(results: Sequence[ProbeResult]) -> str:
    shown = [result for result in results if result.curve]
    if not shown:
        return ""
    drawn = shown[:MAX_LINES]
    colours = [series_colour(index) for index in range(len(drawn))]
    losses = [
        Line(one.name, colour, [(point.epoch, point.train_loss) for point in one.curve])
        for one, colour in zip(drawn, colours, strict=True)
    ]
    accuracies = [
        Line(one.name, colour, [(point.epoch, point.valid_wa) for point in one.curve])
        for one, colour in zip(drawn, colours, strict=True)
    ]
    cards = chart_card("Training loss", losses, x_label="epoch", level=5) + chart_card(
        "Validation WA %", accuracies, x_label="epoch", level=5
    )
    cut = f" The first {MAX_LINES} of {len(shown)}." if len(shown) > MAX_LINES else ""
    body = (
        f'<p class="note">First fold, first seed.{cut}</p>'
        f'{render_legend([one.name for one in drawn], colours)}<div class="grid">{cards}</div>'
    )
    return render_details("<h4>Probe training</h4>", body, attributes='class="result training"')
