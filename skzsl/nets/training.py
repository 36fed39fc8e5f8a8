"""Training nets with skorch.

skorch gives the training loop its callbacks, history and optimiser handling. Three of its parts are replaced because
embeddings are small and batches many: batches are sliced from whole tensors instead of collated clip by clip, epochs
without batch callbacks run a lean loop, and inputs that are not one row a clip (the label matrix) ride on the net.
"""

from __future__ import annotations

import copy
from contextlib import suppress

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch import NeuralNet

from .._indicators import balancing_chances
from .augmentation import MixedBatches
from .batches import RowBatches, RowData, as_tensor
from .callbacks import Accelerate, FitCheckpoint, Progress, acts_on_batches
from .checkpoint import Checkpoint, WatchedBatches
from .layers import widened
from .lean import run_lean_epoch
from .schedule import CycledBatches, WeightAverage
from .settings import fresh_autocast, seeded
from .state import copied, restore, state_of

_PREDICT_ROWS = 1024


class TrainingEnded(Exception):
    """A callback wants no more epochs."""


class EmbeddingNet(NeuralNet):
    """A skorch net on arrays of embeddings.

    ``fit``, ``partial_fit`` and ``forward`` take a tuple of arrays with one row a clip; the first holds embeddings of
    any real dtype and reaches the module as float32, a batch at a time.

    Parameters
    ----------
    module, criterion, **kwargs
        As in skorch.
    fixed_inputs : tuple of ndarray
        Further inputs of the module that are the same for every batch, such as the label matrix.
    validation_fraction : float or None
        Share of the clips held out for the validation loss.
    validation_score : callable or None
        Score of (outputs, targets) of the held-out clips, recorded as "valid_map".
    shuffle : bool
        Draw a new order of the clips before every epoch.
    balanced : bool
        Draw clips so that every label of the targets (n, C) is met equally often.
    mixup : float
        Strength with which clips are mixed in pairs; 0 turns it off.
    one_cycle : bool
        Let the learning rate rise and fall over a training.
    averaged_epochs : int
        How many last epochs' weights a training averages.
    random_state : int, RandomState instance or None
        Source of initial weights, orders, the held-out clips and dropout; torch's global generator stays as it was.
    """

    def __init__(
        self,
        module,
        *args,
        fixed_inputs=(),
        validation_fraction=None,
        validation_score=None,
        shuffle=True,
        balanced=False,
        mixup=0.0,
        one_cycle=False,
        averaged_epochs=0,
        random_state=None,
        **kwargs,
    ) -> None:
        super().__init__(module, *args, **kwargs)
        self.fixed_inputs = fixed_inputs
        self.validation_fraction = validation_fraction
        self.validation_score = validation_score
        self.shuffle = shuffle
        self.balanced = balanced
        self.mixup = mixup
        self.one_cycle = one_cycle
        self.averaged_epochs = averaged_epochs
        self.random_state = random_state
        self.goes_on_ = False  # whether the next training goes on from what the optimiser has gathered
        self._start = None

    def train(self, inputs, targets, *, epochs, lr=None, partial=False):
        """Train for some epochs from the present weights, if any, at another learning rate if one is given.

        A ``partial`` training is a part of a longer one: its rate is constant, and no weights are averaged.
        """
        if not self.initialized_:
            self._split_seed, seed = check_random_state(self.random_state).randint(2**31 - 1, size=2)
            self._rng = np.random.RandomState(seed)
        try:
            self._change_lr(self.lr if lr is None else lr)
            with fresh_autocast(), seeded(int(self._rng.randint(2**31 - 1)), torch.device(self.device)):
                self._train(inputs, targets, epochs, partial)
        finally:
            for _, callback in getattr(self, "callbacks_", []):
                if isinstance(callback, Progress):
                    callback.close()
        return self

    def twin(self):
        """Copy to go on with, so that this net stays as it was if that fails.

        Only what training changes is a copy; callbacks, records of epochs and arguments of parts are the same.
        """
        arguments = (value for name, value in vars(self).items() if "__" in name)
        callbacks = (callback for _, callback in self.callbacks_)
        same = [self.callbacks, self.fixed_inputs, *self.history_, *callbacks, *arguments]
        return copy.deepcopy(self, {id(thing): thing for thing in same})

    def _train(self, inputs, targets, epochs, partial):
        if not self.initialized_:
            self.initialize()
            self._best = {}
        self.set_params(max_epochs=epochs)
        self._first_epoch, self._cycle = len(self.history_), self.one_cycle and not partial
        self._average = WeightAverage(self.module_) if self.averaged_epochs and not partial else None
        self._losses, self._sizes, self._skip, self._resumed, self._kept = [], [], 0, None, None
        self.notify("on_train_begin", X=inputs, y=targets)
        try:
            kept = None if partial else Checkpoint.of(self, inputs, targets)
            if kept is not None and kept.found is not None:
                kept.restore(self)
                if kept.finished:
                    return
            self._kept = kept
            with suppress(TrainingEnded):
                self.fit_loop(inputs, targets, epochs=epochs - (len(self.history_) - self._first_epoch))
        finally:
            average, self._average, self._kept = self._average, None, None
            for group in self.optimizer_.param_groups if self._cycle else []:
                group["lr"] = self.lr
        if average is not None:
            average.load()
        self.notify("on_train_end", X=inputs, y=targets)
        if not all(torch.isfinite(parameter).all() for parameter in self.module_.parameters()):
            raise ValueError(self._divergence("weights are no longer finite"))
        if kept is not None:
            kept.finish(self)

    def notify(self, method_name, **arguments):
        """Tell the callbacks. One that raises KeyboardInterrupt after an epoch, as skorch's do, ends it there.

        An interrupt from the keyboard at any other place is passed on.
        """
        getattr(self, method_name)(self, **arguments)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **arguments)
            except KeyboardInterrupt:
                if method_name != "on_epoch_end":
                    raise
                raise TrainingEnded from None

    def remove_checkpoint(self):
        """Remove the file that a fit would have gone on from, now that all of it is done."""
        for _, callback in self.callbacks_:
            if isinstance(callback, FitCheckpoint):
                callback.remove()

    def processes(self):
        """The callback that parts batches among several processes, or None."""
        callbacks = (callback for _, callback in self.callbacks_ if isinstance(callback, Accelerate))
        return next((callback for callback in callbacks if callback.module_ is not None), None)

    def of_all_processes(self, loss, training):
        """Mean of a loss over the processes that part a training."""
        processes = self.processes() if training else None
        return loss if processes is None else processes.mean(loss)

    def _change_lr(self, lr):
        """Take another learning rate from now on, as the start of schedules too."""
        if lr != self.lr:
            self.set_params(lr=lr)
            for group in self.optimizer_.param_groups if self.initialized_ else []:
                group["initial_lr"] = lr

    def epochs_since(self, first):
        """What was recorded of each epoch from the index ``first`` on, a list of dicts."""
        if not self.initialized_:
            return []
        hidden = ("batches", "train_batch_count", "valid_batch_count", "train_loss_best", "valid_loss_best")
        return [{key: value for key, value in epoch.items() if key not in hidden} for epoch in self.history_[first:]]

    def get_default_callbacks(self):
        """Leave out skorch's timers and printers; losses are recorded by the epoch itself."""
        return []

    def get_dataset(self, X, y=None):
        """Pair the arrays with their targets."""
        return RowData(X, y)

    def get_split_datasets(self, X, y=None, **fit_params):
        """Hold out a random share of the clips, the same one in every call with as many clips."""
        rows = RowData(X, y)
        if self.validation_fraction is None:
            return rows, None
        if len(rows) < 2:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} holds clips out, and there is only one; pass None."
            )
        order = torch.from_numpy(np.random.RandomState(self._split_seed).permutation(len(rows)))
        n_valid = min(max(1, round(self.validation_fraction * len(rows))), len(rows) - 1)
        return rows.subset(order[n_valid:]), rows.subset(order[:n_valid])

    def get_iterator(self, dataset, training=False):
        """Slice batches from the arrays."""
        if not training:
            return RowBatches(dataset, max(self.batch_size, _PREDICT_ROWS), self.device)
        chances = balancing_chances(dataset.selected_targets()) if self.balanced else None
        batches = RowBatches(dataset, self.batch_size, self.device, self._rng if self.shuffle else None, chances)
        return MixedBatches(batches, self.mixup) if self.mixup else batches

    def _watched(self, batches):
        """Batches of a training epoch, from where an earlier fit left it."""
        getattr(batches, "batches", batches).skip = self._skip
        bars = [callback for _, callback in self.callbacks_ if isinstance(callback, Progress)]
        for bar in bars:
            n_before = (len(self.history_) - self._first_epoch - 1) * batches.n_rows + sum(self._sizes)
            bar.expect(self.max_epochs * batches.n_rows, n_before)
        return WatchedBatches(self._cycled(batches) if self._cycle else batches, self, self._kept, bars)

    def _cycled(self, batches):
        first = (len(self.history_) - self._first_epoch - 1) * len(batches) + self._skip
        return CycledBatches(batches, self.optimizer_, self.lr, first, self.max_epochs * len(batches))

    def on_epoch_end(self, net, **kwargs):
        """Take the weights of the last epochs into their average."""
        super().on_epoch_end(net, **kwargs)
        remaining = self.max_epochs - (len(self.history_) - self._first_epoch)
        if self._average is not None and remaining < self.averaged_epochs:
            self._average.update()

    def infer(self, x, **fit_params):
        """Call the module on a batch and the fixed inputs."""
        return widened(self.module_(*x, *self._fixed_tensors()))

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run an epoch and record its mean loss over clips."""
        if iterator is None:
            return
        if training:
            iterator = self._watched(iterator)
        if any(acts_on_batches(callback) for _, callback in self.callbacks_):
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            losses = self.history[-1, "batches", :, f"{prefix}_loss"]
            sizes = self.history[-1, "batches", :, f"{prefix}_batch_size"]
            loss = float(np.average(losses, weights=sizes))
        else:
            loss = run_lean_epoch(self, iterator, training)
            self.history.new_batch()  # checkpoints name the last batch
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", iterator.n_rows)
        if not np.isfinite(loss):
            raise ValueError(self._divergence(f"the {prefix} loss of epoch {len(self.history)} is {loss}"))
        best = loss < self._best.get(prefix, np.inf)
        self._best[prefix] = min(loss, self._best.get(prefix, np.inf))
        self.history.record(f"{prefix}_loss", loss)
        self.history.record(f"{prefix}_loss_best", best)
        if not training and self.validation_score is not None:
            self.history.record("valid_map", self._score(iterator))

    def _divergence(self, what):
        return (
            f"Training diverged: {what}. Lower lr={self.lr} or scale the clips, for example with StandardScaler or "
            "Normalizer."
        )

    def _score(self, iterator):
        self._set_training(False)
        with torch.no_grad():
            outputs, targets = zip(*((self.infer(inputs), targets) for inputs, targets in iterator), strict=True)
            return self.validation_score(torch.cat(outputs), torch.cat(targets))

    def _fixed_tensors(self):
        held = self.__dict__.get("_fixed")
        if held is None or held[0] is not self.fixed_inputs:
            tensors = tuple(as_tensor(array).to(self.device, torch.float32) for array in self.fixed_inputs)
            self.__dict__["_fixed"] = held = (self.fixed_inputs, tensors)
        return held[1]

    def initialize_module(self):
        """Build the module, around the weights of a net that is rebuilt without drawing others."""
        start, self._start = self._start, None
        if start is None:
            return super().initialize_module()
        with torch.device("meta"):
            super().initialize_module()
        self.module_.load_state_dict(start, assign=True)
        return self

    def __deepcopy__(self, memo):
        return copied(self, memo)

    def __getstate__(self):
        return state_of(self)

    def __setstate__(self, state):
        restore(self, state)
