"""Does a test fail when a line of the protocols that protects somebody is removed or negated?

A test suite that is green says little by itself: would it turn red if the MAC check were left out?
This script tries. It reads the protocol layers, finds the lines that security rests on, by the
rules below, and makes one small change after another: a *mutant*. For each it runs the tests that
reach the changed line, until one fails (the mutant is *killed*) or none is left (it *survives*,
and either a test lacks, or the change makes no difference and belongs on the list `ALLOWED`, with
its reason).

    python -m tests.mutation                     everything (see `make mutation`)
    python -m tests.mutation --list              only say what would be changed
    python -m tests.mutation --only checks.py    mutants whose description fits a regular expression
    python -m tests.mutation --only 'zero_test' --only absorb --show
    python -m tests.mutation --sample 50         fifty of them, drawn at random
    python -m tests.mutation --json out.json     the results for a program

How it goes. The tree is copied into a temporary folder per worker; the working tree is read and
never written, but for the cache in build/mutation/. At first all tests run once under `coverage`,
which tells which test reaches which line, and how long it takes. Later runs repeat that only for
test files that have changed; when the package has changed, lines are found again by their text,
and a test that kills a mutant must pass without it. A mutant's tests run in a process of its own,
those first that killed it, or its neighbours, before. A test that hangs counts as a failing one
and is reported apart. The exit status is 0 if nothing survives, 1 if something does.

The rules (each a method of `Finder`):

    guard       an `if` that leads to raise, return or continue: negated, and never true
    operand     one side of an `and`, `or` or `&` of conditions is left out
    comparison  == and != and the like within a condition are turned round
    quantifier  `all` becomes `any`, `any` becomes `all`
    equal       `array_equal(..)`, `agree(..)`, `zero_test(..)`: always True
    answer      what a function that returns a bool returns: True
    statement   a call that checks, agrees, reserves, burns, aborts or closes is left out
    state       an assignment to what an object remembers (`used`, `history`, ...) is left out
    once        what is taken is not taken away: `popleft` and swaps
    flags       `x &= ..`, `x[~ok] = 0` and `where(ok, x, 0)` are left out
    raise       a `raise` that no `if` guards is left out
    mask        what is added to or subtracted from a value that is opened or sent is left out
    random      nonces, seeds and coefficients become zeros
    hash        one part of what is hashed is left out
    key         a product with the MAC key becomes the other factor
    sum         one term of a sum that runs in a loop is left out
    hidden      `repr=False`, which keeps a secret out of messages, is left out
    base        the base class that forbids copies is left out
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import hashlib
import importlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "build" / "mutation"

LAYERS = (
    "mpclab/protocols/**/*.py",
    "mpclab/recommender/protocol.py",
    "mpclab/recommender/valid*.py",
    "mpclab/party.py",
    "mpclab/network/endpoint.py",
    "mpclab/network/rounds.py",
    "mpclab/client.py",
    "mpclab/once.py",
    "mpclab/randomness.py",
    "mpclab/preprocessing/pool.py",
    "mpclab/preprocessing/dealer.py",
    "mpclab/sharing.py",
    "mpclab/wire.py",
)

#: Mutants that change nothing that matters: a regular expression that fits "file in function: rule:
#: change" (no line numbers, so that it lasts) -> why no test can or should fail.
ALLOWED: dict[str, str] = {
    r"^client.py in Client.receive_all: (guard: never|quantifier)": (
        "a client's endpoint rejects what is bad or missing before this line sees it: the absence "
        "of a message, None, comes to servers only"
    ),
    r"^protocols/checks.py in check_openings: quantifier": "one number is tested: any is all",
    r"^protocols/clients.py in (receive_input|client_input): quantifier": (
        "one client sends one input, so there is one flag: any is all"
    ),
    r"^preprocessing/dealer.py in Dealer.recall: guard: never: if serial in self._plain": (
        "speed alone: what is not kept is expanded anew from its seeds, and is the same"
    ),
    r"^preprocessing/pool.py in Pool.put: operand: without `(once|material_bytes)": (
        "where a bundle lies until it is taken, on disk or in memory, changes nothing that is seen"
    ),
    r"^recommender/protocol.py in upload: (operand: without `told|quantifier: all for any: told)": (
        "a row that is stored here has a digest that is not 0 (nor any quarter of it), and where "
        "all digests are the same so have the others"
    ),
    r"^recommender/protocol.py in (prepare|client_prepare): quantifier": (
        "one requester, so there is one flag: any is all"
    ),
    r"^recommender/protocol.py in settle: operand: without `block.ids >= 0": (
        "where nobody uploaded, E is 0, and to take it back changes nothing"
    ),
    r"^protocols/comparison/bits.py in _leaves: guard: never: if even": (
        "with an even number of digits nothing is left over, and nothing is put behind"
    ),
    r"^protocols/comparison/fss.py in module: hash: without b.mpclab fss": (
        "the name keeps the three keys apart; the prefix keeps them apart from other programs'"
    ),
    r"^recommender/protocol.py in _selections: operand: without `block.used": (
        "where nobody has uploaded, E is 0, and there is nothing to take off"
    ),
    r"^recommender/protocol.py in _store: operand: without `.*(low|high)": (
        "speed alone: a block whose ids lie elsewhere has none of the new ones"
    ),
    r"^sharing.py in Share.__getitem__: operand: without `(i is|isinstance)": (
        "the other way gives the same for any index, only more slowly"
    ),
    r"^party.py in Party.take: statement: without self.in_use": (
        "memory alone: the list keeps material alive until the run has ended"
    ),
}

#: Tests that cheat, which are the next most likely to fail after those of the module itself.
STRICT = ("tests/protocols/", "tests/recommender/", "tests/network/", "tests/test_pa")
NEVER_RUN = ("tests/e2e/", "tests/test_mutation.py", "tests/test_readme.py")
SLOWEST = 40.0  # seconds (under coverage): what takes longer is no test for this purpose
BATCH = 6.0  # seconds of tests that a mutant meets first


# -- mutants ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """One small change of one file: bytes `start` to `stop` of it become `new`."""

    file: str
    line: int
    last_line: int
    function: str
    rule: str
    change: str
    start: int
    stop: int
    new: str

    @property
    def key(self) -> str:
        """What it is, without the line number."""
        return f"{self.short} in {self.function}: {self.rule}: {self.change}"

    @property
    def short(self) -> str:
        return self.file.removeprefix("mpclab/")

    def __str__(self) -> str:
        return f"{self.short}:{self.line} in {self.function}: {self.rule}: {self.change}"

    def apply(self, source: bytes) -> bytes:
        """The changed file."""
        return source[: self.start] + self.new.encode() + source[self.stop :]

    @property
    def allowed(self) -> str | None:
        """Why it may survive, if it may."""
        return next((why for p, why in ALLOWED.items() if re.search(p, self.key)), None)


def files(root: Path = ROOT) -> list[str]:
    """The protocol layers, new files included."""
    found = {p.relative_to(root).as_posix() for pattern in LAYERS for p in root.glob(pattern)}
    return sorted(found)


def mutants_of(file: str, source: bytes) -> list[Mutant]:
    """All mutants of one file, in the order of its lines."""
    finder = Finder(file, source)
    finder.visit(ast.parse(source))
    seen, out = {source}, []
    for mutant in sorted(finder.found, key=lambda m: (m.start, m.stop)):
        changed = mutant.apply(source)
        if changed not in seen:  # two rules may make the same change
            seen.add(changed)
            out.append(mutant)
    return out


Function = (ast.FunctionDef, ast.AsyncFunctionDef)
FLIPPED = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: ">=", ast.GtE: "<", ast.Gt: "<=", ast.LtE: ">",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}
#: calls that do something for security and return nothing that is used
DUTIES = re.compile(
    r"check|require|absorb|reserve|burn|abort|agree|verif|valid|commit|close|clear|drop|settle"
    r"|take_back|touched|unchecked|in_use|update|put$"
)
#: calls whose answer decides
ANSWERS = {"agree", "zero_test", "array_equal"}
#: calls through which a value leaves its owner
LEAVES = {"open_masked", "open_additive", "broadcast", "send", "send_all"}


def called(node: ast.AST) -> str:
    """The last name of what is called: `x.y.f(..)` -> f."""
    node = node.value if isinstance(node, ast.Await) else node
    if not isinstance(node, ast.Call):
        return ""
    f = node.func
    return f.attr if isinstance(f, ast.Attribute) else f.id if isinstance(f, ast.Name) else ""


def is_condition(node: ast.AST) -> bool:
    """Whether an operand of & looks like a condition, not like bits."""
    return (
        isinstance(node, (ast.Compare, ast.BoolOp))
        or (isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Invert, ast.Not)))
        or (isinstance(node, ast.Call) and called(node) in {"all", "any", "isin", "array_equal"})
    )


def chain(node: ast.AST) -> list[ast.expr]:
    """The operands of a & b & c."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        return [*chain(node.left), *chain(node.right)]
    return [node]  # type: ignore[list-item]


