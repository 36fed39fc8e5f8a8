"""Loading models of the hub."""

from __future__ import annotations

from contextlib import contextmanager


@contextmanager
def no_progress_bar():
    """Load weights without a progress bar of transformers."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def on_device(model, device):
    """Move a torch model.

    Raises
    ------
    ValueError
        For a name torch does not know and a device that is not there.
    """
    try:
        return model.to(device)
    except (AssertionError, RuntimeError) as error:  # torch without CUDA asserts
        raise ValueError(f"device={device!r} cannot hold the model {in_brackets(error)}; pass 'cpu'.") from error


def in_brackets(error):
    """Kind and first line of an error."""
    return f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
