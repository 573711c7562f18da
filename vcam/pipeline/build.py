"""Settings -> the tuple of stages. The tuple is the whole graph; bench and log walk the same one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2

from vcam.catalogue import find_models_folder, has_net, net_file
from vcam.config import Engine, PipelineSettings
from vcam.errors import SwapError
from vcam.faces.detect import Detector
from vcam.faces.embed import Embedder
from vcam.faces.landmarks import LandmarkFitter
from vcam.faces.regions import Occlusion, RegionParser
from vcam.faces.track import UserTrack
from vcam.geometry import FFHQ_512
from vcam.inference import Net, open_session
from vcam.pipeline import stages
from vcam.safeguards.badge import Badge
from vcam.safeguards.watermark import Marker, new_session
from vcam.safeguards.watermark_code import Kind
from vcam.swap.buffers import Buffers
from vcam.swap.crop import shrink_crop
from vcam.swap.finish import PASTE_SIZE_PX, Finisher
from vcam.swap.generate import Generator
from vcam.swap.likeness import Likeness, composite
from vcam.swap.mesh import MeshEngine
from vcam.swap.wearer import Away
from vcam.types import Crop, Embedding, Image, Mask, Pipeline, Points, Source

NEEDED = {
    Engine.AEI: ("detector", "landmarks", "embedder", "identity", "generator"),
    Engine.MESH: ("detector", "landmarks", "embedder"),
}
OPTIONAL = ("regions",)  # a pack without them does the same, a little worse
_LEAST_VISIBLE = 0.9  # of the swap, for a look at whom it is like


def check_models(settings: PipelineSettings) -> None:
    """Find out before anything starts whether the networks are there and whole.

    Raises:
        ModelMissing, ModelCorrupt: the sentence names the file.
    """
    for name in (*NEEDED[settings.engine], *(n for n in OPTIONAL if has_net(n, settings.models))):
        net_file(name, settings.models)


class AeiEngine:
    """The AEI-Net generator; what it is asked for makes up for what its swaps lack, and loses what the wearer adds.

    Args:
        generator: makes the swaps.
        embed: identity of the face at five points of a picture.
    """

    def __init__(self, generator: Generator, embed: Callable[[Image, Points], Embedding]) -> None:
        self.size = generator.size
        self._generator = generator
        self._embed = embed
        self._likeness = stages.once_per_source(self._prepare)
        self._away = Away(generator.away)

    def _prepare(self, source: Source) -> Likeness:
        return Likeness(source.embedding, self._generator.prepare, self._embed)

    def prepare(self, source: Source) -> None:
        """See ``stages.Engine``."""
        self._likeness(source)

    def __call__(self, source: Source, crop: Crop, wearer: Embedding | None) -> tuple[Image, Mask]:
        """See ``stages.Engine``."""
        likeness, target = self._likeness(source), shrink_crop(crop.image, self.size)
        swap, mask = self._generator.generate(target, self._away(likeness.style(), wearer))
        if likeness.is_due() and _is_bare(crop, mask):
            likeness.look(composite(target, swap, mask))
        return swap, mask


def _is_bare(crop: Crop, mask: Mask) -> bool:
    """Whether nothing before the face keeps a recogniser from telling whose it is."""
    if crop.occlusion is None:
        return True
    swapped = cv2.resize(mask, crop.occlusion.shape[::-1], interpolation=cv2.INTER_AREA)
    return float((swapped * crop.occlusion).sum()) >= _LEAST_VISIBLE * float(swapped.sum())


class PhotoEngine:
    """The mesh engine; the landmarks of each source picture are found once.

    Args:
        fit: for the source pictures alone: they may be looked at in another thread than the frames.
    """

    def __init__(self, fit: LandmarkFitter) -> None:
        self.size = PASTE_SIZE_PX
        self._fit = fit
        self._mesh = stages.once_per_source(self._prepare)

    def _prepare(self, source: Source) -> MeshEngine:
        if source.image is None:
            raise SwapError(f"the source face {source.name} has no picture; the mesh engine needs one")
        size = source.image.shape[0]
        return MeshEngine(source.image, self._fit(source.image, (FFHQ_512 * size).astype("float32")).landmarks)

    def prepare(self, source: Source) -> None:
        """See ``stages.Engine``."""
        self._mesh(source)

    def __call__(self, source: Source, crop: Crop, wearer: Embedding | None) -> tuple[Image, Mask]:  # noqa: ARG002
        """See ``stages.Engine``; a photo is worn as it is, whoever wears it."""
        return self._mesh(source).generate(crop.image, crop.landmarks)


class Engines:
    """Loads the networks and makes pipelines of them.

    Args:
        settings: what was asked for.
        kind: what the pictures are for; the mark says it.
        session: 24 bits that the mark carries; random if not given.

    Attributes:
        settings: what was asked for.
        session: see above.
        provider: what runs the heaviest network, once a pipeline was built.
    """

    def __init__(self, settings: PipelineSettings, kind: Kind = Kind.CAMERA, session: int | None = None) -> None:
        self.settings, self._kind = settings, kind
        self.session = new_session() if session is None else session
        self.provider = ""
        self._built: stages.Engine | None = None
        self._folder: Path = settings.models or find_models_folder()

    def build(self) -> Pipeline:
        """A fresh pipeline, with memory of its own.

        Raises:
            ModelMissing, ModelCorrupt: a network cannot be loaded.
        """
        landmarks = self._load("landmarks")
        fit = LandmarkFitter(landmarks)
        embed = Embedder(self._load("embedder"))
        track = UserTrack(Detector(self._load("detector")), fit, embed)
        buffers = Buffers()
        regions = self._regions()
        engine = self._built = self._engine(LandmarkFitter(landmarks), embed)
        stages_of_swap = (
            ("track", stages.track_user(track)),
            ("crop", stages.cut_out(buffers)),
            *regions,
            ("swap", stages.swap_face(engine, Finisher(engine.size))),
            ("blend", stages.blend(buffers)),
            ("badge", stages.label(Badge())),
        )
        return (
            (*stages_of_swap, ("mark", stages.mark(Marker(self.session, self._kind))))
            if self.settings.mark
            else stages_of_swap
        )

    def prepare(self, source: Source) -> None:
        """Make a source ready for the pipeline that was built last, so that the first frame with it waits for nothing.

        Raises:
            SwapError: its engine cannot wear that source.
        """
        if self._built is not None:
            self._built.prepare(source)

    def _regions(self) -> Pipeline:
        if not has_net("regions", self._folder):
            return ()
        return (("regions", stages.find_occlusion(Occlusion(RegionParser(self._load("regions"))))),)

    def _engine(self, fit: LandmarkFitter, embed: Embedder) -> stages.Engine:
        if self.settings.engine is Engine.MESH:
            return PhotoEngine(fit)
        return AeiEngine(Generator(self._load("identity"), self._load("generator")), embed)

    def _load(self, name: str) -> Net:
        net = open_session(net_file(name, self._folder), threads=self.settings.threads)
        self.provider = net.provider
        return net