class Finder(ast.NodeVisitor):
    """Walks through a file and notes the changes that the rules ask for."""

    def __init__(self, file: str, source: bytes) -> None:
        self.file, self.source = file, source
        self.found: list[Mutant] = []
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._where: list[str] = []
        self._parents: list[ast.AST] = []
        self._leaving: list[set[str]] = [set()]
        self._loops = 0

    # -- places and texts

    def _span(self, node: Any) -> tuple[int, int]:
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _text(self, node: ast.AST) -> str:
        start, stop = self._span(node)
        return self.source[start:stop].decode()

    def _note(self, rule: str, node: Any, new: str, change: str) -> None:
        start, stop = self._span(node)
        text = " ".join(change.split())
        self.found.append(
            Mutant(
                self.file, node.lineno, node.end_lineno, ".".join(self._where) or "module", rule,
                text if len(text) <= 150 else text[:147] + "...", start, stop, new,
            )
        )

    def _replace(self, rule: str, node: ast.AST, new: str) -> None:
        self._note(rule, node, new, f"{self._text(node)} -> {new}")

    def _remove(self, rule: str, node: ast.stmt) -> None:
        self._note(rule, node, "pass", f"without {self._text(node)}")

    # -- walking

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.If):
            self.guard(node)
        elif isinstance(node, ast.IfExp):
            self._conditions(node.test)
        elif isinstance(node, ast.BoolOp):
            self.operand(node)
        elif isinstance(node, ast.BinOp):
            self.flag_operand(node)
        elif isinstance(node, ast.Call):
            self.call(node)
        elif isinstance(node, ast.Await):
            self.equal(node)
        elif isinstance(node, ast.Return):
            self.answer(node)
        elif isinstance(node, ast.Expr):
            self.statement(node)
        elif isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            self.state(node)
        elif isinstance(node, ast.Raise):
            self.unguarded_raise(node)
        elif isinstance(node, ast.ClassDef):
            self.base(node)
        elif isinstance(node, ast.keyword):
            self.hidden(node)

        named = isinstance(node, (*Function, ast.ClassDef))
        loop = isinstance(node, (ast.For, ast.AsyncFor, ast.While))
        if named:
            self._where.append(node.name)  # type: ignore[attr-defined]
        if isinstance(node, Function):
            self._leaving.append(leaving_names(node))
        self._loops += loop
        self._parents.append(node)
        self.generic_visit(node)
        self._parents.pop()
        self._loops -= loop
        if isinstance(node, Function):
            self._leaving.pop()
        if named:
            self._where.pop()

    # -- conditions

    def guard(self, node: ast.If) -> None:
        """An `if` that leads out, or that decides on what somebody else said."""
        leads_out = isinstance(node.body[-1], (ast.Raise, ast.Return, ast.Continue))
        asks = any(isinstance(n, ast.Await) for n in ast.walk(node.test))
        does = any(
            isinstance(s, (ast.Assign, ast.AugAssign))
            or DUTIES.search(called(getattr(s, "value", s)))
            for s in node.body
        )
        if not (leads_out or asks or does) or self._text(node.test) == "TYPE_CHECKING":
            return
        test = self._text(node.test)
        self._note("guard", node.test, f"not ({test})", f"negate: if {test}")
        self._note("guard", node.test, "False", f"never: if {test}")
        self._conditions(node.test)

    def _conditions(self, test: ast.expr) -> None:
        """Comparisons within a condition of several parts; a single one is negated already."""
        for compare in ast.walk(test):
            if isinstance(compare, ast.Compare) and compare is not test:
                self.comparison(compare)

    def comparison(self, node: ast.Compare) -> None:
        if len(node.ops) != 1 or type(node.ops[0]) not in FLIPPED:
            return
        new = (
            f"{self._text(node.left)} {FLIPPED[type(node.ops[0])]} "
            f"{self._text(node.comparators[0])}"
        )
        self._replace("comparison", node, f"({new})")

    def operand(self, node: ast.BoolOp) -> None:
        if any(isinstance(v, ast.Constant) for v in node.values):
            return  # `x or default`
        if isinstance(node.op, ast.Or) and not any(
            isinstance(p, (ast.If, ast.While, ast.Return, ast.Assert, ast.GeneratorExp))
            or (isinstance(p, ast.BoolOp) and isinstance(p.op, ast.And))
            for p in self._parents[-3:]
        ):
            return  # `a = b or c` chooses a value
        word = " and " if isinstance(node.op, ast.And) else " or "
        for i, value in enumerate(node.values):
            rest = word.join(self._text(v) for j, v in enumerate(node.values) if j != i)
            change = f"without `{self._text(value)}` ({word.strip()})"
            self._note("operand", node, f"({rest})", change)
            if isinstance(value, ast.Compare):
                self.comparison(value)

    def flag_operand(self, node: ast.BinOp) -> None:
        parent = self._parents[-1]
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.BitAnd):
            return  # the whole chain is treated at its top
        operands = chain(node)
        if len(operands) < 2 or not any(map(is_condition, operands)):
            return
        for i, value in enumerate(operands):
            rest = " & ".join(f"({self._text(v)})" for j, v in enumerate(operands) if j != i)
            self._note("operand", node, f"({rest})", f"without `{self._text(value)}` (&)")
            if isinstance(value, ast.Compare):
                self.comparison(value)

    def answer(self, node: ast.Return) -> None:
        function = next((p for p in reversed(self._parents) if isinstance(p, Function)), None)
        returns = getattr(function, "returns", None)
        if node.value is not None and isinstance(returns, ast.Name) and returns.id == "bool":
            self._replace("answer", node.value, "True")
            self._replace("answer", node.value, f"not ({self._text(node.value)})")
            for compare in ast.walk(node.value):
                if isinstance(compare, ast.Compare) and compare is not node.value:
                    self.comparison(compare)

    # -- calls

    def equal(self, node: ast.Await) -> None:
        if called(node) in ANSWERS:
            self._replace("equal", node, "True")

    def call(self, node: ast.Call) -> None:
        name = called(node)
        if name == "array_equal":
            self._replace("equal", node, "True")
        if name in {"all", "any"}:
            self.quantifier(node)
        if name in LEAVES:
            for argument in [*node.args, *(k.value for k in node.keywords)]:
                self.masks(argument)
        if name in {"random_bytes", "token_bytes"}:
            self._replace("random", node, f"bytes({', '.join(map(self._text, node.args))})")
        if name == "bytes" and "source" in self._text(node.func):
            self._replace("random", node, f"bytes({', '.join(map(self._text, node.args))})")
        if name == "random_elements":
            owner = self._text(node.func).rsplit(".", 1)[0]
            self._replace("random", node, f"{owner}.field.zeros({self._text(node.args[0])})")
        if name == "uniform" and len(node.args) == 2:
            owner = self._text(node.func).rsplit(".", 1)[0]
            self._replace("random", node, f"{owner}.zeros({self._text(node.args[1])})")
        if name in {"digest", "absorb"} and len(node.args) > 1:
            self.hash(node)
        if name == "mul" and len(node.args) == 2:
            self.key(node)
        if name == "where" and len(node.args) == 3 and isinstance(node.args[0], ast.Name):
            self._replace("flags", node, self._text(node.args[1]))
        if name == "popleft":
            owner = self._text(node.func).rsplit(".", 1)[0]
            self._replace("once", node, f"{owner}[0]")

    def quantifier(self, node: ast.Call) -> None:
        old = called(node)
        new = {"all": "any", "any": "all"}[old]
        start, _ = self._span(node.func)
        head = self._text(node.func)[: -len(old)]
        rest = self._text(node)[len(self._text(node.func)) :]
        del start
        self._note("quantifier", node, head + new + rest, f"{new} for {old}: {self._text(node)}")
        inner = (c for a in node.args for c in ast.walk(a) if isinstance(c, ast.Compare))
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if owner is not None:
            inner = (*inner, *(c for c in ast.walk(owner) if isinstance(c, ast.Compare)))
        for compare in inner:
            self.comparison(compare)

    def hash(self, node: ast.Call) -> None:
        head = self._text(node.func)
        for i, part in enumerate(node.args):
            rest = ", ".join(self._text(a) for j, a in enumerate(node.args) if j != i)
            self._note(
                "hash", node, f"{head}({rest})", f"without {self._text(part)} in {self._text(node)}"
            )

    def key(self, node: ast.Call) -> None:
        for i, argument in enumerate(node.args):
            if re.search(r"alpha$", self._text(argument)):
                self._replace("key", node, self._text(node.args[1 - i]))

    # -- masks

    def masks(self, argument: ast.expr) -> None:
        """Every mask in an expression that leaves its owner."""
        for node in ast.walk(argument):
            if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
                if isinstance(node.right, ast.Constant):
                    continue  # a number of something, not a mask
                self._replace("mask", node, self._text(node.left))
            elif called(node) in {"add", "sub"} and len(getattr(node, "args", ())) == 2:
                self._replace("mask", node, self._text(node.args[0]))  # type: ignore[attr-defined]

    # -- statements

    def statement(self, node: ast.Expr) -> None:
        names = " ".join(self._text(n.func) for n in ast.walk(node) if isinstance(n, ast.Call))
        if any(DUTIES.search(name) for name in names.replace("(", " ").split()):
            self._remove("statement", node)

    def state(self, node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        flat = [
            t for target in targets
            for t in (target.elts if isinstance(target, ast.Tuple) else [target])
        ]
        names = {t.id for t in flat if isinstance(t, ast.Name)}
        if node.value is not None and names & self._leaving[-1]:
            self.masks(node.value)
        starting = bool(self._where) and self._where[-1] == "__init__"
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.BitAnd):
            if not re.search(r"mask$|_ONE$|uint64", self._text(node.value)):
                self._remove("flags", node)
            for compare in ast.walk(node.value):
                if isinstance(compare, ast.Compare):
                    self.comparison(compare)
            return
        kept = self._swap(node)
        if kept is not None:
            self._replace("once", node, kept)
            return
        if isinstance(node, ast.AnnAssign) or starting or not self._where:
            return
        if all(isinstance(t, (ast.Attribute, ast.Subscript)) for t in flat):
            flags = any(isinstance(n, ast.Invert) for t in flat for n in ast.walk(t))
            self._remove("flags" if flags else "state", node)
        elif isinstance(node, ast.Assign) and self._loops:
            self.sum(node)

    def _swap(self, node: ast.stmt) -> str | None:
        """`taken, self.x = self.x, nothing` without the second half."""
        if not (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Tuple)
            and isinstance(node.value, ast.Tuple)
            and len(node.targets[0].elts) == len(node.value.elts) == 2
        ):
            return None
        (kept, attribute), (old, _) = node.targets[0].elts, node.value.elts
        if not isinstance(attribute, (ast.Attribute, ast.Subscript)):
            return None
        if self._text(attribute) != self._text(old):
            return None
        return f"{self._text(kept)} = {self._text(old)}"

    def sum(self, node: ast.Assign) -> None:
        target, value = self._text(node.targets[0]), node.value
        if called(value) in {"add", "sub"} and self._text(value.args[0]) == target:  # type: ignore[attr-defined]
            self._remove("sum", node)

    def unguarded_raise(self, node: ast.Raise) -> None:
        parent = self._parents[-1]
        if not isinstance(parent, ast.If) or node in parent.orelse:
            self._remove("raise", node)

    def hidden(self, node: ast.keyword) -> None:
        if node.arg == "repr" and self._text(node.value) == "False":
            self._replace("hidden", node, "repr=True")

    def base(self, node: ast.ClassDef) -> None:
        for b in node.bases:
            if self._text(b) == "NotCopied":
                start, _ = self._span(b)
                self.found.append(
                    Mutant(
                        self.file, b.lineno, b.lineno, node.name, "base",
                        "object for NotCopied", start, start + len("NotCopied"), "object",
                    )
                )


