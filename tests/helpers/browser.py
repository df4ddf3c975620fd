"""A real browser without a screen, that tells what a page logs, asks for and looks like.

Debian's packages chromium and chromium-driver, driven by selenium.
"""

import base64
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromedriver")

# as root there is no sandbox; the others keep the browser itself from asking for anything
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


def missing() -> list[str]:
    """Return the programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@dataclass
class Browser:
    """A running browser.

    Attributes:
        driver: Selenium's.
        width: Of the window, in CSS pixels.
    """

    driver: Any
    width: int = 0

    def open(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Open a file in a window of this size and theme; what earlier pages logged is forgotten."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self.width = width
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},  # jumps instead of gliding
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get("about:blank")
        self.console_errors()
        self.requests()
        self.driver.get(path.resolve().as_uri())

    def console_errors(self) -> list[str]:
        """Return what the console has shown since the last call: errors and warnings."""
        entries = self.driver.get_log("browser")
        return [one["message"] for one in entries if one["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last call, `data:` left out."""
        events = [
            json.loads(one["message"])["message"] for one in self.driver.get_log("performance")
        ]
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith("data:")]

    def run(self, script: str, *arguments: object) -> Any:
        """Run JavaScript in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window (a phone's `innerWidth` grows with the page)."""
        return int(self.run("return document.documentElement.scrollWidth")) - self.width

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": whole}
        )
        path.write_bytes(base64.b64decode(shot["data"]))


def start(profile: Path) -> Browser:
    """Start the browser; `profile` is an empty folder."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Browser(Chrome(options, ChromeService(shutil.which("chromedriver"))))
