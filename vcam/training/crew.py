"""Several processes that train one net together: every one takes batches of its own, and gradients are averaged.

Started by torch's own launcher, one process a core, on one machine:

    torchrun --nproc-per-node 2 -m vcam.training.generator ...

A convolutional net of this size gains nothing from a second thread, but nearly all of a second process.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, distributed, nn


class Crew:
    """The processes of one run; alone, it does nothing.

    Attributes:
        rank: number of this process, 0 = the one that writes.
        size: how many there are.
    """

    def __init__(self) -> None:
        """Join the others if the launcher has named them (RANK, WORLD_SIZE and MASTER_ADDR, MASTER_PORT)."""
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.size > 1:
            distributed.init_process_group("gloo")

    def batch_of(self, step: int) -> int:
        """The number of this process's batch in a step: no two processes ever see the same one."""
        return step * self.size + self.rank

    def average(self, net: nn.Module) -> None:
        """Replace each gradient by the mean over all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agreed(self, seconds: float) -> float:
        """The first process's clock, so that all end at the same step."""
        if self.size == 1:
            return seconds
        told = Tensor([seconds]).double()
        distributed.broadcast(told, 0)
        return float(told)

    def close(self) -> None:
        """Leave the others."""
        if self.size > 1:
            distributed.destroy_process_group()
