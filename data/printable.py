"""Texts for a terminal: names of files may hold anything."""


def printable(text: str) -> str:
    """The same text; what could move the cursor, change colours or the like is shown as Python writes it."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
