"""Sounds to try things on: synthesised soundscapes and real embeddings. And files of events, to read and to write."""

from ._audacity import read_audacity_labels, write_audacity_labels
from ._audioset import load_audioset_vggish
from ._audioset_features import fetch_audioset_features
from ._audioset_tables import fetch_audioset_ontology, fetch_audioset_tables
from ._data_home import get_data_home
from ._embeddings import load_embeddings
from ._esc50 import load_esc50_embeddings
from ._esc50_table import fetch_esc50_table
from ._event_files import read_events
from ._label_files import load_labels
from ._ontology import load_audioset_ontology, select_leaf_labels
from ._raven import read_raven_table, write_raven_table
from ._soundscapes import make_soundscapes

__all__ = [
    "fetch_audioset_features",
    "fetch_audioset_ontology",
    "fetch_audioset_tables",
    "fetch_esc50_table",
    "get_data_home",
    "load_audioset_ontology",
    "load_audioset_vggish",
    "load_embeddings",
    "load_esc50_embeddings",
    "load_labels",
    "make_soundscapes",
    "read_audacity_labels",
    "read_events",
    "read_raven_table",
    "select_leaf_labels",
    "write_audacity_labels",
    "write_raven_table",
]
