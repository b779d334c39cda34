"""report.toml: what a student edits, read and checked once."""

import difflib
import re
import sys
from dataclasses import dataclass, fields, replace
from datetime import date as Date
from pathlib import Path

from mnist_helpers.files import project_path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FIRST_SEED = 42
MOST_SEEDS = 10_000
OUT = "MNIST_REPORT_OUT"  # environment: where a chapter's figures and results.json go; `report` and the tests set it
SEEDS = "MNIST_REPORT_SEEDS"  # environment: how many seeds, instead of report.toml's
STRICT = "MNIST_REPORT_STRICT"  # environment: a claim that does not hold stops the chapter; the tests set it
CODE = ("appendix", "show", "hide")
HAND_IN_NAME = "00_report"  # what is handed in; 00_report_ko is the same in Korean
COLAB = "report-colab"  # the tag of our cells that only Colab needs, not in the PDF; no student uses it


class SettingsError(ValueError):
    """report.toml cannot be used; the message names the key and what is expected."""

    exit_code = 2


@dataclass(frozen=True)
class Settings:
    """The keys of report.toml with their defaults; a key left out has its default."""

    title: str = "LeNet-5 and a multilayer perceptron on MNIST"
    course: str = ""
    name: str = ""
    student_id: str = ""
    date: str = ""
    seeds: int = 3
    code: str = "hide"
    title_ko: str = "MNIST에서 LeNet-5와 다층 퍼셉트론의 비교"
    course_ko: str = ""

    def in_language(self, language: str) -> "Settings":
        """With title and course as a document in "en" or "ko" has them."""
        return replace(self, title=self.title_ko, course=self.course_ko) if language == "ko" else self


def read_settings(path: str | Path = "report.toml") -> Settings:
    """The settings in a report.toml; SettingsError in one sentence for anything that is not right."""
    path = project_path(path)
    if not path.is_file():
        return Settings()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path.name} cannot be read: {error.strerror}. Make it readable.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} is not in UTF-8: {error}. Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name} is not valid TOML: {error}. Put text in double quotes.") from error
    return checked(values, path.name)


def checked(values: dict, where: str) -> Settings:
    """The settings of these keys; SettingsError, with the name of where they come from, for one that is not right."""
    types = {field.name: type(field.default) for field in fields(Settings)}
    for key, value in values.items():
        if key not in types:
            near = difflib.get_close_matches(key, types, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" The keys are {', '.join(types)}."
            raise SettingsError(f"{where}: unknown key {key!r}.{hint}")
        if key == "date" and isinstance(value, Date):
            values[key] = value = value.isoformat()
        if type(value) is not types[key]:
            expected = "a whole number" if types[key] is int else "text in double quotes"
            raise SettingsError(f"{where}: {key} must be {expected}, not {value!r}.")
    settings = Settings(**values)
    if not 1 <= settings.seeds <= MOST_SEEDS:
        raise SettingsError(f"{where}: seeds must be 1 to {MOST_SEEDS:,}, not {settings.seeds}.")
    if not settings.title.strip():
        raise SettingsError(f"{where}: title must not be empty.")
    if settings.code not in CODE:
        raise SettingsError(f"{where}: code must be one of {', '.join(CODE)}, not {settings.code!r}.")
    return settings


def language_of(name: str, words: str = "") -> str:
    """Of a notebook by its name: "ko" for 00_report_ko and its copies, such as 00_report_ko-Copy1, else "en".

    words: what it says; "ko" where Hangul is more than three tenths of the letters, the rest being names and terms.
    """
    letters = len(re.findall(r"[^\W\d_]", words))
    korean = len(re.findall("[가-힣]", words)) > 0.3 * letters
    return "ko" if korean or re.search(r"_ko(?![a-z])", name) else "en"
