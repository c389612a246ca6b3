"""The numbers and tables of tests/lint/check."""
import re

FUNCTION_LINES = 100
FILE_LINES = 1000
COLUMNS = 96  # with tabs of 8; clang-format leaves comments alone
NESTING = 3
ARGUMENTS = 5

# Who may include whom; DOORS are single headers of a layer that is closed otherwise.
LAYERS = {
    "core": [],
    "crypto": ["core"],
    "store": ["core"],
    "smtp": ["crypto", "core"],
    "imap": ["crypto", "core"],
    "web": ["crypto", "core"],
    "cmd": ["smtp", "imap", "web", "store", "crypto", "core"],
}
STORE_DOORS = [re.compile(r"store/view(_\w+)?\.h"), re.compile(r"store/(watch|command)\w*\.(pb-c\.)?h")]
DOORS = {
    ("store", "crypto"): [re.compile(r"crypto/seal\.h")],
    ("smtp", "store"): STORE_DOORS,
    ("imap", "store"): STORE_DOORS,
    ("web", "store"): STORE_DOORS,
}


def _homes(*patterns):
    return [re.compile(p) for p in patterns]


# Where a library's headers may be included.
HOMES = [
    (re.compile(r"event2/|event\.h"), _homes(r"core/(loop|conn|dns)\w*\.[ch]", r"web/\w+\.[ch]")),
    (re.compile(r"openssl/"), _homes(r"crypto/\w+\.[ch]")),
    (re.compile(r"lmdb\.h"), _homes(r"store/(db|view)\w*\.[ch]")),
    (re.compile(r"sodium\.h"), _homes(r"crypto/(seal|pwhash|ed25519|x25519)\.c", r"core/rand\.c")),
    (re.compile(r"protobuf-c/"), _homes(r"core/(ipc|codec)\w*\.[ch]", r"store/\w+\.[ch]")),
    (re.compile(r"unbound\.h"), _homes(r"core/dns\w*\.c")),
    (re.compile(r"seccomp\.h|linux/(landlock|seccomp)\.h"), _homes(r"core/sandbox\w*\.c")),
    (re.compile(r"gmime/|glib\.h"), _homes(r"core/mail_mime\w*\.c")),
    (re.compile(r"iconv\.h"), _homes(r"core/charset_libc\.c")),
    (re.compile(r"ini\.h"), _homes(r"cmd/config\w*\.c")),
    (re.compile(r"pcre2\.h"), _homes(r"crypto/policy_trigger\.c")),
    (re.compile(r"utf8proc\.h"), _homes(r"core/(utf8|mail_fold)\w*\.c", r"crypto/saslprep\.c")),
    (re.compile(r"idn2\.h"), _homes(r"core/\w+\.c")),
    (re.compile(r"argon2\.h"), _homes(r"crypto/pgp_s2k\.c")),
    (re.compile(r"bzlib\.h|zlib\.h"), _homes(r"crypto/pgp_inflate\.c")),
    (re.compile(r"cmocka\.h"), _homes(r"tests/test\.h")),
]

# Files that stand in for libc: its names and arguments, not ours.
FIXED_NAMES = {"static_names", "charset_libc"}
# X is the parameter of a list that is a macro; a role is known all over by that name.
FIXED_EXPORTS = {"main", "X", "role"}

# What no file may say: a path of the machine that it was written on, an unfinished thing, a
# reference that a reader can't look up.
WORDS = [
    (re.compile(r"/[w]ork/|/tmp/[w]/"), "a path of one machine"),
    (re.compile(r"\b(T[O]DO|F[I]XME|X{3})\b"), "unfinished"),
    (re.compile(r"\b[Ii]ssues? (#?\d+|[A-Z]\b)|(?<!\w)#\d+\b(?!;)"), "a number that can't be looked up"),
    (re.compile(r"\b(deb\.debian\.or[g]|npmjs\.(com|or[g])|pypi\.or[g]|crates\.i[o])\b"), "a registry's name"),
]
