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
