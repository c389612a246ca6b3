"""What keys with passwords, and keys that end, have to do, whoever made them."""
from sop_peers import HAIRPIN, said

TEXT = b"Ein Geheimnis.\nUnd noch eine Zeile.\n" * 50
PASSWORD = b"Birnbaum 42"
CANNOT_ENCRYPT, PASSWORD_FAILS, CANNOT_SIGN = 17, 67, 79


def code(*words, data=TEXT):
    r = said(*HAIRPIN, *words, data=data)
    assert r.returncode == 0 or not r.stdout and r.stderr, (words, r)
    return r.returncode


def opens_with_its_password(folder, us, who, key):
    """All that wants the private key; the peer's name for what went wrong."""
    cert, k, password = us.cert(key), folder.file(key), folder.file(PASSWORD)
    message = us.encrypt(cert, TEXT)
    assert message, (who, us.error)
    right, wrong = f"--with-key-password={password}", f"--with-key-password={folder.file(b'Apfel')}"
    assert us.run("decrypt", right, k, data=message) == TEXT, (who, us.error)
    assert us.run("decrypt", wrong, right, k, data=message) == TEXT, (who, us.error)
    assert code("decrypt", k, data=message) == PASSWORD_FAILS, who
    assert code("decrypt", wrong, k, data=message) == PASSWORD_FAILS, who
    signature = us.run("sign", right, k, data=TEXT)
    assert signature and us.verify(signature, cert, TEXT), (who, us.error)
    assert code("sign", wrong, k) == PASSWORD_FAILS, who
    # Without it, and with another one: still the same key.
    bare = us.run("change-key-password", f"--old-key-password={password}", data=key)
    assert bare and us.decrypt(bare, message) == TEXT, (who, us.error)
    other = folder.file(b"Kirsche")
    again = us.run("change-key-password", f"--new-key-password={other}", data=bare)
    assert us.run("decrypt", f"--with-key-password={other}", folder.file(again), data=message) == TEXT, (who, us.error)
    return bare


def is_good(us, key, message):
    """Of a key that hasn't ended."""
    cert = us.cert(key)
    return us.decrypt(key, message) == TEXT and us.decrypt(key, us.encrypt(cert, TEXT)) == TEXT and \
        us.verify(us.sign(key, TEXT), cert, TEXT)


def has_ended(folder, us, key, message=None, signature=None):
    """message and signature, if any, are from when it hadn't."""
    cert = us.cert(key)
    k, c = folder.file(key), folder.file(cert)
    assert code("encrypt", c) == CANNOT_ENCRYPT
    assert code("encrypt", folder.file(us.cert(us.generate())), c) == CANNOT_ENCRYPT
    assert code("sign", k) == CANNOT_SIGN
    assert not message or us.decrypt(key, message) == TEXT, us.error
    assert not signature or us.verify(signature, cert, TEXT), us.error
