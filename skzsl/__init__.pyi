# The public names, of which each is imported when it is used.

from . import datasets as datasets
from . import detection as detection
from . import exceptions as exceptions
from . import inspection as inspection
from . import metrics as metrics
from . import model_selection as model_selection
from . import nets as nets
from . import persistence as persistence
from . import preprocessing as preprocessing
from . import solvers as solvers
from . import tagging as tagging
from . import text as text
from . import zero_shot as zero_shot
from ._views import with_labels as with_labels
from .detection import EventDetector as EventDetector
from .persistence import load as load
from .persistence import model_card as model_card
from .persistence import read_header as read_header
from .persistence import save as save
from .preprocessing import indicator_frame as indicator_frame
from .tagging import GlobalLocalAttentionClassifier as GlobalLocalAttentionClassifier
from .tagging import MultiLevelAttentionClassifier as MultiLevelAttentionClassifier
from .tagging import ZeroRuleClassifier as ZeroRuleClassifier
from .zero_shot import FewShotAdapter as FewShotAdapter
from .zero_shot import ScoreNormalizer as ScoreNormalizer
from .zero_shot import ZeroShotBilinear as ZeroShotBilinear
from .zero_shot import ZeroShotContrastive as ZeroShotContrastive
from .zero_shot import ZeroShotConvex as ZeroShotConvex
from .zero_shot import ZeroShotNearest as ZeroShotNearest
from .zero_shot import ZeroShotRidge as ZeroShotRidge
from .zero_shot import ZeroShotRidgeCV as ZeroShotRidgeCV
from .zero_shot import ZeroShotTemporalAttention as ZeroShotTemporalAttention

__version__: str
