"""The rules of tests/mutation.py find the lines that security rests on, and a mutant is killed."""

import ast
import subprocess
import sys

import pytest

from tests import mutation
from tests.mutation import ROOT, batches, find, mirror, mutants_of

SCRIPT = [sys.executable, str(ROOT / "tests" / "mutation.py")]


def described(source, file="mpclab/protocols/sample.py"):
    """What the rules find in a piece of source, as "rule: change"."""
    return {f"{m.rule}: {m.change}" for m in mutants_of(file, source.encode())}


@pytest.fixture(scope="module")
def everything():
    return find()


# (file, function, rule, words of the change): lines that must never drop out of the rules
KNOWN = [
    ("protocols/checks.py", "check_openings", "guard", "never: if not"),
    ("protocols/checks.py", "check_openings", "equal", "await zero_test"),
    ("protocols/checks.py", "_reveal_committed", "guard", "never: if commitment("),
    ("protocols/checks.py", "_combined", "key", "alpha"),
    ("protocols/checks.py", "_combined", "sum", "total"),
    ("protocols/checks.py", "_combined", "random", "F.uniform(coin"),
    ("protocols/checks.py", "zero_test", "mask", 'triple["u"]'),
    ("protocols/checks.py", "zero_test", "random", "_NONCE_BYTES"),
    ("protocols/checks.py", "Coin.reveal", "once", "self._opening"),
    ("protocols/clients.py", "agree_each", "quantifier", "any for all"),
    ("protocols/clients.py", "check_masks", "statement", "check_openings"),
    ("protocols/clients.py", "check_masks", "flags", "accepted &="),
    ("protocols/clients.py", "check_masks", "mask", "+ r_0"),
    ("protocols/clients.py", "client_output", "guard", "never: if not np.array_equal(F.mul(r, v)"),
    ("protocols/clients.py", "client_output", "guard", "never: if any(not np.array_equal("),
    ("protocols/clients.py", "send_output", "statement", "require_checked"),
    ("protocols/clients.py", "open_output", "mask", 'mask["r"]'),
    ("protocols/multiply.py", "multiply", "mask", "x - a -> x"),
    ("network/endpoint.py", "Endpoint._check_header", "guard", "never: if header.session"),
    ("network/endpoint.py", "Endpoint._check_header", "guard", "never: if header.round"),
    ("network/endpoint.py", "Endpoint._check_header", "operand", "header.history"),
    ("network/endpoint.py", "Endpoint._open", "statement", "_check_header"),
    ("network/endpoint.py", "Endpoint.absorb", "state", "self.history"),
    ("party.py", "Party.require_checked", "guard", "never: if self.unchecked"),
    ("party.py", "Party.take", "statement", "absorb"),
    ("preprocessing/pool.py", "Pool", "base", "NotCopied"),
    ("preprocessing/pool.py", "Pool.take", "once", "popleft"),
    ("randomness.py", "commitment", "hash", "without nonce"),
    ("recommender/protocol.py", "upload", "state", "block.used = True"),
    ("recommender/protocol.py", "online", "statement", "check_openings"),
    ("sharing.py", "KeyShare", "hidden", "repr=False"),
    ("wire.py", "decode", "guard", "never: if reader.at"),
]


@pytest.mark.parametrize(("file", "function", "rule", "words"), KNOWN)
def test_lines_that_security_rests_on_are_found(everything, file, function, rule, words):
    assert any(
        (m.short, m.function, m.rule) == (file, function, rule) and words in m.change
        for m in everything
    )


def test_every_mutant_is_another_program_that_can_be_read(everything):
    texts = {m.file: (ROOT / m.file).read_bytes() for m in everything}
    assert len(everything) > 400
    assert len({str(m) for m in everything}) > 0.98 * len(everything)
    for m in everything:
        changed = m.apply(texts[m.file])
        assert changed != texts[m.file]
        ast.parse(changed, m.file)


def test_new_files_of_the_layers_are_found_by_themselves(tmp_path):
    for name in ("protocols/new.py", "protocols/deep/er.py", "wire.py", "lab.py", "cli.py"):
        path = tmp_path / "mpclab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert mutation.files(tmp_path) == [
        "mpclab/protocols/deep/er.py", "mpclab/protocols/new.py", "mpclab/wire.py",
    ]


