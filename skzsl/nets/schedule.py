"""Learning rates and averages of weights over a training."""

from __future__ import annotations

import math

from torch.optim.swa_utils import AveragedModel

_WARM_UP = 0.3


def one_cycle(progress: float) -> float:
    """Share of the learning rate: from 1/25 to 1 in the first three tenths of the training, then to 0, by cosines.

    Reference: Smith and Topin (2019). Super-convergence: very fast training of neural networks using large learning
    rates. SPIE.
    """
    if progress < _WARM_UP:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / _WARM_UP)) / 2
    return (1 + math.cos(math.pi * (progress - _WARM_UP) / (1 - _WARM_UP))) / 2


class CycledBatches:
    """Batches that set the learning rate of an optimiser before each step, by the share of the training gone."""

    def __init__(self, batches, optimizer, lr, first_step, n_steps):
        self.batches, self.optimizer, self.lr = batches, optimizer, lr
        self.first_step, self.n_steps, self.n_rows = first_step, n_steps, batches.n_rows

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for step, batch in enumerate(self.batches, start=self.first_step):
            for group in self.optimizer.param_groups:
                group["lr"] = self.lr * one_cycle(step / self.n_steps)
            yield batch


class WeightAverage:
    """Mean of a module's weights, and of its batch statistics, over the last epochs of a training.

    Reference: Izmailov, Podoprikhin, Garipov, Vetrov and Wilson (2018). Averaging weights leads to wider optima and
    better generalization. UAI.
    """

    def __init__(self, module):
        self.module, self.average = module, AveragedModel(module, use_buffers=True)

    def update(self):
        """Take in the present weights."""
        self.average.update_parameters(self.module)

    def load(self):
        """Give the module the mean, if any weights were taken in."""
        if self.average.n_averaged:
            self.module.load_state_dict(self.average.module.state_dict())
