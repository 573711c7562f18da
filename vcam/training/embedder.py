"""Training of ``embedder.onnx``: identity, distilled stage by stage from a MobileFaceNet teacher.

``python -m vcam.training.embedder --cache DIR --data DIR --out DIR --minutes 90``

The teacher's inner features give some 400,000 targets a picture where its embedding gives 128, and
each stage is first trained from the teacher's own input of that stage, so no stage waits for the one
before it and no gradient has a long way to go. Then the whole net learns the embedding from the
picture. LFW is never used here: its pairs are the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from vcam.errors import ModelMissing
from vcam.inference import Net, open_session
from vcam.training import augment, loop
from vcam.training.data import EMBEDDER_SIZE, IDENTITY_SETS, Faces, load_faces, unit_embeddings
from vcam.training.landmarks import to_net
from vcam.training.options import Options
from vcam.training.small_nets import EmbedderNet
from vcam.training.warm_start import warm_start

SETS = IDENTITY_SETS
JITTER = augment.Jitter(roll_deg=5, scale=0.06, shift=0.03)
FORCED_STEPS = 3000  # until then every stage begins with the teacher's features; over as many more fewer do
PLACES = 3200  # of each stage's output, over all pictures: a wide stage needs few pictures
PLAIN_SHARE = 0.7  # of the later batches, which need no run of the teacher: the cached embeddings are the targets


@dataclass(frozen=True)
class EmbedderBatch:
    """Crops with everything the teacher says about them."""

    crops: Tensor  # [B, 3, 112, 112] -1..1
    stages: list[Tensor]  # fifteen [B, C, H, W], or none
    embeddings: Tensor  # [B, 128] unit length
    forced: bool


class EmbedderData:
    """Crops of one split, and the teacher that labels each batch."""

    def __init__(self, faces: Faces, split: str, teacher: StagedTeacher):
        """Keep one split."""
        self.chosen = np.flatnonzero(faces.split == split)
        self.crops = faces.crops112
        self.embeddings = unit_embeddings(faces.embeddings)
        self.teacher = teacher

    def crop(self, rng: Generator, i: int) -> augment.Picture:
        """A face, slightly moved, sometimes mirrored, a third of them with camera faults."""
        crop = self.crops[i]
        if rng.random() < 0.5:
            crop = np.ascontiguousarray(crop[:, ::-1])
        if rng.random() < 0.7:
            matrix = JITTER.draw(rng, EMBEDDER_SIZE)
            crop = cv2.warpAffine(crop, matrix, (EMBEDDER_SIZE, EMBEDDER_SIZE), borderMode=cv2.BORDER_REPLICATE)
        if rng.random() < 0.3:
            crop = augment.camera_faults(np.asarray(crop, np.uint8), rng)
        return np.asarray(crop, np.uint8)

    def batch(self, rng: Generator, step: int, size: int) -> EmbedderBatch:
        """Random crops, labelled by the teacher as they are, or by its cached embeddings of the untouched pictures."""
        forced = rng.random() < 2 - step / FORCED_STEPS
        picked = self.chosen[rng.integers(len(self.chosen), size=size)]
        crops = to_net(np.stack([self.crop(rng, int(i)) for i in picked]))
        if not forced and rng.random() < PLAIN_SHARE:
            return EmbedderBatch(crops, [], torch.from_numpy(self.embeddings[picked]), forced)
        embeddings, stages = self.teacher.label(crops)
        return EmbedderBatch(crops, stages, embeddings, forced)


class StagedTeacher:
    """The identity teacher, giving its inner features too; ONNX Runtime runs it three times as fast as torch."""

    def __init__(self, data_dir: Path, work_dir: Path, batch: int = 32):
        """Write a copy of ``data_dir/teachers/liguiyuan_mfn.onnx`` with more outputs to ``work_dir`` and open it.

        Raises:
            ModelMissing: the data folder has no such teacher.
        """
        path = data_dir / "teachers" / "liguiyuan_mfn.onnx"
        if not path.is_file():
            raise ModelMissing(f"the teacher net {path} is not there: give the data folder that holds teachers/")
        model = onnx.load(str(path))
        read = {node.input[0] for node in model.graph.node if node.op_type == "Conv"}
        ends = (node for node in model.graph.node if node.op_type in ("Add", "BatchNormalization"))
        self.stages = [node.output[0] for node in ends if node.output[0] in read]
        self.output = model.graph.output[0].name
        self.input = model.graph.input[0].name
        self.batch = batch
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
        model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in self.stages)
        work_dir.mkdir(parents=True, exist_ok=True)
        onnx.save(model, str(work_dir / "teacher.onnx"))
        self.net: Net = open_session(work_dir / "teacher.onnx", threads=1, accelerators=())

    def label(self, crops: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Unit embeddings [B, 128] and the fifteen stage outputs of crops [B, 3, 112, 112]; B divides by ``batch``."""
        parts = []
        for chunk in crops.split(self.batch):
            found = self.net.run(**{self.input: np.ascontiguousarray((chunk * 127.5 + 127.5).numpy())})
            parts.append([torch.from_numpy(found[name]) for name in (self.output, *self.stages)])
        embeddings, *stages = (torch.cat(column) for column in zip(*parts, strict=True))
        return functional.normalize(embeddings.flatten(1)), stages


