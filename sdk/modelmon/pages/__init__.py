"""What people see: templates, our style sheet and modules, and how views become HTML.

Classes for writers of pages; data attributes are listed at the top of modelmon.js.

    header.frame (.brand .project .monitor .theme), main, .heading, nav.range, nav.tabs, footer
    .cards > .card          a box; .card.verdict is the one that judges, with .state-… for its edge
    .facts                  a dl of name and value, side by side
    .tiles > .tile          a big number (strong) over its word (span)
    .chips > .chip          filters and labels; aria-current or .on: chosen
    table.list (.numeric)   in a .table-wide, which scrolls sideways; tr.worst, td.chart-cell; .rows: nothing
                            breaks
    table.stacked           on a phone a row is a block, six wide: th takes four, td two, .half three, .whole
                            all; td[data-label] has these words above it
    .boxes > .box           a metric: its h3, .badge in the upper right corner, charts side by side in .pair;
                            .boxes.two: two in a row
    .state-suspected …      colour of a state (words.state_class); the sign and the word stand beside it
    .empty .refused .note .hidden .skip .muted .actions (buttons in a row)
    svg.chart               .spark .bullet .timeline .spread .overlay .bars .heat .band; see charts/
    details.data            "Show as table" under a chart
    tr.evidence             what the result in the row above it stands on
"""

from modelmon.pages.rendering import render

__all__ = ["render"]
