"""A real browser without a window: this machine's own Chromium or Chrome, driven through its WebDriver."""

import base64
import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.proof.tools import modules

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb",
)  # fmt: skip
HOW = "install Debian's chromium and chromium-driver, or Chrome and its chromedriver"


def found() -> tuple[str, str] | None:
    """Returns the paths of a browser and of its driver; None where one of them is not installed."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Browser:
    """One browser, which opens files and addresses."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver  # a webdriver.Chrome; half of its methods have no types

    def open(self, page: Path | str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.command("Emulation.setEmulatedMedia", features=scheme)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        self._log("browser")  # what earlier pages said
        self._log("performance")
        self.driver.get(page if isinstance(page, str) else page.resolve().as_uri())

    def command(self, name: str, **arguments: Any) -> Any:
        """Sends a command of the browser's own protocol. https://chromedevtools.github.io/devtools-protocol/"""
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def zoom(self, chart: str) -> list[float]:
        """Drags over the middle of a chart, as a person does, and returns what its x axis then shows."""
        left, right, top, bottom = self.run(
            """
            const chart = document.getElementById(arguments[0]);
            chart.scrollIntoView({ block: 'center', behavior: 'instant' });
            const { x, y } = chart.getBoundingClientRect(), { l, t, w, h } = chart._fullLayout._size;
            return [x + l + 0.3 * w, x + l + 0.7 * w, y + t + 0.3 * h, y + t + 0.7 * h];
            """,
            chart,
        )
        way = [("mousePressed", left, top), ("mouseMoved", left + 20, top + 20), ("mouseMoved", right, bottom)]
        for kind, x, y in [*way, ("mouseReleased", right, bottom)]:
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        return self.seen(chart)

    def seen(self, chart: str) -> list[float]:
        """Returns from where to where the x axis of a chart shows."""
        shown: list[float] = self.run("return document.getElementById(arguments[0])._fullLayout.xaxis.range", chart)
        return shown

    def barriers(self) -> list[str]:
        """Returns what of the page some people cannot use, as axe-core finds it: the serious and the critical.

        https://github.com/dequelabs/axe-core. A hint of Plotly's, which is shown for seconds after a zoom, has all
        colours between as it comes and goes.
        """
        WebDriverWait(self.driver, 30).until(lambda driver: not driver.find_elements(By.CLASS_NAME, "notifier-note"))
        self.run((modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = self.driver.execute_async_script(
            "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => arguments[0](violations))"
        )
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        return [f"{each['id']}: {each['help']}: {node['html'][:200]}" for each in serious for node in each["nodes"]]

    def complaints(self) -> list[str]:
        """Returns errors and warnings of the console since the page was opened."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """Returns the addresses that the page asked for since it was opened, its own file among them."""
        messages = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.driver.get_log(kind)
        return found

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """Writes a picture of the page, or of what is in the window."""
        answer = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        if whole:
            size = self.command("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            answer = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(answer["data"]))


@contextlib.contextmanager
def browser(profile: Path, *flags: str) -> Iterator[Browser]:
    """Runs a browser.

    Args:
        profile: an empty folder for what it keeps.
        flags: more options of its command line.
    """
    paths = found()
    assert paths is not None, HOW
    options = webdriver.ChromeOptions()
    options.binary_location = paths[0]
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=paths[1]))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
