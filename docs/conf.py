"""How the pages are built: `make docs`, where every warning is an error."""

project = "ModelMon"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "ModelMon"
html_static_path: list[str] = []
exclude_patterns = ["conf.py"]
myst_heading_anchors = 4
nitpicky = True
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
smartquotes = False  # a quote in a message or in JSON is what is typed
