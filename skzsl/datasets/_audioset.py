"""AudioSet as VGGish embeddings, from one npz file or from the released TFRecord shards."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import Bunch

from .._sparse import named_frame
from .._stored import StoredRows
from ._npz import check_lengths, read_npz
from ._shards import Place, ShardedRows, find_frames
from ._tfrecord import N_AFTER, N_BEFORE, parse_sequence_example, read_records

_N_FEATURES = 128
_MOST_PADDING = 100  # times the bytes of the embeddings
_NPZ_ARRAYS = {
    "X": ("u", 3),
    "Y_packed": ("u", 2),
    "ytid": ("U", 1),
    "start": ("f", 1),
    "end": ("f", 1),
    "class_name": ("U", 1),
    "class_mid": ("U", 1),
}


class _Clip(NamedTuple):
    id: str
    start: float
    end: float
    labels: np.ndarray
    size: int
    frames: bytes = b""  # of clips that are read into memory
    place: Place | None = None  # of those that are not


def load_audioset_vggish(path, *, labels=None, in_memory=True) -> Bunch:
    """Load the VGGish embeddings that AudioSet was released with: 128 bytes for each second of a clip.

    Parameters
    ----------
    path : str or path-like
        One of three: an ``.npz`` file; a ``.tfrecord`` file; a folder, whose ``*.tfrecord`` files are all read in the
        order of their names. They are not part of skzsl.
    labels : list of str, str or path-like, default=None
        For TFRecords, which hold only the numbers of labels: the labels in order of their numbers, or the path of
        AudioSet's ``class_labels_indices.csv``. An npz file has its own, so leave this None.
    in_memory : bool, default=True
        For TFRecords: False leaves the embeddings in their files, for data larger than memory. Every record is read
        once, to check it; models then read the rows they need, and train in blocks of them.

    Returns
    -------
    audioset : Bunch
        X : ndarray of shape (n_clips, n_segments, 128), uint8, or with ``in_memory=False`` an array that is stored
            Quantised embedding of each second. Shorter clips end in segments of zeros, which skzsl takes as absent;
            ``n_segments`` is 10 in the npz form, else the length of the longest clip. An embedding of zeros alone at
            the end of a clip would be taken as absent too; the balanced and evaluation sets have none.
        y : DataFrame of shape (n_clips, n_labels), uint8
            1 where the clip has the label, else 0; the columns are the labels, in order of their numbers. They are
            sparse with ``in_memory=False``.
        ids : ndarray of shape (n_clips,), str
            Video of each clip.
        start, end : ndarray of shape (n_clips,), float32
            Seconds of the video at which the clip begins and ends.
        mids : ndarray of shape (n_labels,), str
            Identifier of each label in the ontology; absent when ``labels`` is a list.

    Raises
    ------
    FileNotFoundError
        If the file, or any shard in the folder, or the csv file is missing.
    ValueError
        If a file is empty, damaged (every checksum is compared) or foreign, if a number has no label, and if
        ``labels`` is missing for TFRecords, given for an npz file, or has duplicates; and for an npz file with
        ``in_memory=False``.

    Notes
    -----
    The features are Google's, released as TFRecords. An npz file holds the same in arrays: ``X``, uint8 (n, 10, 128);
    ``Y_packed``, ``numpy.packbits`` of the indicator along its rows; ``ytid``, ``start`` and ``end`` of each clip; and
    ``class_name`` and ``class_mid`` of each label.

    References
    ----------
    Gemmeke et al. (2017). Audio Set: an ontology and human-labeled dataset for audio events. ICASSP. CC BY 4.0.
    Hershey et al. (2017). CNN architectures for large-scale audio classification. ICASSP.

    Examples
    --------
    >>> from skzsl.datasets import load_audioset_vggish
    >>> train = load_audioset_vggish(
    ...     "audioset_v1_embeddings/bal_train", labels="class_labels_indices.csv"
    ... )  # doctest: +SKIP
    >>> train.X.shape, train.y.shape  # doctest: +SKIP
    ((22160, 10, 128), (22160, 527))
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{str(path)!r} is missing; pass an .npz file, a .tfrecord file or a folder of shards.")
    if path.suffix != ".npz":
        return _load_shards(_shards(path), labels, in_memory)
    if labels is not None:
        raise ValueError(f"{str(path)!r} has its own labels; leave labels=None.")
    if not in_memory:
        raise ValueError(f"{str(path)!r} is compressed and read whole; pass TFRecords, or in_memory=True.")
    return _load_npz(path)


