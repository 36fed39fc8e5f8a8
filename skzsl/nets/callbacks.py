"""What happens around epochs: early stopping and a progress bar (with training.py the files that know skorch)."""

from __future__ import annotations

from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from tqdm.auto import tqdm


class Progress(Callback):
    """A progress bar over epochs with the latest losses."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, unit="epoch", desc=type(net.module_).__name__)

    def on_epoch_end(self, net, **kwargs):
        """Show the losses of the epoch."""
        losses = {key: f"{value:.4f}" for key, value in net.epochs_since(-1)[0].items() if key in _SHOWN}
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update()

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
    return list(callbacks or [])


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
    callback = callback[1] if isinstance(callback, tuple) else callback
    return isinstance(callback, LRScheduler) or callback is LRScheduler


def _silent(message):
    pass
