"""The protocol specification, and what makes pages of it: `docs.site` and `docs.student`.

Like `benchmarks`, this is run from the source tree and is no part of the installed package: it
reads the notebooks and the documents that lie beside the package.
"""
