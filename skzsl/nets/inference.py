"""Trained modules on whole arrays."""

from __future__ import annotations

import numpy as np
import torch

from .batches import RowBatches, RowData, as_tensor
from .layers import widened

_BATCH_BYTES = 4 << 20
_FEWEST_SEGMENTS = 128  # of a batch: fewer would read what many labels have too often


def apply_in_batches(method, inputs, *fixed, shape, **settings) -> np.ndarray:
    """Call a method of a module on batches of arrays with one row a clip, without gradients.

    Parameters
    ----------
    method : bound method of a module
        Takes (*batch, *fixed, **settings) and gives one row a clip.
    inputs : tuple of ndarray
        Arrays with one row a clip, or label; the first holds segments (n, T, d), or vectors (n, d), and reaches the
        module as float32.
    *fixed : ndarray
        Further arrays, the same for every batch.
    shape : tuple of int
        Shape of a row of the result.

    Returns
    -------
    result : ndarray of shape (n, *shape), float32
    """
    module = method.__self__.eval()
    device = next(module.parameters()).device
    tensors = [as_tensor(array).to(device, torch.float32) for array in fixed]
    n_segments = inputs[0].shape[1] if inputs[0].ndim == 3 else 1
    row_bytes = 4 * n_segments * max(inputs[0].shape[-1], *shape)
    n_rows = max(1, _BATCH_BYTES // row_bytes, _FEWEST_SEGMENTS // n_segments)
    batches = RowBatches(RowData(inputs), n_rows, device)
    result, start = np.empty((len(inputs[0]), *shape), dtype=np.float32), 0
    with torch.inference_mode():
        for batch, _ in batches:
            rows = widened(method(*batch, *tensors, **settings)).cpu().numpy()
            if len(rows) == len(result):
                return rows
            result[start : start + len(rows)] = rows
            start += len(rows)
    return result