def leaving_names(function: ast.AST) -> set[str]:
    """Names of a function's variables that go into a call through which values leave."""
    out = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and called(node) in LEAVES:
            for argument in node.args:
                inner = argument.value if isinstance(argument, ast.Starred) else argument
                if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
                    inner = inner.func.value  # rows.view(..)
                if isinstance(inner, ast.Name):
                    out.add(inner.id)
    return out


def find(root: Path = ROOT) -> list[Mutant]:
    """All mutants of the protocol layers."""
    return [m for f in files(root) for m in mutants_of(f, (root / f).read_bytes())]


# -- a child process: pytest in a copy of the tree ----------------------------------------------


#: What was imported before the fork cannot be rewritten by pytest, and need not be.
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class Watcher:
    """A pytest plugin: chooses and orders the tests, stops those that hang, notes who failed."""

    def __init__(self, order: list[str] | None, seconds: dict[str, float], cover: Any) -> None:
        self.rank = None if order is None else {t: i for i, t in enumerate(order)}
        self.seconds, self.cover = seconds, cover
        self.failed: list[str] = []
        self.passed: dict[str, float] = {}
        self._broken: set[str] = set()

    def pytest_sessionstart(self) -> None:
        try:
            from hypothesis import Phase, settings
        except ImportError:
            return
        # The same examples every time, and a failure is enough: it need not be the smallest.
        settings.register_profile(
            "mutation", deadline=None, database=None, derandomize=True,
            phases=[Phase.explicit, Phase.generate],
        )
        settings.load_profile("mutation")

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [i for i in items if not i.nodeid.startswith(NEVER_RUN)]
        if self.rank is not None:
            items[:] = [i for i in items if i.nodeid in self.rank]
            items.sort(key=lambda i: self.rank[i.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.cover is not None:
            self.cover.switch_context(nodeid)
            limit = SLOWEST
        else:
            limit = 10 + 15 * self.seconds.get(nodeid, 1.0)
        signal.setitimer(signal.ITIMER_REAL, limit)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self.cover is not None:
            self.cover.switch_context("")

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
            self._broken.add(report.nodeid)
            self.passed.pop(report.nodeid, None)
        elif report.passed and report.nodeid not in self._broken:
            self.passed[report.nodeid] = self.passed.get(report.nodeid, 0.0) + report.duration


class TooSlow(BaseException):
    """Raised into a test that takes longer than `SLOWEST`."""


def _stop_slow(*_: Any) -> None:
    raise TooSlow


@dataclass
class Job:
    """What a child process is to do: run tests in a copy, with a file changed or not."""

    paths: list[str]
    order: list[str] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    mutant: Mutant | None = None
    changed: bytes = b""
    cover: bool = False
    limit: float = 600.0
    done: Callable[[Outcome], None] = lambda outcome: None


@dataclass
class Outcome:
    """What came of a job."""

    code: int  # pytest's; negative: the signal that ended it
    seconds: float
    failed: list[str] = field(default_factory=list)
    passed: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[str, str]] = field(default_factory=dict)
    log: str = ""

    @property
    def hung(self) -> bool:
        return self.code in (-signal.SIGALRM, -signal.SIGKILL)


def _child(job: Job, tree: Path, report: Path) -> int:
    """Run pytest in the copy; everything of the working tree is forgotten first."""
    for name in [n for n in sys.modules if re.match(r"(tests|mpclab)(\.|$)", n)]:
        del sys.modules[name]
    outside = {"", str(ROOT), str(ROOT / "tests")}
    sys.path[:] = [str(tree), *(p for p in sys.path if p not in outside)]
    os.chdir(tree)
    os.environ.update(
        PYTHONPATH=str(tree), MPLBACKEND="Agg", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"
    )
    cover = None
    if job.cover:
        import coverage

        cover = coverage.Coverage(
            data_file=None, config_file=False, include=[str(tree / "mpclab" / "*")]
        )
        signal.signal(signal.SIGALRM, _stop_slow)
        cover.start()
    else:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    import pytest

    watcher = Watcher(job.order, job.seconds, cover)
    stop = [] if job.cover else ["-x"]
    options = ["-q", "-p", "no:cacheprovider", "--tb=line", *QUIET, *stop]
    code = int(pytest.main([*options, *job.paths], plugins=[watcher]))
    lines: dict[str, dict[str, int]] = defaultdict(dict)
    if cover is not None:
        cover.stop()
        data = cover.get_data()
        for path in data.measured_files():
            file = Path(path).relative_to(tree).as_posix()
            for line, tests in data.contexts_by_lineno(path).items():
                for test in filter(None, tests):
                    lines[test][file] = lines[test].get(file, 0) | 1 << line
    result = {
        "failed": watcher.failed,
        "passed": watcher.passed,
        "lines": {t: {f: hex(bits) for f, bits in d.items()} for t, d in lines.items()},
    }
    report.write_text(json.dumps(result))
    return code


LIGHT = ("pytest", "_pytest.doctest", "numpy", "hypothesis", "hypothesis.extra.numpy")
HEAVY = (
    "numba", "pandas", "scipy.stats", "matplotlib.figure", "typer.testing", "rich.console",
    "coverage", "cryptography.hazmat.primitives.ciphers",
)


class Workshop:
    """Copies of the tree, one per worker, and the processes that run tests in them.

    What takes long to import is imported here once; each job is a fork, which imports the package
    from its copy. Nothing of the package is imported in this process.
    """

    def __init__(self, workers: int, preload: bool = True) -> None:
        if any(n == "mpclab" for n in sys.modules):
            raise RuntimeError("the package is loaded in this process: run the script by itself")
        self.folder = Path(tempfile.mkdtemp(prefix="mpclab-mutation-"))
        self.trees = [self.folder / f"tree{i}" for i in range(workers)]
        for tree in self.trees:
            copy_tree(tree)
        self.pristine = self.trees[0]
        for name in (*LIGHT, *(HEAVY if preload else ())):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        self.running: dict[int, tuple[Job, Path, float]] = {}

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in list(self.running):
            _kill(pid)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, queue: deque[Callable[[], Job | None]]) -> None:
        """Run jobs side by side, one per copy of the tree; what they queue in the end as well.

        A job is made when a copy is free for it, so that it can learn from those before it.
        """
        free = list(self.trees)
        while queue or self.running:
            while free and queue:
                job = queue.popleft()()
                if job is not None:
                    self._start(job, free.pop())
            if self.running:
                job, outcome, tree = self._wait()
                free.append(tree)
                job.done(outcome)

    def _start(self, job: Job, tree: Path) -> None:
        if job.mutant is not None:
            target = tree / job.mutant.file
            shutil.copy2(target, tree.with_suffix(".saved"))
            _forget_compiled(target)
            target.write_bytes(job.changed)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                os.setsid()
                log = os.open(tree.with_suffix(".log"), os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(log, 1)
                os.dup2(log, 2)
                code = _child(job, tree, tree.with_suffix(".json"))
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                sys.stdout.flush()
                os._exit(code)
        self.running[pid] = job, tree, time.monotonic()

    def _wait(self) -> tuple[Job, Outcome, Path]:
        while True:
            for pid, (job, tree, started) in self.running.items():
                done, status = os.waitpid(pid, os.WNOHANG)
                seconds = time.monotonic() - started
                if not done and seconds > job.limit:
                    _kill(pid)
                    done, status = pid, signal.SIGKILL
                if not done:
                    continue
                del self.running[pid]
                _kill(pid, reap=False)  # what it started itself
                code = os.waitstatus_to_exitcode(status)
                return job, self._outcome(job, tree, code, seconds), tree
            time.sleep(0.01)

    def _outcome(self, job: Job, tree: Path, code: int, seconds: float) -> Outcome:
        report, log = tree.with_suffix(".json"), tree.with_suffix(".log")
        said = log.read_text(errors="replace") if log.exists() else ""
        outcome = Outcome(code, seconds, log=said)
        if report.exists():
            found = json.loads(report.read_text())
            outcome.failed, outcome.passed = found["failed"], found["passed"]
            outcome.lines = found["lines"]
            report.unlink()
        if job.mutant is not None:
            os.replace(tree.with_suffix(".saved"), tree / job.mutant.file)
        return outcome


def copy_tree(target: Path) -> None:
    """A copy of the working tree, times of files included (compiled code depends on them)."""
    skip = shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", ".hypothesis", ".*_cache", "*.tmp", "screenshots"
    )
    shutil.copytree(ROOT, target, ignore=skip, symlinks=True)


