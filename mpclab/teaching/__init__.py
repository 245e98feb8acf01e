"""The figures of the course: pure functions that a notebook calls, and that its widgets redraw.

Each function runs the package's own code on fixed arguments and returns a value that shows itself
in a notebook, as a sentence and a picture; `mpclab.widgets` puts controls around it.

- `shares`: a secret, its shares and MACs; what can be seen if a server is covered (chapter 01);
- `macs`: forgeries against the exact formula, and what a failed check tells (chapter 02);
- `triples`: one multiplication, message by message (chapter 03).
"""
