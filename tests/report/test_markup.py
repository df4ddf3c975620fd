import re

import numpy as np

from emotion2vec.report.markup import render_badges, render_confusion, render_table
from emotion2vec.report.tables import Cell, Table


def test_confusion_cells_hold_count_and_share_of_the_true_class() -> None:
    html = render_confusion(np.array([[3, 1], [0, 0]]), ["calm", "angry"], name="n")

    cells = re.findall(r"<td style=\"--s:(\d+)%\"><b>(\d+)%</b>(\d+)</td>", html)
    assert cells == [("75", "75", "3"), ("25", "25", "1"), ("0", "0", "0"), ("0", "0", "0")]


def test_labels_of_a_confusion_matrix_are_escaped() -> None:
    html = render_confusion(np.eye(2, dtype=np.int64), ["<script>", "a&b"], name="<n>")

    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 2
    assert 'aria-label="&lt;n&gt;"' in html


def test_rows_of_the_paper_stand_apart_and_are_called_so() -> None:
    rows = ((Cell("ours"), Cell("1.00")), (Cell("theirs"), Cell("2.00")))
    html = render_table(Table(("Features", "WA %"), rows, num_paper_rows=1), name="n")

    ours, theirs = html.split('<tbody class="paper">')
    assert "ours" in ours
    assert "theirs" not in ours
    assert "Printed in the paper, not measured here" in theirs
    assert theirs.count("<tr>") == 2


def test_the_first_cell_of_a_row_is_its_heading_and_columns_are_named() -> None:
    html = render_table(Table(("A", "B"), ((Cell("x"), Cell("1")),)), name="n")

    assert re.findall(r'<th scope="(col|row)"', html) == ["col", "col", "row"]


def test_smaller_lines_links_and_details_of_a_cell_are_escaped() -> None:
    cell = Cell("<t>", lines=("<l>",), target="task-0", detail="<d>", best=True)
    html = render_table(Table(("A",), ((cell,),)), name="n")

    assert "<small>&lt;l&gt;</small>" in html
    assert 'title="&lt;d&gt;"' in html
    assert '<a href="#task-0"><span class="best">&lt;t&gt;</span></a>' in html


def test_badges_are_escaped() -> None:
    assert render_badges(["<b>"]) == ' <span class="badge">&lt;b&gt;</span>'