def _forget_compiled(target: Path) -> None:
    """Compiled code is told apart by seconds and size, and mutants may be alike in both."""
    for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.cpython*.pyc"):
        compiled.unlink()


def _kill(pid: int, reap: bool = True) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if reap:
        os.waitpid(pid, 0)


# -- which test reaches which line ------------------------------------------------------------


@dataclass
class Reach:
    """What every test reaches, as it was when its file was last run under coverage."""

    #: test file -> {"hash", "sources": file -> hash, "tests": test -> [seconds, {file: bits}]}
    by_file: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, list[str]] = field(default_factory=dict)  # hash -> lines
    killers: dict[str, str] = field(default_factory=dict)  # mutant's key -> test

    @classmethod
    def load(cls) -> Reach:
        path = CACHE / "reach.json"
        return cls(**json.loads(path.read_text())) if path.exists() else cls()

    def save(self) -> None:
        CACHE.mkdir(parents=True, exist_ok=True)
        path = CACHE / "reach.json"
        path.with_suffix(".new").write_text(json.dumps(vars(self)))
        os.replace(path.with_suffix(".new"), path)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def test_files(root: Path) -> list[str]:
    """All files with tests, those of the package with examples in their documentation too."""
    found = [p.relative_to(root).as_posix() for p in root.glob("tests/**/test_*.py")]
    found += [f for f in files(root) if ">>>" in (root / f).read_text()]
    return sorted(f for f in found if not f.startswith(NEVER_RUN))


