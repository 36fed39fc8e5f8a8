"""What happens around epochs: early stopping and a progress bar (with training.py the files that know skorch)."""

from __future__ import annotations

from numbers import Integral, Real
from os import PathLike
from pathlib import Path

from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from tqdm.auto import tqdm


class Progress(Callback):
    """A progress bar over the clips of all epochs, with clips a second, the time left and the latest losses."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(unit="clip", unit_scale=True, desc=type(net.module_).__name__)

    def expect(self, n_clips, n_before):
        """Say how many clips all epochs go through, and how many of them an earlier fit did."""
        if self.bar_.total is None:
            self.bar_.reset(n_clips)
            self.bar_.initial = self.bar_.n = n_before

    def advance(self, n_clips):
        """Count clips."""
        self.bar_.update(n_clips)

    def on_epoch_end(self, net, **kwargs):
        """Show the losses of the epoch."""
        epoch = net.epochs_since(-1)[0]
        losses = {key: f"{value:.4f}" for key, value in epoch.items() if key in _SHOWN}
        self.bar_.set_postfix({"epoch": f"{epoch['epoch']}", **losses})

    def close(self):
        """Close the bar, if it is open."""
        if hasattr(self, "bar_"):
            self.bar_.close()
            del self.bar_


_SHOWN = ("train_loss", "valid_loss", "valid_map")


def check_callbacks(callbacks):
    """Callbacks of an estimator as a list.

    Raises
    ------
    ValueError
        For what skorch cannot call, and for two callbacks with one name.
    """
    names = set()
    for item in callbacks or []:
        named = isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str)
        name, callback = item if named else (None, item)
        kind = callback if isinstance(callback, type) else type(callback)
        if callback is not None and not issubclass(kind, Callback):
            raise ValueError(
                f"callbacks hold {item!r}, which is no callback; pass callbacks of skorch, such as skorch.callbacks."
                "GradientNormClipping(), or pairs of a name and a callback."
            )
        if name in names:
            raise ValueError(f"callbacks hold two callbacks named {name!r}; give each its own name.")
        names.update({name} - {None})
    if len(callbacks or []) > 1 and any(isinstance(_unnamed(item), FitCheckpoint) for item in callbacks):
        raise ValueError(
            "callbacks hold FitCheckpoint and others, whose state it does not keep; pass it alone, or leave it out."
        )
    return list(callbacks or [])


class Accelerate(Callback):
    """Train on all processes of ``accelerate launch`` or ``torchrun``, for ``callbacks`` of the models that train nets.

    Every process calls the same fit with the same clips and an integer as ``random_state``. Each takes its share of
    every batch, gradients are averaged, and all end with the same weights: without dropout, which draws otherwise,
    those of one process but for rounding. It needs ``pip install 'skzsl[accelerate]'``.

    Raises
    ------
    ImportError
        By ``fit``: where accelerate is not installed.
    ValueError
        By ``fit`` on several processes: for a ``random_state`` that is no integer, for other callbacks that act on
        batches, and for nets that compare the clips of a batch or normalise by them, since no process has all of it
        (:class:`skzsl.ZeroShotContrastive`, batch normalisation).

    Notes
    -----
    On one machine without a GPU, ``ACCELERATE_USE_CPU=true torchrun --nproc_per_node 2 train.py`` starts two processes;
    ``accelerate launch --cpu`` starts one. Validation, if any, is done by every process.
    Write files on the main process only: ``if accelerate.PartialState().is_main_process: skzsl.save(model, path)``.

    Examples
    --------
    >>> from skzsl import ZeroShotTemporalAttention
    >>> from skzsl.nets import Accelerate
    >>> model = ZeroShotTemporalAttention(callbacks=[Accelerate()], random_state=0)
    """

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Let every process have the weights of the first."""
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise ImportError("callbacks hold Accelerate, which needs pip install 'skzsl[accelerate]'.") from error
        accelerator = Accelerator(cpu=net.device == "cpu")
        self.accelerator_, self.module_ = accelerator, None
        if accelerator.num_processes > 1:
            self._refuse(net)
            self.module_ = accelerator.prepare_model(net.module_)

    def _refuse(self, net):
        if not isinstance(net.random_state, Integral):
            raise ValueError(
                f"random_state={net.random_state!r} draws other batches in every process; pass a whole number."
            )
        if any(acts_on_batches(callback) for _, callback in net.callbacks_):
            raise ValueError("callbacks hold Accelerate and one that acts on batches, of which no process has all.")
        if any(
            getattr(part, "joins_clips", False) for whole in (net.module_, net.criterion_) for part in whole.modules()
        ):
            raise ValueError(
                f"{type(net.module_).__name__} compares the clips of a batch or normalises by them, and no process has "
                "all of it; leave Accelerate out, or train without batch normalisation where the model lets you."
            )

    def share(self, batch):
        """Rows of a batch that are this process's, and what the mean over them counts for."""
        n_rows, place, n_shares = len(batch), self.accelerator_.process_index, self.accelerator_.num_processes
        start, stop = n_rows * place // n_shares, n_rows * (place + 1) // n_shares
        return slice(start, max(stop, start + 1)) if start < n_rows else slice(0, 1), (stop - start) * n_shares / n_rows

    def mean(self, loss):
        """Mean of a number over the processes."""
        import torch

        return self.accelerator_.reduce(torch.tensor(loss, device=self.accelerator_.device), "mean").item()

    def __getstate__(self):  # of a training that was cut short
        return {name: value for name, value in vars(self).items() if name not in {"accelerator_", "module_"}}

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Let go of the processes."""
        del self.accelerator_, self.module_


class FitCheckpoint(Callback):
    """Keep what a fit needs to go on after it was killed, for ``callbacks`` of the models that train nets.

    The same fit, called again with the same file, goes on after the batch where it was, and ends with the weights of
    an uninterrupted one, to the bit. The file is written at the start of every epoch and within epochs, each time as
    a whole, and removed once the fit is done.

    Parameters
    ----------
    path : str or path-like
        The file. Fits that run at the same time, such as those of a search, each need their own.
    every : float, default=60.0
        Seconds between two states that are written within an epoch.

    Raises
    ------
    ValueError
        By ``fit``: if the file is damaged, or of a fit with other clips, labels or parameters; and if there are other
        callbacks, whose state it would not keep.

    Notes
    -----
    The file holds weights, what the optimiser has gathered, the history, the generators of orders and of dropout, and
    the place in the epoch, as arrays and JSON. All clips are hashed first.

    The closed form reads its clips once or twice, and the online solver is as fast as reading; neither has
    checkpoints. Call ``partial_fit`` on parts and save the model in between. A ``partial_fit`` of a net writes none.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from skzsl import MultiLevelAttentionClassifier, indicator_frame
    >>> from skzsl.nets import FitCheckpoint
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tagger.checkpoint"
    >>> X, y = np.random.default_rng(0).normal(size=(4, 10, 8)), indicator_frame([["rain"], ["dog"], ["rain"], []])
    >>> model = MultiLevelAttentionClassifier(max_epochs=2, random_state=0, callbacks=[FitCheckpoint(path)])
    >>> model.fit(X, y).n_iter_, path.exists()
    (2, False)
    """

    def __init__(self, path: str | PathLike[str], every: float = 60.0) -> None:
        if not isinstance(path, str | PathLike):
            raise ValueError(f"path={path!r}; pass the path of a file to write to.")
        if not isinstance(every, Real) or not every >= 0:
            raise ValueError(f"every={every!r}; pass seconds.")
        self.path: str = str(path)
        self.every = every

    def __eq__(self, other):
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self):
        return hash(self.path)

    def remove(self):
        """Remove the file of a fit that is done."""
        Path(self.path).unlink(missing_ok=True)


class BestEpoch(EarlyStopping):
    """Stop when ``monitor`` has not improved for ``patience`` epochs and go back to the best weights."""

    def __init__(self, monitor, patience):
        lower = monitor.endswith("_loss")
        super().__init__(monitor, patience=patience, lower_is_better=lower, load_best=True, sink=_silent)

    def __getstate__(self):
        return {"monitor": self.monitor, "patience": self.patience}

    def __setstate__(self, state):
        self.__dict__.update(vars(type(self)(**state)))


def acts_on_batches(callback):
    """Whether a callback has something to do at batches, which the lean loop does not tell it."""
    hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    return any(getattr(type(callback), hook) is not getattr(Callback, hook) for hook in hooks)


def sets_rates(callback):
    """Whether a callback, or the pair of its name and itself, sets learning rates."""
    callback = _unnamed(callback)
    return isinstance(callback, LRScheduler) or callback is LRScheduler


def _unnamed(callback):
    return callback[1] if isinstance(callback, tuple) else callback


def _silent(message):
    pass
