"""Configuration of the documentation."""

import os
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

project = "skzsl"
author = "The skzsl developers"
project_copyright = "2026, the skzsl developers"
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
html_theme = "furo"
html_title = "skzsl"
html_favicon = "images/icon.svg"
exclude_patterns = ["_build"]
autosummary_generate = True
numpydoc_show_class_members = False
myst_heading_anchors = 2
myst_enable_extensions = ["colon_fence", "dollarmath"]
default_role = "code"
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "download_all_examples": False,
    "show_memory": False,
    "parallel": 2,
    "write_computation_times": False,
}
suppress_warnings = ["config.cache"]