def measure(workshop: Workshop, reach: Reach, again: bool) -> None:
    """Run the test files that have changed since they were last run, under coverage."""
    tree = workshop.pristine
    current = {f: _hash((tree / f).read_bytes()) for f in test_files(tree)}
    stale = [f for f, h in current.items() if again or reach.by_file.get(f, {}).get("hash") != h]
    for gone in set(reach.by_file) - set(current):
        del reach.by_file[gone]
    if not stale:
        return
    print(f"{len(stale)} test files run under coverage first, to see what each test reaches ...")
    versions = {}
    for p in sorted(tree.glob("mpclab/**/*.py")):
        h = _hash(p.read_bytes())
        versions[p.relative_to(tree).as_posix()] = h
        reach.sources[h] = p.read_text().splitlines()
    size = {f: (tree / f).stat().st_size for f in stale}
    counted = iter(range(1, len(stale) + 1))

    def store(file: str) -> Callable[[Outcome], None]:
        def done(outcome: Outcome) -> None:
            known = {
                t: [s, outcome.lines.get(t, {})] for t, s in outcome.passed.items()
            }
            reach.by_file[file] = {"hash": current[file], "sources": versions, "tests": known}
            left = sorted(set(outcome.failed))
            note = f", {len(left)} failed or were too slow and are left out" if left else ""
            if left:  # perhaps the tree was in the middle of a change: measure again next time
                reach.by_file[file]["hash"] = ""
            if outcome.code not in (0, 1, 5):
                tail = " | ".join(outcome.log.strip().splitlines()[-3:])
                note += f"; pytest ended with {outcome.code}: {tail}"
                reach.by_file[file]["hash"] = ""
            number = next(counted)
            if number % 10 == 0:
                reach.save()
            print(
                f"  {number}/{len(stale)} {file}: {len(known)} tests, "
                f"{outcome.seconds:.0f} s{note}"
            )

        return done

    largest_first = sorted(stale, key=lambda f: -size[f])
    queue: deque[Callable[[], Job | None]] = deque()
    for f in largest_first:
        queue.append(lambda f=f: Job([f], cover=True, limit=900, done=store(f)))
    workshop.run(queue)
    used = {h for entry in reach.by_file.values() for h in entry["sources"].values()}
    reach.sources = {h: lines for h, lines in reach.sources.items() if h in used}
    reach.save()