def _load_npz(path):
    stored = read_npz(path, _NPZ_ARRAYS)
    check_lengths(path, stored, ("X", "ytid", "start", "end"))
    check_lengths(path, stored, ("class_name", "class_mid"))
    X, packed, names = stored["X"], stored["Y_packed"], stored["class_name"]
    if X.dtype != np.uint8 or X.shape[2] != _N_FEATURES:
        raise ValueError(
            f"{str(path)!r} is damaged: X of shape {X.shape} and type {X.dtype} has no {_N_FEATURES} bytes a second; "
            "get it again."
        )
    if packed.dtype != np.uint8 or packed.shape != (len(X), -(-len(names) // 8)):
        raise ValueError(
            f"{str(path)!r} is damaged: Y_packed of shape {packed.shape} and type {packed.dtype} does not hold "
            f"{len(names)} labels of {len(X)} clips in bits; get it again."
        )
    if len(set(names.tolist())) < len(names):
        raise ValueError(f"{str(path)!r} names a class twice in class_name; give each a name of its own.")
    indicator = np.unpackbits(packed, axis=1)[:, : len(names)]
    return Bunch(
        X=X,
        y=named_frame(indicator, names.tolist()),
        ids=stored["ytid"],
        start=stored["start"],
        end=stored["end"],
        mids=stored["class_mid"],
    )


def _shards(path):
    if path.suffix == ".tfrecord" and path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(f"{str(path)!r} is of no known form; pass an .npz file, a .tfrecord file or a folder of them.")
    shards = sorted(path.glob("*.tfrecord"), key=lambda shard: shard.name)
    if not shards:
        raise FileNotFoundError(f"{str(path)!r} has no *.tfrecord file; pass the folder that holds the shards.")
    return shards


def _load_shards(shards, labels, in_memory):
    names, mids = _label_names(labels)
    of_shards = [_read_clips(shard, len(names), in_memory) for shard in shards]
    clips = [clip for of_shard in of_shards for clip in of_shard]
    sizes = [clip.size for clip in clips]
    if len(clips) * max(sizes) > _MOST_PADDING * sum(sizes):
        raise ValueError(
            f"Clip {clips[int(np.argmax(sizes))].id!r} of {str(shards[0].parent)!r} has {max(sizes) // _N_FEATURES} "
            f"embeddings, to which {len(clips) - 1} far shorter clips would be padded; remove it."
        )
    if in_memory:
        X, indicator = _arrays(clips, max(sizes) // _N_FEATURES, len(names))
    else:
        places, counts = [clip.place for clip in clips], [len(of_shard) for of_shard in of_shards]
        X = StoredRows(ShardedRows(shards, counts, places, _N_FEATURES))
        numbers = [np.unique(clip.labels) for clip in clips]
        starts, columns = np.append(0, np.cumsum([len(each) for each in numbers])), np.concatenate(numbers)
        shape = len(clips), len(names)
        indicator = sparse.csr_array((np.ones(len(columns), np.uint8), columns, starts), shape=shape)
    data = Bunch(
        X=X,
        y=named_frame(indicator, names),
        ids=np.array([clip.id for clip in clips]),
        start=np.array([clip.start for clip in clips], dtype=np.float32),
        end=np.array([clip.end for clip in clips], dtype=np.float32),
    )
    if mids is not None:
        data.mids = np.array(mids)
    return data


def _arrays(clips, n_segments, n_labels):
    X = np.zeros((len(clips), n_segments, _N_FEATURES), dtype=np.uint8)
    indicator = np.zeros((len(clips), n_labels), dtype=np.uint8)
    for row, clip in enumerate(clips):
        frames = np.frombuffer(clip.frames, dtype=np.uint8).reshape(-1, _N_FEATURES)
        X[row, : len(frames)] = frames
        indicator[row, clip.labels] = 1
    return X, indicator


def _label_names(labels):
    if labels is None:
        raise ValueError(
            "labels=None, but TFRecords hold only the numbers of labels; pass the path of class_labels_indices.csv, or "
            "the list of labels in order of their numbers."
        )
    names, mids = _read_label_csv(Path(labels)) if isinstance(labels, str | Path) else ([*labels], None)
    if not names:
        raise ValueError(f"labels={labels!r} has no label; pass all labels in order of their numbers.")
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise ValueError(f"labels has {duplicates} more than once; give each number a label of its own.")
    return names, mids


def _read_label_csv(path):
    if not path.is_file():
        raise FileNotFoundError(
            f"labels={str(path)!r} is missing; pass the path of class_labels_indices.csv, or a list."
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{str(path)!r} is damaged or is no csv file in UTF-8 ({error}); get class_labels_indices.csv again."
        ) from error
    if not rows or any(not row.get(column) for row in rows for column in ("index", "mid", "display_name")):
        raise ValueError(f"{str(path)!r} has no rows of index, mid, display_name; pass class_labels_indices.csv.")
    wrong = next((row for number, row in enumerate(rows) if row["index"] != str(number)), None)
    if wrong is not None:
        raise ValueError(f"{str(path)!r} does not count its labels 0, 1, 2, ...: {wrong['index']!r}; sort its rows.")
    return [row["display_name"] for row in rows], [row["mid"] for row in rows]


def _read_clips(shard, n_labels, in_memory):
    clips, start = [], N_BEFORE
    for number, record in enumerate(read_records(shard)):
        clips.append(_parse_clip(record, shard, number, None if in_memory else start))
        start += len(record) + N_AFTER + N_BEFORE
    if not clips:
        raise ValueError(f"{str(shard)!r} is empty; get the file again, or remove it.")
    for number, clip in enumerate(clips):
        unknown = clip.labels[(clip.labels < 0) | (clip.labels >= n_labels)]
        if unknown.size:
            raise ValueError(
                f"{str(shard)!r}: record {number} has label {unknown[0]}, but labels names {n_labels}; pass all labels "
                "in order of their numbers."
            )
    return clips


def _parse_clip(record, shard, number, start):
    try:
        context, sequences = parse_sequence_example(record)
        frames = [frame for (frame,) in sequences["audio_embedding"]]
        sizes = {len(frame) for frame in frames}
        if sizes != {_N_FEATURES}:
            raise ValueError(f"embeddings of {sorted(sizes)} bytes, not of {_N_FEATURES}")
        (identifier,) = context["video_id"]
        begin, end = (_seconds(context[key]) for key in ("start_time_seconds", "end_time_seconds"))
        content = b"".join(frames)
        place = None if start is None else find_frames(record, content, _N_FEATURES, start)
        clip = _Clip(identifier.decode(), begin, end, _numbers_of_labels(context["labels"]), len(content))
        return clip._replace(frames=content) if start is None else clip._replace(place=place)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"nothing at {error}" if isinstance(error, LookupError) else error
        raise ValueError(
            f"{str(shard)!r}: record {number} is no clip of AudioSet ({reason}); pass shards of its VGGish features."
        ) from error


def _seconds(values):
    (value,) = values
    if values.dtype.kind != "f" or not np.isfinite(value):
        raise ValueError(f"{value} for seconds")
    return value


def _numbers_of_labels(values):
    if isinstance(values, list) or values.dtype.kind != "i":
        raise ValueError("labels that are no integers")
    return values
