"""What the nets must reach: the figures that ``facewarp evaluate`` and the proof hold their measurements against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

AT_LEAST, AT_MOST = ">=", "<="


@dataclass(frozen=True)
class Bar:
    """A measured figure and what it must be.

    Attributes:
        figure: its name in the measurement.
        text: what it means, for people.
        sense: AT_LEAST or AT_MOST.
        value: the bar.
    """

    figure: str
    text: str
    sense: str
    value: float

    def holds(self, measured: float) -> bool:
        """Whether a measured value is good enough; one that is no number never is."""
        return bool(measured >= self.value if self.sense == AT_LEAST else measured <= self.value)

    @property
    def asked(self) -> str:
        """Such as ">= 0.98"."""
        return f"{self.sense} {self.value:g}"


SMALL_NET_BARS: Mapping[str, tuple[Bar, ...]] = MappingProxyType(
    {
        "detector": (
            Bar("single_recall", "recall at IoU .5, single faces of 32 px and more", AT_LEAST, 0.98),
            Bar("collage_recall", "recall at IoU .5, collages of 1-5 faces", AT_LEAST, 0.93),
            Bar("false_boxes_per_500_empty", "false boxes in 500 faceless pictures", AT_MOST, 1),
            Bar("ms", "ms on one core", AT_MOST, 4),
        ),
        "landmarks": (
            Bar("aligned_error_percent", "mean error, % of the inter-eye distance", AT_MOST, 2.5),
            Bar("aligned_eye_opening_correlation", "eye opening, correlation with the teacher's", AT_LEAST, 0.95),
            Bar("aligned_mouth_opening_correlation", "mouth opening, correlation with the teacher's", AT_LEAST, 0.95),
            Bar("ms", "ms on one core", AT_MOST, 1.5),
        ),
        "embedder": (
            Bar("ours_accuracy", "accuracy on LFW's 6,000 pairs", AT_LEAST, 0.988),
            Bar("ms", "ms on one core", AT_MOST, 12),
        ),
        "regions": (
            Bar("mean_iou", "mean IoU over the classes", AT_LEAST, 0.75),
            Bar("face_iou", "IoU of face against the rest", AT_LEAST, 0.93),
            Bar("occluder_iou", "IoU of things drawn over faces", AT_LEAST, 0.85),
            Bar("ms", "ms on one core", AT_MOST, 2.5),
        ),
    }
)

GENERATOR_BARS = (
    Bar("judge_source", "judge: cosine to the source", AT_LEAST, 0.5),
    Bar("judge_target", "judge: cosine to the target", AT_MOST, 0.15),
    Bar("judge_verified", "judge: passes for the source at FAR 1e-3, share of pairs", AT_LEAST, 0.97),
    Bar("judge_top1", "judge: the source first among 500 others and the target", AT_LEAST, 0.95),
    Bar("pose_deg", "head pose, mean error in degrees", AT_MOST, 3),
    Bar("expression_kept", "share of pictures that keep the expression", AT_LEAST, 0.9),
    Bar("landmarks_percent", "landmarks, % of the inter-eye distance", AT_MOST, 3),
    Bar("mouth_percent", "mouth, % of the inter-eye distance", AT_MOST, 3),
    Bar("eyes_percent", "eyes, % of the inter-eye distance", AT_MOST, 3),
    Bar("gaze_percent", "gaze: irises, % of the eye's width", AT_MOST, 5),
    Bar("mouth_opening_r", "mouth opening, correlation with the target's", AT_LEAST, 0.9),
    Bar("eye_opening_r", "eye opening, correlation with the target's", AT_LEAST, 0.9),
    Bar("light_l1", "light: low-pass L1 in the face, 0..1", AT_MOST, 0.03),
)
SPEED_BARS = (
    Bar("generator_ms", "generator, ms on two cores", AT_MOST, 25),
    Bar("choose_source_ms", "choosing a source (embedder and identity), ms", AT_MOST, 50),
)
AGREEMENT_BARS = (
    Bar("identity_difference", "shipped form and fp32: difference of identity", AT_MOST, 0.01),
    Bar("pixel_levels", "shipped form and fp32: mean difference in grey levels", AT_MOST, 1),
)
GENERATOR_MOST_GMAC = 1.6
PACK_MOST_MB = 25
GROUP_LEAST = 0.9  # of the mean: identity of each group of people, and the inverse of its pose error
FLICKER_MOST = 1.2  # times the input's own
CLIP_SHARPNESS = (0.8, 1.2)  # least and most, times the input's own, as the program shows it