class Chooser:
    """Chooses and orders the tests of a mutant."""

    def __init__(self, reach: Reach, tree: Path) -> None:
        self.reach, self.tree = reach, tree
        self.seconds = {t: s for e in reach.by_file.values() for t, (s, _) in e["tests"].items()}
        self._known = set(self.seconds)
        self._maps: dict[tuple[str, str], dict[int, int]] = {}
        self._near: Counter[str] = Counter()
        self._killers: dict[str, Counter[str]] = defaultdict(Counter)
        for key, test in reach.killers.items():
            self._killers[key.split(":")[0]][test] += 1
        self.distrusted: set[str] = set()

    def killed(self, mutant: Mutant, test: str) -> None:
        """Remember who killed it: neighbours meet that test first."""
        self.reach.killers[mutant.key] = test
        self._killers[mutant.key.split(":")[0]][test] += 1

    def _old_lines(self, file: str, version: str, lines: Iterable[int]) -> set[int]:
        """Where these lines were when the test was last run under coverage."""
        if (file, version) not in self._maps:
            now = (self.tree / file).read_text().splitlines()
            before = self.reach.sources.get(version, [])
            matcher = difflib.SequenceMatcher(None, now, before, autojunk=False)
            self._maps[file, version] = {
                b.a + i + 1: b.b + i + 1
                for b in matcher.get_matching_blocks()
                for i in range(b.size)
            }
        where = self._maps[file, version]
        return {where[n] for n in lines if n in where}

    def order(self, mutant: Mutant) -> list[str]:
        """The tests that reach the mutant's lines, the most promising first."""
        lines = set(range(mutant.line, mutant.last_line + 1))
        precise, loose = [], []
        for entry in self.reach.by_file.values():
            version = entry["sources"].get(mutant.file)
            if version is None:
                loose += list(entry["tests"])
                continue
            wanted = self._old_lines(mutant.file, version, lines)
            bits = sum(1 << n for n in wanted)
            for test, (_, reached) in entry["tests"].items():
                if mutant.file in reached:
                    loose.append(test)
                    if int(reached[mutant.file], 16) & bits:
                        precise.append(test)
        # Lines that run at import, and new lines, are reached by no test in particular.
        at_import = mutant.rule in ("hidden", "base") or mutant.function == "module"
        found = loose if at_import or not precise else precise
        chosen = [t for t in found if t not in self.distrusted]
        near = self._killers[mutant.key.split(":")[0]]
        own = self.reach.killers.get(mutant.key)
        mirrors = mirror(mutant.file)

        def promise(test: str) -> tuple[Any, ...]:
            file = test.split("::")[0]
            tier = 0 if file.startswith(mirrors) else 1 if file.startswith(STRICT) else 2
            apart = mutant.rule != "hidden" or not re.search("repr|show", test)
            return test != own, apart, -near[test], tier, self.seconds[test]

        return sorted(chosen, key=promise)


