"""docs/INTEROP.md is made by tests: each has a section of it, with tables of what was tried and how it went. A table that
is another one than in the file fails the test; INTEROP_WRITE=1 puts it there."""
import os
import re

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/INTEROP.md")


class Table:
    """Rows that are named by their first cells; a cell is yes, no, or - (one side has nothing of the kind)."""

    def __init__(self, *columns):
        self.rows = [list(columns)]

    def add(self, *cells):
        self.rows.append([{True: "yes", False: "no", None: "-"}.get(c, c) for c in cells])

    def text(self):
        widths = [max(len(row[i]) for row in self.rows) for i in range(len(self.rows[0]))]
        lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in self.rows]
        return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|"] + lines[1:])


def settle(section, *tables):
    """The section's text is what stands between its two comments, tables one after the other."""
    with open(PAGE) as f:
        page = f.read()
    pattern = re.compile(rf"(<!-- {section}: made by a test -->\n)(.*?)(<!-- end of {section} -->)", re.S)
    text = "\n\n".join(t.text() for t in tables) + "\n"
    found = pattern.search(page)
    assert found, f"docs/INTEROP.md has no section {section}"
    if found[2] == text:
        return
    if os.environ.get("INTEROP_WRITE"):
        with open(PAGE, "w") as f:
            f.write(page[:found.start(2)] + text + page[found.end(2):])
        return
    raise AssertionError(f"docs/INTEROP.md, {section}: it says\n{found[2]}and it is\n{text}"
                         "(INTEROP_WRITE=1 writes that)")
