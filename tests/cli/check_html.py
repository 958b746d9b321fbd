# SPDX-License-Identifier: BSD-3-Clause
"""Checks a report: well-formed, self-contained, nothing active; prints its text.

    check_html.py FILE

Every element is closed in order, ids are unique, nothing is loaded from elsewhere, and
there is no script; pictures are PNG data in the style sheet.  Exit 1 with the fault.
"""
import re
import sys
from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "hr", "input"}
REFERENCES = {"href", "src", "xlink:href", "data", "action", "srcset"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.words, self.seen = [], set(), [], {}

    def fault(self, why):
        line, column = self.getpos()
        sys.exit(f"line {line}, column {column}: {why}")

    def start(self, tag, attributes):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if tag in ("script", "iframe", "object", "embed", "link", "img", "base", "form"):
            self.fault(f"<{tag}>")
        for name, value in attributes:
            if name.startswith("on"):
                self.fault(f"{name} in <{tag}>")
            if name in REFERENCES and not (value or "").startswith("#"):
                self.fault(f"{name}={value}")
            if name == "id":
                if value in self.ids:
                    self.fault(f"id {value} twice")
                self.ids.add(value)

    def handle_starttag(self, tag, attributes):
        self.start(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.start(tag, attributes)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.fault(f"</{tag}> closes another element")

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style",):
            self.words.append(data)

    def handle_pi(self, data):
        self.fault(f"<?{data}")


def main():
    page = Page()
    with open(sys.argv[1], encoding="utf-8", errors="strict") as file:
        text = file.read()
    if not text.startswith("<!DOCTYPE html>\n"):
        sys.exit("no doctype")
    loaded = re.sub(r"url\(data:image/png;base64,[A-Za-z0-9+/]+=*\)", "", text)
    if "url(" in loaded.replace("url(#", "") or "@import" in text:
        sys.exit("a style that loads something")
    page.feed(text)
    page.close()
    if page.open:
        sys.exit(f"not closed: {page.open}")
    print(f"plots {page.seen.get('svg', 0)}, tables {page.seen.get('table', 0)}")
    print(" ".join(" ".join(page.words).split()))


main()
