"""The documentation site. Build it with

    python -m sphinx -W --keep-going -b html docs build/docs

It needs `pip install -e '.[docs]'` and no network, neither to be built nor to be read.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

import minitorch_ndl  # noqa: E402

project = "minitorch_ndl"
copyright = author = "The minitorch_ndl authors"
version = release = minitorch_ndl.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "cells", "source", "mathml", "api", "optable"]
exclude_patterns = ["_ext", "_static"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
nitpicky = False

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
myst_url_schemes = {"http": None, "https": None, "mailto": None, "src": None}

autodoc_docstring_signature = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
default_role = "code"
python_maximum_signature_line_length = 100

html_theme = "furo"
html_title = "minitorch_ndl"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_show_search_summary = False  # it would be fetched, which a page opened from a file may not do
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .output, .gp, .go"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1d5fd1", "color-brand-content": "#1d5fd1"},
    "dark_css_variables": {"color-brand-primary": "#8db8ff", "color-brand-content": "#8db8ff"},
}
