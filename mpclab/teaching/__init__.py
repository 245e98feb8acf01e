"""The figures of the course: pure functions that a notebook calls, and that its widgets redraw.

Each function runs the package's own code on fixed arguments and returns a value that shows itself
in a notebook, as a sentence and a picture; `mpclab.widgets` puts controls around it.

- `start`: a small recommendation, and its messages (chapter 00);
- `shares`: a secret, its shares and MACs; what can be seen if a server is covered (chapter 01);
- `macs`: forgeries against the exact formula, and what a failed check tells (chapter 02);
- `triples`: one multiplication, message by message (chapter 03);
- `preprocessing`, `shelf`: what a dealer sends to whom, and what waits in the pool (chapter 04);
- `clients`: an upload and an output, step by step, by `client_run` and `client_told` (05);
- `masks`: clients of one's own, and how often altered masks are accepted (chapter 05);
- `comparison`: what each way to compare costs (chapter 06);
- `lookup`: one comparison by hand (chapter 06);
- `recommendations`, `recommendations_drawn`: a real user asks, seen from both sides (chapter 07);
- `inside`: every value of a private query, and what servers saw instead (chapter 07);
- `tradeoffs`: what the threshold and the sizes do (chapter 07);
- `phases`, `clock`: a recommendation in time, under any network (chapter 09).
"""
