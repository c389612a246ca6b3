"""Reads C as far as tests/lint/check needs it: functions, prototypes, what is exported, includes. It
counts on the tree's format: what is at file level begins in column 0, a function's braces stand there
alone, and its name begins a line."""
import os
import re

TOKEN = re.compile(r"\w+|[{}();:?,=]|\S")
LOOPS = ("for", "while", "switch")
SKIP = {"static", "extern", "const", "inline", "_Noreturn", "volatile"}


def stem(path):
    name = os.path.basename(path)
    return name[:name.index(".")]


def blank(text):
    """The text with comments, literals and preprocessor lines made blank, line for line."""
    def keep_lines(m):
        s = m.group(0)
        return '""' if s[0] == '"' else "0" if s[0] == "'" else "\n" * s.count("\n") or " "

    text = re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", keep_lines, text,
                  flags=re.S)
    return re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.M)


def count_arguments(inside):
    depth, count = 0, 1
    for c in inside:
        depth += (c == "(") - (c == ")")
        count += c == "," and depth == 0
    if inside.strip() in ("", "void"):
        return 0
    return count - inside.rstrip().endswith("...")


def flatten(text):
    """The text with nothing in its outermost braces but line ends."""
    out, depth = [], 0
    for c in text:
        depth -= c == "}"
        if depth == 0 or c == "\n":
            out.append(c)
        depth += c == "{"
    return "".join(out)


class Function:
    def __init__(self, name, line, arguments, body_line=0, body=""):
        self.name, self.line, self.arguments = name, line, arguments
        self.body, self.body_line = body, body_line
        self.lines = body_line - line + body.count("\n") + 2

    def nesting(self):
        """The deepest nesting of statements and its line. Labels and else-if chains add nothing."""
        self.tokens = [(m.group(0), self.body_line + self.body.count("\n", 0, m.start()))
                       for m in TOKEN.finditer(self.body)]
        self.at, self.deepest = 0, (0, self.line)
        while self.at < len(self.tokens):
            self._statement(0)
        return self.deepest

    def _peek(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _skip_pair(self, opening, closing):
        depth = 0
        while self.at < len(self.tokens):
            depth += (self._peek() == opening) - (self._peek() == closing)
            self.at += 1
            if depth == 0:
                return

    def _inner(self, depth):
        line = self.tokens[min(self.at, len(self.tokens) - 1)][1]
        if depth + 1 > self.deepest[0]:
            self.deepest = (depth + 1, line)
        self._statement(depth + 1)

    def _if(self, depth):
        self.at += 1
        self._skip_pair("(", ")")
        self._inner(depth)
        if self._peek() == "else":
            self.at += 1
            if self._peek() == "if":
                self._if(depth)
            else:
                self._inner(depth)

    def _statement(self, depth):
        word = self._peek()
        if word == "{":
            self.at += 1
            while self._peek() not in ("}", ""):
                self._statement(depth)
            self.at += 1
        elif word == "if":
            self._if(depth)
        elif word in LOOPS:
            self.at += 1
            self._skip_pair("(", ")")
            self._inner(depth)
        elif word == "do":
            self.at += 1
            self._inner(depth)
            self._plain(depth)
        elif word in ("case", "default"):
            while self._peek() not in (":", ""):
                self.at += 1
            self.at += 1
        else:
            self._plain(depth)

    def _plain(self, depth):
        """Anything that ends in a semicolon; a label; or a macro that is a loop: NAME(...) {."""
        first = self.at
        while self._peek() not in (";", ""):
            if self._peek() == "(":
                self._skip_pair("(", ")")
                if self._peek() == "{" and self.at > first + 2 and self.tokens[first + 1][0] == "(" \
                        and self.tokens[first][0] not in ("return", "sizeof"):
                    self._inner(depth)
                    return
            elif self._peek() == "{":
                self._skip_pair("{", "}")
            elif self._peek() == ":" and self.at == first + 1:
                break
            elif self._peek() == "}":
                return
            else:
                self.at += 1
        self.at += 1


class Source:
    def __init__(self, path, text):
        self.functions, self.prototypes, self.exports, self.typedefs = [], [], [], []
        self.includes = [(text.count("\n", 0, m.start()) + 1, m.group(1), m.group(2))
                         for m in re.finditer(r'^#include (["<])([^">]+)[">]', text, re.M)]
        self.is_header = path.endswith(".h")
        clean = blank(text)
        # A function whose address is given away has the shape that the taker wants.
        self.callbacks = set()
        self._read_functions(clean)
        names = {f.name for f in self.functions}
        for name in names:
            if re.search(r"[(,=]\s*&?%s\s*[,;)}]" % name, clean):
                self.callbacks.add(name)
        self._read_top(clean)
        if self.is_header:
            self._read_macros(text)

    def _line(self, text, at):
        return text.count("\n", 0, at) + 1

    def _read_functions(self, text):
        for m in re.finditer(r"^([^\n;{}]*\n)?(\w+)(\((?:[^;{}]*)\))\n\{\n(.*?)^\}", text, re.M | re.S):
            start = m.start(2)
            f = Function(m.group(2), self._line(text, start), count_arguments(m.group(3)[1:-1]),
                         self._line(text, m.start(4)), m.group(4))
            self.functions.append(f)
            before = (m.group(1) or "").split()
            if "static" not in before:
                self.exports.append((f.line, f.name, False))

    def _read_top(self, text):
        """Declarations and data at file level."""
        flat = []
        for part in re.split(r"(^\{\n.*?^\})", text, flags=re.M | re.S):
            flat.append(";" + "\n" * part.count("\n") if part.startswith("{\n") else part)
        flat = flatten("".join(flat))
        for m in re.finditer(r"[^;]*;", flat):
            start = m.start() + len(m.group(0)) - len(m.group(0).lstrip())
            self._declaration(m.group(0).strip()[:-1], self._line(flat, start))

    def _declaration(self, said, line):
        words = said.split()
        if not words:
            return
        if words[0] == "typedef":
            if "(" not in said:
                self.typedefs.append((line, words[-1]))
            elif self.is_header:
                name = re.search(r"\(\s*\*\s*(\w+)\s*\)", said) or re.search(r"(\w+)\s*\(", said)
                self.exports.append((line, name.group(1), True))
            return
        if "static" in words or words[0] == "_Static_assert" or said.startswith("_Static_assert"):
            return
        tag = re.match(r"(?:struct|enum|union)\s+(\w+)\s*\{\s*\}", said)
        if tag:
            if self.is_header:
                self.exports.append((line, tag.group(1), True))
            return
        proto = re.match(r"[^(={]*?(\w+)\s*\((.*)\)[^()]*$", said, re.S)
        if proto and "=" not in said.split("(")[0]:
            arguments = count_arguments(re.sub(r"\)\s*__attribute__.*", "", proto.group(2), flags=re.S))
            if self.is_header:
                self.prototypes.append(Function(proto.group(1), line, arguments))
                self.exports.append((line, proto.group(1), False))
            return
        data = re.match(r"(?:extern\s+)?(?:const\s+)?(?:struct\s+)?\w+\s[^=(]*?(\w+)\s*(?:\[[^\]]*\]\s*)*(?:=.*)?$",
                        said, re.S)
        if data and "{" not in said.split("=")[0] and len(words) > 2 or (data and "=" in said):
            self.exports.append((line, data.group(1), False))

    def _read_macros(self, text):
        for m in re.finditer(r"^#define (\w+)", text, re.M):
            if not m.group(1).endswith("_H"):
                self.exports.append((self._line(text, m.start()), m.group(1), True))