def test_what_the_rules_say():
    assert described("def f(x, y):\n    if x and not y:\n        raise E\n") == {
        "guard: negate: if x and not y",
        "guard: never: if x and not y",
        "operand: without `x` (and)",
        "operand: without `not y` (and)",
    }
    assert described("def f(x):\n    if x:\n        y = 1\n    return y\n") == {
        "guard: negate: if x",
        "guard: never: if x",
    }
    assert described("def f(x):\n    if x:\n        print(x)\n") == set()
    assert described("ok = a & (b == c)\nbits = x & y\n") == {
        "operand: without `a` (&)",
        "operand: without `b == c` (&)",
        "comparison: b == c -> (b != c)",
    }
    assert described("def f() -> bool:\n    return x == y\n") == {
        "answer: x == y -> True",
        "answer: x == y -> not (x == y)",
    }
    assert described("async def f(p):\n    z = x + r\n    await p.open_masked(z, 'z')\n") == {
        "mask: x + r -> x"
    }
    assert described("h = digest(a, *b)\n") == {
        "hash: without a in digest(a, *b)",
        "hash: without *b in digest(a, *b)",
    }
    assert described("def f(self):\n    self.used = True\n    a, self.x = self.x, None\n") == {
        "state: without self.used = True",
        "once: a, self.x = self.x, None -> a = self.x",
    }
    assert described("def f(x):\n    x[~ok] = 0\n    log(x)\n    x.check()\n") == {
        "flags: without x[~ok] = 0",
        "statement: without x.check()",
    }


def test_text_before_a_change_may_have_any_letters():
    (first, _) = mutants_of("mpclab/x.py", 'é = "ü"; h = digest("ß", é)\n'.encode())
    assert first.apply('é = "ü"; h = digest("ß", é)\n'.encode()).decode() == (
        'é = "ü"; h = digest(é)\n'
    )


def test_helpers():
    assert mirror("mpclab/protocols/checks.py") == ("tests/protocols/test_checks",)
    assert mirror("mpclab/wire.py") == ("tests/test_wire",)
    assert mirror("mpclab/recommender/protocol.py") == ("tests/recommender/",)
    assert batches(["a", "b", "c", "d"], {"a": 4, "b": 4, "c": 4, "d": 400}, 20) == [
        ["a"], ["b", "c"],
    ]


def test_what_is_allowed_to_survive_exists_and_has_a_reason(everything):
    for pattern, reason in mutation.ALLOWED.items():
        hits = [m for m in everything if m.allowed == reason]
        assert hits, f"no mutant fits {pattern!r} any more: remove it"
        assert len(reason.split()) > 4, pattern


def test_a_mutant_is_killed_and_another_survives():
    """End to end, in a copy of the tree: this test fails without the MAC check, not otherwise."""
    checks = ROOT / "mpclab" / "protocols" / "checks.py"
    before = checks.read_bytes()
    test = "tests/protocols/test_checks.py::test_errors_that_would_cancel_are_caught"
    found = subprocess.run(
        [
            sys.executable, ROOT / "tests" / "mutation.py", "--workers", "1", "--show",
            "--only", "checks.py.* (check_openings|plain_check): guard: never", "--tests", test,
        ],
        capture_output=True, text=True, timeout=120, cwd="/",
    )
    assert found.returncode == 1, found.stdout + found.stderr
    assert "2 mutants" in found.stdout
    assert f"<- {test.removeprefix('tests/')}" in found.stdout
    assert "+    if False:" in found.stdout
    (survivor,) = [x for x in found.stdout.splitlines() if x.startswith("SURVIVED:")]
    assert "plain_check" in survivor
    assert checks.read_bytes() == before


def test_the_list_and_the_help_teach(capsys):
    assert mutation.main(["--list", "--only", "checks.py.*check_openings"]) == 0
    said = capsys.readouterr().out
    assert "guard: never: if not" in said
    assert said.splitlines()[-1].endswith("mutants")
    assert mutation.main(["--only", "nothing like this"]) == 2
    assert "No mutant fits" in capsys.readouterr().out
    text = mutation.parser().format_help()
    assert "The rules" in text
    assert "--sample" in text
