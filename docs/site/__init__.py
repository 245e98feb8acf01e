"""Static pages of the course, the protocol specification and the API reference: `make site`.

What a page needs is rendered ahead or lies beside it: formulas become MathML, code is coloured, and
widgets show the static figure that the notebook has stored. So the pages are read without a
network, without a script and without Python, from a folder or a memory stick.

- `mathematics`: a formula as MathML, or a sentence that says why not;
- `markdown`: text as HTML; links to files that have a page lead to the page;
- `notebook`: a stored notebook, solutions folded away;
- `reference`: the public package, from its docstrings;
- `pages`: what pages there are, in which order, in one template.
"""
