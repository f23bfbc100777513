"""Text files as people have them: UTF-8 or UTF-16, with or without a byte order mark."""

_MARKS = (b"\xff\xfe", b"\xfe\xff")


def decode_text(content: bytes) -> str:
    """The text of a file. UTF-16 without a mark is known by the zeros that it has. Raises UnicodeDecodeError."""
    if content[:2] in _MARKS:
        return content.decode("utf-16")
    if 0 in content[:2]:
        return content.decode("utf-16-be" if content[:1] == b"\0" else "utf-16-le")
    return content.decode("utf-8-sig")


def printable(name: str) -> str:
    r"""A name in one line of a message: `\n` for a line break, and no character that a terminal acts on."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name)


def printable_lines(text: str) -> str:
    """A message of several lines, each as `printable` shows it."""
    return "\n".join(map(printable, text.split("\n")))
