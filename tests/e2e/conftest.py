"""JupyterLab on a free port of this machine, and a browser that may talk to nothing else.

The notebooks are copied to a temporary folder and their outputs removed, so that whatever the
browser shows was computed now, and the stored notebooks stay as they are. To try other notebooks:
`MPCLAB_NOTEBOOKS=/some/folder make e2e`. Screenshots go to build/screenshots/.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = Path(os.environ.get("MPCLAB_NOTEBOOKS") or ROOT / "notebooks").resolve()
SCREENSHOTS = ROOT / "build" / "screenshots"
# Seconds that a notebook may take from Run All to the end of its last cell.
PATIENCE = float(os.environ.get("MPCLAB_E2E_PATIENCE", "240"))

HERE = ("127.0.0.1", "localhost", "[::1]", "::1")

# What a reader sees in the output areas, without what changes by itself or by being touched: the
# controls, the ids that renderers make up, and the marks of focus and hover.
PICTURES = r"""
(root) => {
  const CONTROLS = ".noUi-target, .widget-readout, .widget-toggle-buttons, input, select, " +
                   "textarea, button, label, output, .jp-OutputPrompt, " +
                   ".jp-OutputArea-promptOverlay";
  const parts = [];
  const read = (element) => {
    for (const canvas of element.querySelectorAll("canvas")) {
      try { parts.push(canvas.toDataURL()); } catch (error) { parts.push(String(error)); }
    }
    const copy = element.cloneNode(true);
    copy.querySelectorAll(CONTROLS).forEach((control) => control.remove());
    parts.push(copy.innerHTML
      .replace(/\s(id|for|aria-[a-z]+|data-jp-[a-z-]+|tabindex)="[^"]*"/g, "")
      .replace(/\b(xlink:)?href="#[^"]*"/g, "").replace(/url\([^)]*#[^)]*\)/g, "")
      .replace(/\b(jp|lm|p)-mod-[A-Za-z-]+/g, ""));
    for (const inner of element.querySelectorAll("*")) {
      if (inner.shadowRoot) read(inner.shadowRoot);
    }
  };
  root.querySelectorAll(".jp-Cell-outputArea").forEach(read);
  return parts.join("\n");
}
"""

# How far the notebook in front has come, read from JupyterLab's own model of it.
PROGRESS = r"""
() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cells = Array.from(panel.content.widgets).filter(
    (cell) => cell.model.type === "code" && cell.model.sharedModel.source.trim() !== "");
  return {
    kernel: panel.sessionContext.session?.kernel?.status ?? "none",
    cells: cells.map((cell) => {
      const tags = cell.model.getMetadata("tags") ?? [];
      const outputs = Array.from({length: cell.model.outputs.length},
                                 (_, i) => cell.model.outputs.get(i).toJSON());
      return {
        done: cell.model.executionCount !== null && cell.prompt !== "*",
        may_raise: tags.includes("raises-exception"),
        errors: outputs.filter((output) => output.output_type === "error")
                       .map((output) => `${output.ename}: ${output.evalue}`),
        widgets: outputs.filter(
          (output) => "application/vnd.jupyter.widget-view+json" in (output.data ?? {})).length,
        source: cell.model.sharedModel.source,
      };
    }),
  };
}
"""

# What goes wrong in the kernel when a control is moved appears in no output area: note it down.
LISTEN = r"""
() => {
  window.mpclabErrors = [];
  window.mpclabKernelDied = false;
  const context = window.jupyterapp.shell.currentWidget.sessionContext;
  context.statusChanged.connect((_, status) => {
    if (["dead", "autorestarting", "restarting"].includes(status)) window.mpclabKernelDied = true;
  });
  context.iopubMessage.connect((_, message) => {
    if (message.parent_header?.msg_type !== "comm_msg") return;
    const text = message.content.text ?? "";
    if (message.header.msg_type === "error")
      window.mpclabErrors.push(`${message.content.ename}: ${message.content.evalue}`);
    else if (text.includes("Traceback (most recent call last)")) window.mpclabErrors.push(text);
  });
}
"""

# What can be moved, the likeliest first.
SLIDER = ".noUi-handle:visible"
CONTROLS = (
    SLIDER,
    "input[type=range]:visible:enabled",
    "select:visible:enabled",
    "input[type=radio]:visible:enabled:not(:checked)",
    "input[type=checkbox]:visible:enabled",
    "input[type=number]:visible:enabled",
    ".widget-toggle-buttons button:visible:enabled:not(.mod-active)",
    "button:visible:enabled",
)
EACH = 3  # so many of each kind are tried until the picture changes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def stored_notebooks() -> list[Path]:
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def chromium() -> str:
    """Return the path of a Chromium, or end with a sentence."""
    asked = os.environ.get("MPCLAB_CHROMIUM")
    for name in [asked] if asked else ["chromium", "chromium-browser", "google-chrome"]:
        found = shutil.which(name)
        if found:
            return found
    pytest.fail(
        f"There is no browser ({asked or 'chromium'} is not on the PATH). On Debian: "
        "apt-get install chromium. A browser elsewhere is named by MPCLAB_CHROMIUM=/its/path."
    )


class Lab:
    """A running JupyterLab."""

    def __init__(self, port: int, token: str, log: Path) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.token = token
        self.log = log

    def url(self, notebook: str) -> str:
        # A workspace of its own: JupyterLab would open what the last one had open.
        workspace = f"{self.root}/lab/workspaces/{secrets.token_hex(4)}"
        return f"{workspace}/tree/{quote(notebook)}?token={self.token}"

    def answers(self) -> bool:
        try:
            request = f"{self.root}/api/status?token={self.token}"
            with urllib.request.urlopen(request, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def without_outputs(notebook: Path) -> str:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    content.get("metadata", {}).pop("widgets", None)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return json.dumps(content)


def settings(home: Path) -> None:
    """Write a configuration that asks nobody for news, and shows every cell of a notebook."""
    config, user = home / "config", home / "user-settings"
    lab = {
        "check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "news_url": None,
        "extension_manager": "readonly",
        "expose_app_in_browser": True,
        "user_settings_dir": str(user),
        "workspaces_dir": str(home / "workspaces"),
    }
    server = {"open_browser": False, "allow_root": True, "ip": "127.0.0.1", "port_retries": 0}
    config.mkdir()
    (config / "jupyter_server_config.json").write_text(
        json.dumps({"LabApp": lab, "ServerApp": server})
    )
    for plugin, values in {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        # Otherwise cells outside the window are not drawn.
        "notebook-extension/tracker": {"windowingMode": "none"},
        "docmanager-extension/plugin": {"autosave": False},
    }.items():
        file = user / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab on a copy of the notebooks; end it with its kernels."""
    home = tmp_path_factory.mktemp("jupyter")
    # The folders keep their places to each other: a notebook may read ../data.
    folder = home / "project" / NOTEBOOKS.name
    shutil.copytree(
        NOTEBOOKS, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.pyc")
    )
    for notebook in folder.rglob("*.ipynb"):
        notebook.write_text(without_outputs(notebook), encoding="utf-8")
    if (NOTEBOOKS.parent / "data").is_dir():
        (folder.parent / "data").symlink_to(NOTEBOOKS.parent / "data")
    settings(home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = Lab(port, secrets.token_hex(16), home / "jupyterlab.log")
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_TOKEN": started.token,
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
    with started.log.open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while not started.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"JupyterLab did not start:\n{started.log.read_text()[-4000:]}")
            time.sleep(0.2)
        yield started
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium(),
            headless=True,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                # Names other than this machine's are not even looked up.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
            ],
        )
        yield started
        started.close()


