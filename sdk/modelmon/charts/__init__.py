"""Charts as SVG: values in, markup out. Pure, and of the standard library alone.

Colours are classes of the style sheet, so a chart follows the theme; a status has a shape beside its colour.
Every chart says in a sentence what it shows.
"""

from modelmon.charts.band import band
from modelmon.charts.bars import bars
from modelmon.charts.bullet import bullet
from modelmon.charts.heat import heat, heat_times
from modelmon.charts.marks import SIGNS, Mark
from modelmon.charts.overlay import overlay
from modelmon.charts.pair import pair
from modelmon.charts.sparkline import sparkline
from modelmon.charts.spread import spread
from modelmon.charts.timeline import Sample, timeline

__all__ = [
    "SIGNS",
    "Mark",
    "Sample",
    "band",
    "bars",
    "bullet",
    "heat",
    "heat_times",
    "overlay",
    "pair",
    "sparkline",
    "spread",
    "timeline",
]