def losses(net: nn.Module, batch: EmbedderBatch) -> dict[str, Tensor]:
    """Cosine to the teacher, cosines within the batch, and each stage's unexplained share of variance."""
    assert isinstance(net, EmbedderNet)
    if batch.forced:
        last = batch.stages[-1]
        embeddings = functional.normalize(net.head(last))
        stages = torch.stack(list(stage_errors(net, batch))).sum()
    else:
        embeddings = functional.normalize(net(batch.crops))
        stages = embeddings.new_zeros(())
    relations = (embeddings @ embeddings.T - batch.embeddings @ batch.embeddings.T).square().mean()
    cosine = (embeddings * batch.embeddings).sum(1).mean()
    return {"cosine": 2 * (1 - cosine), "relations": 5 * relations, "stages": 0.5 * stages}


def stage_errors(net: EmbedderNet, batch: EmbedderBatch) -> Iterator[Tensor]:
    """What each stage, given the teacher's input, leaves unexplained of what the teacher's stage adds."""
    begin = batch.crops
    for stage, end in zip(net.stages, batch.stages, strict=True):
        pictures = max(2, min(len(end), PLACES // end[0, 0].numel()))
        given, wanted = begin[:pictures], end[:pictures]
        known = given if stage.residual else torch.zeros(())
        yield unexplained(stage.units(given).float(), wanted - known)
        begin = end


def unexplained(output: Tensor, target: Tensor) -> Tensor:
    """Squared error as a share of the target's variance round its channel means: 0 = perfect, 1 = useless."""
    spread = (target - target.mean((0, 2, 3), keepdim=True)).square().mean()
    return (output - target).square().mean() / spread


def validator(faces: Faces, teacher: StagedTeacher, count: int = 256) -> loop.Validate:
    """Cosine to the teacher on unseen people, and how much of its stages is left unexplained."""
    chosen = np.flatnonzero(faces.split == "val")
    count = min(count, len(chosen)) // teacher.batch * teacher.batch
    picked = np.random.default_rng(3).choice(chosen, count, replace=False)
    crops = to_net(np.asarray(faces.crops112[np.sort(picked)]))
    embeddings, stages = teacher.label(crops)
    batch = EmbedderBatch(crops[: teacher.batch], [stage[: teacher.batch] for stage in stages], embeddings, forced=True)

    def validate(net: nn.Module) -> dict[str, float]:
        assert isinstance(net, EmbedderNet)
        with torch.inference_mode():
            cosine = (functional.normalize(net(crops)) * embeddings).sum(1).mean().item()
            left = torch.stack(list(stage_errors(net, batch)))
            return {"cosine": cosine, "unexplained": left.mean().item(), "worst_stage": left.max().item()}

    return validate


def run(options: Options) -> None:
    """Train the embedder."""
    assert options.data is not None
    teacher = StagedTeacher(options.data, options.out, options.batch)
    faces = load_faces(options.cache, SETS, ("crops112", "embeddings"))
    data = EmbedderData(faces, "train", teacher)
    net = EmbedderNet().to(memory_format=torch.channels_last)

    def make_batch(step: int) -> EmbedderBatch:
        rng = np.random.default_rng((options.seed, step))
        return data.batch(rng, step, options.batch)

    if options.pack:
        warm_start(net, options.pack / "embedder.onnx", lambda model: model(make_batch(0).crops))
    plan = loop.Plan(options.steps, options.minutes, learning_rate=options.rate or 1.2e-3, weight_decay=5e-4)
    validate = validator(faces, teacher)
    loop.train_as_told(options, net, make_batch, losses, plan, validate)


def main() -> None:
    """Train from the command line."""
    run(loop.start("embedder"))


if __name__ == "__main__":
    main()