@pytest.fixture
def notebooks(lab: Lab, browser, request: pytest.FixtureRequest):
    """Return a function that opens a notebook; afterwards check that nothing left this machine."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(30_000)
    outside: list[str] = []

    def watch(url: str) -> None:
        place = urlsplit(url)
        if place.scheme in ("http", "https", "ws", "wss") and place.hostname not in HERE:
            outside.append(url)

    def guard(route) -> None:
        place = urlsplit(route.request.url)
        if place.scheme in ("http", "https") and place.hostname not in HERE:
            route.abort()
        else:
            route.continue_()

    context.on("request", lambda request: watch(request.url))
    page.on("websocket", lambda socket: watch(socket.url))
    context.route(lambda url: urlsplit(url).hostname not in HERE, guard)
    opened = Notebook(page, lab)
    yield opened.open
    opened.close()
    context.close()
    assert not outside, f"requests left this machine: {sorted(set(outside))}"


@pytest.fixture
def widget(lab: Lab, notebooks):
    """Open a notebook that has one widget alone: `notebook, group = widget("name", source)`."""
    folder = next(p for p in lab.log.parent.joinpath("project").iterdir() if p.is_dir())
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    written = []

    def opened(name: str, source: str):
        path = folder / f"widget-{name}.ipynb"
        cells = [nbformat.v4.new_code_cell(source)]
        made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        path.write_text(json.dumps(made), encoding="utf-8")
        written.append(path)
        notebook = notebooks(path.name)
        notebook.run_all()
        assert not notebook.errors(), "\n".join(notebook.errors())
        (group,) = notebook.groups()
        group.locator(".mpclab-result svg").first.wait_for()
        return notebook, group

    yield opened
    for path in written:
        path.unlink()


class Notebook:
    """One notebook in the browser, used as a person would use it."""

    def __init__(self, page, lab: Lab) -> None:
        self.page = page
        self.lab = lab
        self.name = ""
        self.thrown: list[str] = []
        page.on("pageerror", lambda error: self.thrown.append(str(error)))

    def open(self, name: str) -> "Notebook":
        self.name = name
        self.page.goto(self.lab.url(name))
        self.panel.wait_for()
        # The kernel is ready when the status bar says so; the toolbar says it too early.
        self.wait_until_idle(60)
        self.page.evaluate(LISTEN)
        return self

    @property
    def panel(self):
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def wait_until_idle(self, seconds: float) -> None:
        self.page.locator("#jp-main-statusbar").get_by_text(re.compile(r"\|\s*Idle\b")).wait_for(
            timeout=1000 * seconds
        )

    def progress(self) -> dict:
        return self.page.evaluate(PROGRESS)

    def errors(self) -> list[str]:
        """Return what went wrong and shows in the page, but not the errors that are the lesson."""
        cells = self.progress()["cells"]
        found = [
            f"{error}\n    in the cell that begins: {cell['source'].splitlines()[0]}"
            for cell in cells
            if not cell["may_raise"]
            for error in cell["errors"]
        ]
        # An error inside a widget's own output area, or a widget that could not be drawn.
        inside = ".jp-OutputArea .jp-OutputArea .jp-OutputArea-output"
        for text in self.panel.locator(inside).all_inner_texts():
            found += [text] if "Traceback (most recent call last)" in text else []
        for text in self.panel.locator(".jp-OutputArea-output").all_inner_texts():
            if re.search(r"Error (displaying|creating) widget|Failed to load model class", text):
                found.append(text)
        found += self.page.evaluate("() => window.mpclabErrors")
        return found + [f"in the browser: {error}" for error in self.thrown]

    def run_all(self) -> None:
        """Run > Run All Cells, until the last cell has run or one has failed."""
        self.page.locator("#jp-MainMenu").get_by_text("Run", exact=True).click()
        self.page.locator(".lm-Menu").get_by_text("Run All Cells", exact=True).click()
        deadline = time.monotonic() + PATIENCE
        while True:
            now = self.progress()
            failed = any(cell["errors"] and not cell["may_raise"] for cell in now["cells"])
            if now["kernel"] == "idle" and (failed or all(cell["done"] for cell in now["cells"])):
                break
            if self.page.evaluate("() => window.mpclabKernelDied"):
                pytest.fail(f"{self.name}: the kernel died")
            if time.monotonic() > deadline:
                waiting = [cell["source"] for cell in now["cells"] if not cell["done"]]
                self.screenshot("too-late")
                pytest.fail(f"{self.name}: not done after {PATIENCE:g} s, first:\n{waiting[0]}")
            self.page.wait_for_timeout(200)
        self.wait_until_idle(30)

    def pictures(self) -> str:
        """Return what the output areas show, as one text (see PICTURES)."""
        return self.panel.evaluate(PICTURES)

    def settled(self, seconds: float = 20) -> str:
        """Return what the output areas show once it has stopped changing."""
        deadline = time.monotonic() + seconds
        before = self.pictures()
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(600)
            now = self.pictures()
            if now == before and self.progress()["kernel"] == "idle":
                return now
            before = now
        pytest.fail(f"{self.name}: the outputs keep changing, though nobody touches anything")

    def groups(self) -> list:
        """Return the outputs that hold widgets, one for each widget that a cell shows."""
        found = self.panel.locator(
            ".jp-Cell-outputArea > .jp-OutputArea-child > .lm-Panel.jp-OutputArea-output"
        ).all()
        expected = sum(cell["widgets"] for cell in self.progress()["cells"])
        assert len(found) == expected, (
            f"{self.name}: the page shows {len(found)} widgets, the outputs hold {expected}"
        )
        return found

    def move(self, group) -> str | None:
        """Move controls of a group, one after another, until the picture changes.

        Returns which one did it, or None if the group has no control at all.
        """
        tried = []
        for kind in CONTROLS:
            found = group.locator(kind)
            for number in range(min(found.count(), EACH)):
                if number >= found.count():
                    break  # the last one moved took others away
                control = found.nth(number)
                if "disabled" in (control.get_attribute("class") or ""):
                    continue
                before = self.settled()
                control.scroll_into_view_if_needed()
                self.touch(kind, control)
                tried.append(f"{kind} ({number + 1})")
                if self.changes(before):
                    self.settled()
                    return tried[-1]
        assert not tried, f"{self.name}: the picture stayed the same after moving {tried}"
        return None

    def touch(self, kind: str, control) -> None:
        """Use one control by keyboard or mouse, so that its value changes."""
        if kind == SLIDER:
            control.focus()
            value = control.get_attribute("aria-valuenow")
            control.press("ArrowRight")
            self.page.wait_for_timeout(100)
            if control.get_attribute("aria-valuenow") == value:  # it stands at the right end
                control.press("ArrowLeft")
        elif kind.startswith("input[type=range]"):
            value = control.input_value()
            # JupyterLab keeps the arrow keys for itself unless the widget says
            # data-lm-suppress-shortcuts="true": then a click on the track has to do.
            for key in ("ArrowRight", "ArrowLeft"):
                if control.input_value() == value:
                    control.press(key)
            for part in (0.75, 0.25):
                if control.input_value() == value:
                    box = control.bounding_box()
                    control.click(position={"x": part * box["width"], "y": box["height"] / 2})
        elif kind.startswith("select"):
            options = control.locator("option:not([disabled])")
            chosen = control.evaluate("(select) => select.selectedIndex")
            if options.count() > 1:
                control.select_option(index=(chosen + 1) % options.count())
        elif kind.startswith("input[type=number]"):
            value = control.input_value()
            control.press("ArrowUp")
            if control.input_value() == value:
                control.press("ArrowDown")
            control.press("Enter")
        else:
            control.click()

    def changes(self, before: str, seconds: float = 60) -> bool:
        """Tell whether the picture becomes another one; two quiet seconds mean that it does not."""
        deadline = time.monotonic() + seconds
        quiet = 0
        while quiet < 8 and time.monotonic() < deadline:
            self.page.wait_for_timeout(250)
            if self.pictures() != before:
                return True
            quiet = quiet + 1 if self.progress()["kernel"] == "idle" else 0
        return False

    def screenshot(self, what: str, part=None) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        file = SCREENSHOTS / f"{Path(self.name).stem}-{what}.png"
        (part or self.page).screenshot(path=file)

    def both_themes(self, group, what: str) -> None:
        """Take a picture of a widget in each theme, and see that the colours follow."""
        for theme, light in (("Dark", "false"), ("Light", "true")):
            self.page.evaluate(
                "(name) => window.jupyterapp.commands.execute"
                "('apputils:change-theme', {theme: name})",
                f"JupyterLab {theme}",
            )
            mark = f'[data-jp-theme-light="{light}"]'
            self.page.locator(mark).first.wait_for(state="attached")
            self.page.wait_for_timeout(500)
            ground = group.locator(".mpclab-lab").evaluate(
                "e => getComputedStyle(e).backgroundColor"
            )
            assert ground == {"Dark": "rgb(28, 32, 39)", "Light": "rgb(245, 246, 248)"}[theme]
            self.screenshot(f"{what}-{theme.lower()}", group)

    def close(self) -> None:
        """Shut down the kernel, so that the next notebook has the machine to itself."""
        self.page.evaluate(
            "async () => { const widget = window.jupyterapp?.shell.currentWidget;"
            " await widget?.sessionContext?.shutdown?.(); }"
        )
