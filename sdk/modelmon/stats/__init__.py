"""Statistics of features and distances between them: pure functions of arrays and frames, numpy alone."""

from __future__ import annotations

from modelmon.stats.calibration import Calibration, calibration
from modelmon.stats.cell_counts import cell_counts
from modelmon.stats.coarse_profile import profile_of_stats
from modelmon.stats.compare import Comparison, compare
from modelmon.stats.describe import describe, describe_like
from modelmon.stats.distances import DISTANCES, distance, hellinger, kld, psi, tvd
from modelmon.stats.e_detector import Bets, Folded, bets_of, fold, window_sums
from modelmon.stats.findings import Finding
from modelmon.stats.histogram import count, equal_width_edges
from modelmon.stats.judgement import Judgement, judge
from modelmon.stats.least_change import LeastChange
from modelmon.stats.moments import moments, quartiles
from modelmon.stats.past_counts import pack_counts, unpack_counts
from modelmon.stats.profile import FeatureProfile, Profile, Segments, Stretches
from modelmon.stats.profile_json import profile_from_json, profile_to_json
from modelmon.stats.profiling import profile
from modelmon.stats.reference import read_reference
from modelmon.stats.seasons import PastWindow, like_starts, recent_profile, recent_starts, season_profile
from modelmon.stats.segments import SegmentCounts, segment_counts

__all__ = [
    "DISTANCES",
    "Bets",
    "Calibration",
    "Comparison",
    "FeatureProfile",
    "Finding",
    "Folded",
    "Judgement",
    "LeastChange",
    "PastWindow",
    "Profile",
    "SegmentCounts",
    "Segments",
    "Stretches",
    "bets_of",
    "calibration",
    "cell_counts",
    "compare",
    "count",
    "describe",
    "describe_like",
    "distance",
    "equal_width_edges",
    "fold",
    "hellinger",
    "judge",
    "kld",
    "like_starts",
    "moments",
    "pack_counts",
    "profile",
    "profile_from_json",
    "profile_of_stats",
    "profile_to_json",
    "psi",
    "quartiles",
    "read_reference",
    "recent_profile",
    "recent_starts",
    "season_profile",
    "segment_counts",
    "tvd",
    "unpack_counts",
    "window_sums",
]