def mirror(file: str) -> tuple[str, ...]:
    """How the paths of the tests of a module begin.

    >>> mirror("mpclab/protocols/checks.py")
    ('tests/protocols/test_checks',)
    """
    parts = Path(file).with_suffix("").parts[1:]
    if "comparison" in parts:
        return ("tests/protocols/test_comparison",)
    if parts[0] == "recommender":
        return ("tests/recommender/",)
    return ("/".join(["tests", *parts[:-1], f"test_{parts[-1]}"]),)


# -- the run ----------------------------------------------------------------------------------


KILLED, HUNG, SURVIVED, ALLOWED_TO = "killed", "hung", "SURVIVED", "allowed"
BROKEN = "not run"


@dataclass
class Result:
    """What became of a mutant."""

    mutant: Mutant
    status: str
    by: str = ""
    tests: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        m = self.mutant
        return {
            "file": m.file, "line": m.line, "function": m.function, "rule": m.rule,
            "change": m.change, "status": self.status, "by": self.by, "tests": self.tests,
            "seconds": round(self.seconds, 2), "reason": m.allowed or "",
        }


def batches(order: list[str], seconds: dict[str, float], budget: float) -> list[list[str]]:
    """A small first batch, then the rest, within the budget of expected seconds.

    >>> batches(["a", "b", "c", "d"], {"a": 4, "b": 4, "c": 4, "d": 400}, 20)
    [['a'], ['b', 'c']]
    """
    first: list[str] = []
    rest: list[str] = []
    spent = 0.0
    for test in order:
        cost = seconds.get(test, 0.1)
        if spent + cost > budget:
            continue
        spent += cost
        files_so_far = {t.split("::")[0] for t in first}
        fits = len(first) < 60 and (test.split("::")[0] in files_so_far or len(files_so_far) < 3)
        (first if not rest and spent <= BATCH and fits else rest).append(test)
    return [b for b in (first, rest) if b]


class Run:
    """Tries mutants one after another and keeps the score."""

    def __init__(
        self,
        workshop: Workshop,
        mutants: list[Mutant],
        budget: float,
        chooser: Chooser | None,
        named: list[str],
        show: bool = False,
    ) -> None:
        self.workshop, self.mutants, self.budget = workshop, mutants, budget
        self.chooser, self.named, self.show = chooser, named, show
        self.results: list[Result] = []
        self.sources = {f: (workshop.pristine / f).read_bytes() for f in {m.file for m in mutants}}
        self.trusted: set[str] = set()
        self.queue: deque[Callable[[], Job | None]] = deque()

    def go(self) -> list[Result]:
        for mutant in self.mutants:
            self.queue.append(lambda m=mutant: self._begin(m))
        self.workshop.run(self.queue)
        place = {m: i for i, m in enumerate(self.mutants)}
        return sorted(self.results, key=lambda r: place[r.mutant])

    def _begin(self, mutant: Mutant) -> Job | None:
        result = Result(mutant, SURVIVED)
        if self.chooser is None:
            return self._job(result, [list(self.named)])
        todo = batches(self.chooser.order(mutant), self.chooser.seconds, self.budget)
        if not todo:
            self._finish(result)
            return None
        return self._job(result, todo)

    def _job(self, result: Result, todo: list[list[str]]) -> Job:
        mutant, tests = result.mutant, todo[0]
        changed = mutant.apply(self.sources[mutant.file])
        if self.chooser is None:
            return Job(
                tests, mutant=mutant, changed=changed, limit=self.budget,
                done=lambda outcome: self._judge(result, todo, outcome),
            )
        seconds = {t: self.chooser.seconds.get(t, 1.0) for t in tests}
        return Job(
            list(dict.fromkeys(t.split("::")[0] for t in tests)),
            order=tests,
            seconds=seconds,
            mutant=mutant,
            changed=changed,
            limit=60 + 8 * sum(seconds.values()),
            done=lambda outcome: self._judge(result, todo, outcome),
        )

    def _judge(self, result: Result, todo: list[list[str]], outcome: Outcome) -> None:
        result.tests += len(outcome.passed) + bool(outcome.failed)
        result.seconds += outcome.seconds
        if outcome.hung:
            result.status = HUNG
        elif outcome.failed and outcome.failed[0] in self.trusted:
            result.status, result.by = KILLED, outcome.failed[0]
        elif outcome.failed and "::" in outcome.failed[0]:
            self.queue.appendleft(lambda: self._doubt(result, todo, outcome.failed[0]))
            return
        elif outcome.code in (0, 5) and len(todo) > 1:
            self.queue.appendleft(lambda: self._job(result, todo[1:]))
            return
        elif outcome.code in (3, 4, 70):  # pytest itself did not run
            tail = outcome.log.strip().splitlines() or ["nothing said"]
            result.status, result.by = BROKEN, f"pytest ended with {outcome.code}: {tail[-1]}"
        elif outcome.code not in (0, 5):  # the changed module cannot even be imported
            tail = outcome.log.strip().splitlines() or ["nothing said"]
            result.status, result.by = KILLED, f"pytest ended with {outcome.code}: {tail[-1]}"
        self._finish(result)

    def _doubt(self, result: Result, todo: list[list[str]], test: str) -> Job:
        """A test kills for the first time: does it pass where nothing is changed?"""

        def done(outcome: Outcome) -> None:
            if outcome.code == 0:
                self.trusted.add(test)
                result.status, result.by = KILLED, test
                self._finish(result)
                return
            print(f"  {test} fails without any change too, and is left out from here on")
            if self.chooser is None:
                self._finish(result)
                return
            self.chooser.distrusted.add(test)
            self.queue.appendleft(lambda: self._begin(result.mutant))

        return Job([test], limit=120, done=done)

    def _finish(self, result: Result) -> None:
        if result.status == SURVIVED and result.mutant.allowed:
            result.status = ALLOWED_TO
        if result.status == KILLED and self.chooser is not None:
            self.chooser.killed(result.mutant, result.by)
        self.results.append(result)
        by = f" <- {result.by.removeprefix('tests/')}" if result.by else ""
        print(
            f"[{len(self.results)}/{len(self.mutants)}] {result.status:8} {result.mutant}{by} "
            f"({result.tests} tests, {result.seconds:.1f} s)"
        )
        if self.show:
            print(diff(result.mutant, self.sources[result.mutant.file]))
        sys.stdout.flush()


