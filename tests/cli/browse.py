# SPDX-License-Identifier: BSD-3-Clause
"""Opens a page in Chromium, without a window, and checks it; takes pictures of it.

    browse.py CHROMIUM PAGE FOLDER

The page is shown 1200 and 390 pixels wide, in light and in dark colours, and printed.  Exit 1
if Chromium logs a message, requests anything but the page, draws something beyond the width,
or shows the same colours twice.  FOLDER receives NAME-WIDTH-COLOURS.png and NAME.pdf.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

WIDTHS = (1200, 390)
COLOURS = ("light", "dark")


class Browser:
    """A Chromium that obeys the DevTools protocol over two pipes, its files 3 and 4."""

    def __init__(self, program, profile):
        to_browser, self.orders = os.pipe()
        self.answers, from_browser = os.pipe()
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh", program,
             "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.count, self.rest, self.session, self.seen = 0, b"", None, []
        for target in self.ask("Target.getTargets")["targetInfos"]:
            if target["type"] == "page":
                self.session = self.ask("Target.attachToTarget", flatten=True,
                                        targetId=target["targetId"])["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def receive(self):
        while b"\0" not in self.rest:
            more = os.read(self.answers, 1 << 20)
            if not more:
                sys.exit("Chromium has ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **parameters):
        """Returns the result of a command; keeps the events before it in seen."""
        self.count += 1
        order = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.orders, json.dumps(order).encode() + b"\0")
        while True:
            message = self.receive()
            if message.get("id") == self.count:
                if "error" in message:
                    sys.exit(f"{method}: {message['error']}")
                return message["result"]
            self.seen.append(message)

    def wait(self, event):
        while not any(message.get("method") == event for message in self.seen):
            self.seen.append(self.receive())

    def value(self, expression):
        return self.ask("Runtime.evaluate", expression=expression,
                        returnByValue=True)["result"]["value"]

    def end(self):
        self.session = None
        self.ask("Browser.close")
        self.process.wait()


def check_events(events, page):
    for message in events:
        method, of = message.get("method"), message.get("params", {})
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown",
                      "Log.entryAdded"):
            sys.exit(f"Chromium logs a message: {of}")
        if method == "Network.requestWillBeSent":
            url = of["request"]["url"]
            if url != page and not url.startswith("data:image/png;base64,"):
                sys.exit(f"the page requests {url[:200]}")


def show(browser, width, colours, picture):
    """Shows the page and saves the picture.  Returns its background colour."""
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=900,
                deviceScaleFactor=1, mobile=False)
    browser.ask("Emulation.setEmulatedMedia",
                features=[{"name": "prefers-color-scheme", "value": colours}])
    wide, high = browser.value(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    if wide > width:
        sys.exit(f"{wide} pixels wide in a window of {width}")
    shot = browser.ask("Page.captureScreenshot", captureBeyondViewport=True,
                       clip={"x": 0, "y": 0, "width": width, "height": high, "scale": 1})
    with open(picture, "wb") as file:
        file.write(base64.b64decode(shot["data"]))
    return browser.value(
        "getComputedStyle(document.documentElement).getPropertyValue('color')")


def main():
    program, page, folder = sys.argv[1:]
    url = pathlib.Path(page).resolve().as_uri()
    name = os.path.join(folder, pathlib.Path(page).stem)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        browser.ask("Page.navigate", url=url)
        browser.wait("Page.loadEventFired")
        texts = {}
        for width in WIDTHS:
            for colours in COLOURS:
                texts[colours] = show(browser, width, colours,
                                      f"{name}-{width}-{colours}.png")
        if texts["light"] == texts["dark"]:
            sys.exit(f"light and dark text have the same colour, {texts['light']}")
        with open(f"{name}.pdf", "wb") as file:
            file.write(base64.b64decode(browser.ask("Page.printToPDF")["data"]))
        browser.end()
        check_events(browser.seen, url)
    print(f"{page}: no message, fits {WIDTHS}")


main()
