"""skzsl: recognise sounds by the text of their labels, the scikit-learn way."""

import lazy_loader

__version__ = "0.1.0"

# The names are in __init__.pyi, for type checkers too. A name is imported when it is used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