def diff(mutant: Mutant, source: bytes) -> str:
    """The change as lines before and after."""
    before, after = source.decode().splitlines(), mutant.apply(source).decode().splitlines()
    lines = difflib.unified_diff(before, after, mutant.file, mutant.file, lineterm="", n=1)
    return "\n".join(f"    {line}" for line in lines)


def table(results: list[Result]) -> str:
    """File by file: mutants, killed, survivors; and the survivors one by one."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for r in results:
        rows[r.mutant.short][r.status] += 1
    width = max((len(f) for f in rows), default=4)
    out = [f"{'file':{width}}  mutants  killed  hung  allowed  survivors"]
    rows_and_sum = [*sorted(rows.items()), ("all", sum(rows.values(), Counter()))]
    for name, c in rows_and_sum:
        out.append(
            f"{name:{width}}  {sum(c.values()):7}  {c[KILLED]:6}  {c[HUNG]:4}  "
            f"{c[ALLOWED_TO]:7}  {c[SURVIVED]:9}"
        )
    for r in results:
        if r.status == HUNG:
            out.append(f"hung: {r.mutant}")
    for r in results:
        if r.status == ALLOWED_TO:
            out.append(f"allowed: {r.mutant}\n    because {r.mutant.allowed}")
    for r in results:
        if r.status == BROKEN:
            out.append(f"not run: {r.mutant}: {r.by}")
    for r in results:
        if r.status == SURVIVED:
            out.append(f"SURVIVED: {r.mutant} ({r.tests} tests passed)")
    return "\n".join(out)


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    about, _, rest = (__doc__ or "").partition("\n\n")
    p = argparse.ArgumentParser(
        prog="python -m tests.mutation", description=about, epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--list", action="store_true", help="say what would be changed, and stop")
    p.add_argument(
        "--only", action="append", metavar="PATTERN", default=[],
        help="mutants whose description (file:line in function: rule: change) fits this regular "
        "expression; several: any of them",
    )
    p.add_argument(
        "--skip", action="append", metavar="PATTERN", default=[], help="the opposite of --only"
    )
    p.add_argument("--sample", type=int, metavar="N", help="only N of them, drawn at random")
    p.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    p.add_argument("--show", action="store_true", help="print every change as a diff")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    p.add_argument(
        "--workers", type=int, default=2, metavar="N",
        help="processes side by side, at a low priority (default and most useful: 2)",
    )
    p.add_argument(
        "--budget", type=float, default=240.0, metavar="SECONDS",
        help="of tests that a mutant may meet, as long as they usually take (default: 60)",
    )
    p.add_argument(
        "--tests", nargs="+", metavar="TEST", default=[],
        help="run these tests (pytest's names for them) and no others; nothing runs under coverage",
    )
    p.add_argument(
        "--as-measured", action="store_true",
        help="run nothing under coverage: choose tests by what is known of them from before",
    )
    p.add_argument(
        "--refresh", action="store_true", help="run all tests under coverage again, not the changed"
    )
    return p


def chosen(mutants: list[Mutant], options: argparse.Namespace) -> list[Mutant]:
    """The mutants that were asked for."""
    if options.only:
        mutants = [m for m in mutants if any(re.search(p, str(m)) for p in options.only)]
    mutants = [m for m in mutants if not any(re.search(p, str(m)) for p in options.skip)]
    if options.sample is not None and options.sample < len(mutants):
        drawn = set(random.Random(options.seed).sample(range(len(mutants)), options.sample))
        mutants = [m for i, m in enumerate(mutants) if i in drawn]
    return mutants


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = parser().parse_args(arguments)
    if options.list:
        mutants = chosen(find(), options)
        for m in mutants:
            print(f"{m}{'  (allowed)' if m.allowed else ''}")
        print(f"{len(mutants)} mutants")
        return 0
    asked = len(chosen(find(), options))
    if not asked:
        print("No mutant fits: --list, with nothing else, says which there are.")
        return 2
    os.nice(10)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # then too the copies are removed
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    started = time.monotonic()
    preload = asked > 5 or not options.tests
    with Workshop(max(1, options.workers), preload) as workshop:
        mutants = chosen(find(workshop.pristine), options)  # as they are in the copy
        reach, chooser = Reach(), None
        if not options.tests:
            reach = Reach.load()
            if not options.as_measured:
                measure(workshop, reach, options.refresh)
            chooser = Chooser(reach, workshop.pristine)
        print(f"{len(mutants)} mutants")
        run = Run(workshop, mutants, options.budget, chooser, options.tests, options.show)
        try:
            results = run.go()
        except KeyboardInterrupt:
            results = run.results
            print("interrupted: what follows is not all")
        if chooser is not None:
            reach.save()
    if options.json:
        options.json.write_text(json.dumps([r.as_dict() for r in results], indent=1))
    print(f"\n{table(results)}\n{time.monotonic() - started:.0f} s")
    return int(any(r.status in (SURVIVED, BROKEN) for r in results))


if __name__ == "__main__":
    sys.exit(main())
