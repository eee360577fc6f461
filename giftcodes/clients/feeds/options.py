"""Where the codes stand in the answer of a source: a feed that an administrator added.

The administrator describes it with these options.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from giftcodes.domain.sentences import Sentence

#: The place of the code in a template.
CODE_HERE = "{code}"
#: The longest text of an option.
OPTION_LENGTH = 200
_NAME = re.compile(r"[\w$@-]+")
#: In a text, one to 12 characters that are not letters or digits may be between two words.
_BETWEEN = r"[\W_]{1,12}"
_CODE = r"([A-Za-z0-9]{4,32})(?![A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Where the codes stand in an answer. An empty text means that the option is not used.

    Args:
        entries: JSON: the path of the list, such as `data.codes`; without a path, the answer is the
            list. Web page: the CSS selector of the elements that each hold one code.
        code: JSON: the path of the code within an entry; without a path, the entry is the code. Web
            page: the selector of the code within the element.
        published: the same for the moment at which the code was published.
        ends: the same for the moment at which the code ends.
        template: RSS, and web pages with codes in sentences: the words around the code, such as
            `gift code {code}`.
    """

    entries: str = ""
    code: str = ""
    published: str = ""
    ends: str = ""
    template: str = ""


def steps_of(path: str) -> list[str]:
    """The steps of a path such as `data.0.codes`: names, and places in a list.

    Raises:
        ValueError: the path has an empty step, or a sign that no step can have. The error's text
            is the step.
    """
    steps = path.split(".") if path else []
    for step in steps:
        if not _NAME.fullmatch(step):
            raise ValueError(step)
    return steps


def codes_around(text: str, template: str) -> list[str]:
    """The codes in a text that have the words of a template around them, in the order of the text.

    Anything but letters and digits may be between two words. Case is ignored, except that a code
    has at least one digit or two capitals: in `gift code giveaway`, `giveaway` is no code. The time
    grows no faster than the text's length.

    Args:
        text: a text that a stranger wrote.
        template: the words, with `{code}` once.
    """
    return [code for code in _pattern(template).findall(text) if _is_like_a_code(code)]


def _pattern(template: str) -> re.Pattern[str]:
    before, _here, after = template.partition(CODE_HERE)
    words = [*map(re.escape, _words(before)), _CODE, *map(re.escape, _words(after))]
    begin = r"(?<![^\W_])" if words[0] is not _CODE else r"(?<![A-Za-z0-9])"
    return re.compile(begin + _BETWEEN.join(words), re.IGNORECASE)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def _is_like_a_code(text: str) -> bool:
    return any(sign.isdigit() for sign in text) or sum(sign.isupper() for sign in text) > 1


def problem_of_path(path: str) -> Sentence | None:
    """What is wrong with the path of a JSON source. None if it can be used."""
    try:
        steps_of(path)
    except ValueError as error:
        return Sentence.of("path_step_wrong", step=str(error))
    return None


def problem_of_template(template: str) -> Sentence | None:
    """What is wrong with a template. None if it can be used."""
    if template.count(CODE_HERE) != 1:
        return Sentence.of("template_without_code", here=CODE_HERE)
    before, _here, after = template.partition(CODE_HERE)
    if not _words(before) and not _words(after):
        return Sentence.of("template_without_words", here=CODE_HERE)
    return None
