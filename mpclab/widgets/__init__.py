"""What notebooks let people move: controls around pure functions. ipywidgets lives only here.

Every widget redraws what a pure function returns; a notebook calls that function once with fixed
arguments before it shows the widget, so that a page without a kernel shows the same. The functions
of the course are in `mpclab.teaching`.
"""
