"""The text of a file, in the encodings that spreadsheets write."""

from __future__ import annotations

import re

from cohorts.core.errors import UnreadableTable

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
#: A Chinese text consists mostly of these rows of GB 2312; other encodings that are read so by mistake do not.
_COMMON_HANZI = re.compile(rb"[\xb0-\xd7\xa1-\xa3][\xa1-\xfe]")
_COMMON_SHARE = 0.7


def decoded(content: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 or the Chinese GB18030.

    Raises
    ------
    UnreadableTable
        If it is none of them.
    """
    unmarked = ["utf-8-sig", "gb18030"] if _looks_chinese(content) else ["utf-8-sig"]
    for encoding in ["utf-16"] if content.startswith(_UTF16) else unmarked:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableTable("The file is not UTF-8 text, nor UTF-16 or GB18030. Save it as “CSV UTF-8”.")


def _looks_chinese(content: bytes) -> bool:
    """Return Chinese from the many texts whose bytes happen to be valid GB18030."""
    foreign = sum(byte >= 0x80 for byte in content)
    return foreign > 0 and 2 * len(_COMMON_HANZI.findall(content)) >= _COMMON_SHARE * foreign
