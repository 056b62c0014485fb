"""A page in a headless Chromium that may not leave the machine; and, from the command line, pictures of it.

    python tests/browser/look.py page.html pictures/   page-1280-light.png, page-1280-dark.png, page-400-light.png, ...
"""

import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# No sandbox inside a container, and nothing that a browser does of its own accord over the network.
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")
LOCAL = ("file:", "data:", "blob:", "about:")


class Screen(NamedTuple):
    """How wide the window is, and whether the reader prefers dark colours."""

    width: int = 1280
    dark: bool = False

    def __str__(self):
        return f"{self.width}-{'dark' if self.dark else 'light'}"


SCREENS = [Screen(width, dark) for width in (1280, 400) for dark in (False, True)]


def find_chromium():
    """The path of a Chromium that is installed, or None."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, filter(None, names))), None)


@contextmanager
def chromium():
    """A headless Chromium, with playwright's methods."""
    from playwright.sync_api import sync_playwright  # the driver alone: its own browsers are not needed

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser, path, screen=None, **options):
    """Open the file at `path`; (the page, a list that gets a line for each error in the console and each request that
    would leave the machine). `options` go to playwright's `new_context`: reduced_motion, has_touch, ..."""
    screen = screen or Screen()
    context = browser.new_context(viewport={"width": screen.width, "height": 800}, accept_downloads=True,
                                  color_scheme="dark" if screen.dark else "light", **options)
    troubles = []

    def guard(route):
        if route.request.url.startswith(LOCAL):
            route.continue_()
        else:
            troubles.append(f"request leaves the machine: {route.request.url}")
            route.abort()

    context.route("**/*", guard)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("websocket", lambda socket: troubles.append(f"request leaves the machine: {socket.url}"))
    page.on("pageerror", lambda error: troubles.append(f"uncaught: {error}"))
    page.on("console", lambda message: message.type == "error" and troubles.append(f"console: {message.text}"))
    page.goto(path if str(path).startswith(LOCAL) else Path(path).resolve().as_uri())
    return page, troubles


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for screen in SCREENS:
            page, troubles = open_page(browser, source, screen)
            page.wait_for_timeout(500)
            page.screenshot(path=folder / f"{source.stem}-{screen}.png")
            print(screen, *troubles or ["fine"], sep="\n  ")
            page.context.close()


if __name__ == "__main__":
    main()
