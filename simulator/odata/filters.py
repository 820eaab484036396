"""Compiles OData's $filter expressions to functions over rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import translate
from functools import lru_cache
from typing import Any

from simulator.odata.tables import ENUMS, NAMESPACE, EntitySet
from simulator.web.wire import Refusal

Row = Sequence[Any]
Value = Callable[[Row], Any]

NUMBERS = {"Int32", "Int64", "Decimal"}
COMPARISONS = {"eq", "ne", "gt", "ge", "lt", "le"}
TOKEN = re.compile(
    r"""\s*(?:
      (?P<enum>[A-Za-z_][\w.]*\.[A-Za-z_]\w*'(?:[^']|'')*')
    | (?P<text>'(?:[^']|'')*')
    | (?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})
    | (?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_@][\w@./]*)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)


def bad(message: str) -> Refusal:
    return Refusal(400, message, "BadRequest")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences between the products: functions, `*` as a wildcard, and case in comparisons of texts."""

    wildcards: bool
    ignore_case: bool
    functions: bool


@dataclass(frozen=True, slots=True)
class Term:
    """A compiled part of an expression with its type ("Null" for null, "Enum:X" for members)."""

    type: str
    value: Value
    constant: Any = None


@lru_cache(maxsize=200_000)
def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


class Filter:
    """A recursive descent parser of one $filter; every mistake is a 400, as it is in the products."""

    def __init__(self, text: str, entity_set: EntitySet, dialect: Dialect) -> None:
        self.set, self.dialect = entity_set, dialect
        self.tokens: list[tuple[str, str]] = []
        position, text = 0, text.rstrip()
        while position < len(text):
            match = TOKEN.match(text, position)
            if not match:
                raise bad(f"Syntax error at position {position} in '{text}'.")
            self.tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            position = match.end()
        self.place = 0

    def compile(self) -> Value:
        term = self.either()
        if self.place != len(self.tokens):
            raise bad(f"Unexpected '{self.tokens[self.place][1]}' in $filter.")
        return self.truth(term).value

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.place] if self.place < len(self.tokens) else ("end", "")

    def take(self, *words: str) -> str | None:
        kind, text = self.peek()
        if text in words and kind in {"name", "mark"}:
            self.place += 1
            return text
        return None

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise bad(f"'{word}' expected in $filter, found '{self.peek()[1]}'.")

    @staticmethod
    def truth(term: Term) -> Term:
        if term.type != "Boolean":
            raise bad("The $filter expression must evaluate to a single boolean value.")
        return term

    def either(self) -> Term:
        left = self.both()
        while self.take("or"):
            a, b = self.truth(left).value, self.truth(self.both()).value
            left = Term("Boolean", lambda row, a=a, b=b: a(row) or b(row))  # type: ignore[misc]
        return left

    def both(self) -> Term:
        left = self.comparison()
        while self.take("and"):
            a, b = self.truth(left).value, self.truth(self.comparison()).value
            left = Term("Boolean", lambda row, a=a, b=b: a(row) and b(row))  # type: ignore[misc]
        return left

    def comparison(self) -> Term:
        left = self.sum()
        kind, word = self.peek()
        if kind == "name" and word in COMPARISONS:
            self.place += 1
            return self.compare(word, left, self.sum())
        if kind == "name" and word in {"has", "in"}:
            raise bad(f"The operator '{word}' is not supported.")
        return left

    def sum(self) -> Term:
        left = self.product()
        while word := self.take("add", "sub"):
            left = self.arithmetic(word, left, self.product())
        return left

    def product(self) -> Term:
        left = self.unary()
        while word := self.take("mul", "div", "divby", "mod"):
            left = self.arithmetic(word, left, self.unary())
        return left

    def unary(self) -> Term:
        if self.take("not"):
            inner = self.truth(self.unary()).value
            return Term("Boolean", lambda row: not inner(row))
        return self.primary()

    def primary(self) -> Term:
        kind, text = self.peek()
        self.place += 1
        match kind:
            case "mark" if text == "(":
                term = self.either()
                self.expect(")")
                return term
            case "text":
                return constant("String", text[1:-1].replace("''", "'"))
            case "guid":
                return constant("Guid", text.lower())
            case "moment":
                return constant("DateTimeOffset", moment(text))
            case "date":
                try:
                    date.fromisoformat(text)
                except ValueError:
                    raise bad(f"'{text}' is not a date.") from None
                return constant("Date", text)
            case "number":
                return constant(
                    "Decimal" if "." in text else "Int32", float(text) if "." in text else int(text)
                )
            case "enum":
                return self.enum(text)
            case "name":
                return self.name(text)
        raise bad(
            f"Unexpected '{text}' in $filter." if text else "Expression expected at the end of $filter."
        )

    def enum(self, text: str) -> Term:
        type_name, _, member = text[:-1].partition("'")
        namespace, _, name = type_name.rpartition(".")
        if namespace != NAMESPACE or name not in ENUMS or member not in ENUMS[name]:
            raise bad(f"The string {text} is not a valid enumeration type constant.")
        return constant(f"Enum:{name}", member)

    def name(self, text: str) -> Term:
        if text in {"true", "false"}:
            return constant("Boolean", text == "true")
        if text == "null":
            return constant("Null", None)
        if self.peek() == ("mark", "("):
            return self.function(text)
        if text not in self.set.column:
            raise bad(f"Could not find a property named '{text}' on type '{self.set.type}'.")
        column, index = self.set.column[text], self.set.position[text]
        if column.type in ENUMS:
            return Term(f"Enum:{column.type}", lambda row: row[index])
        if column.type == "DateTimeOffset":
            return Term(column.type, lambda row: None if row[index] is None else moment(row[index]))
        return Term(column.type, lambda row: row[index])

    def function(self, name: str) -> Term:
        if not self.dialect.functions or name not in FUNCTIONS:
            raise bad(f"An unknown function with name '{name}' was found.")
        self.expect("(")
        arguments = [self.either()]
        while self.take(","):
            arguments.append(self.either())
        self.expect(")")
        result, count = FUNCTIONS[name]
        if len(arguments) != count or any(term.type != "String" for term in arguments):
            raise bad(f"The function '{name}' takes {count} text argument(s).")
        call = CALLS[name]
        values = [term.value for term in arguments]
        return Term(result, lambda row: call(*(value(row) or "" for value in values)))

    def arithmetic(self, word: str, left: Term, right: Term) -> Term:
        if left.type not in NUMBERS or right.type not in NUMBERS:
            raise bad(f"The operator '{word}' needs numbers.")
        a, b, how = left.value, right.value, ARITHMETIC[word]
        whole = left.type != "Decimal" and right.type != "Decimal" and word != "divby"
        if right.constant == 0 and word in {"div", "divby", "mod"}:
            raise bad("Attempted to divide by zero.")
        return Term("Int32" if whole else "Decimal", lambda row: how(a(row), b(row), whole))

    def compare(self, word: str, left: Term, right: Term) -> Term:
        if left.type == "Null":
            left, right, word = right, left, MIRRORED[word]
        if right.type != "Null" and not comparable(left.type, right.type):
            raise bad(
                f"A binary operator with incompatible types was detected: '{left.type}' {word} '{right.type}'."
            )
        if left.type.startswith("Enum:") and word not in {"eq", "ne"}:
            raise bad(f"The operator '{word}' is not supported for enumerations.")
        a, b = left.value, right.value
        if left.type == "String":
            pattern = self.pattern(word, right)
            if pattern:
                equal = word == "eq"
                return Term("Boolean", lambda row: bool(pattern.match(a(row) or "")) == equal)
            if self.dialect.ignore_case:
                a, b = folded(a), folded(b) if right.constant is None else fixed(right.constant.casefold())
        elif {left.type, right.type} == {"Date", "DateTimeOffset"}:
            a, b = as_moment(left), as_moment(right)
        if right.constant is not None and word in {"eq", "ne"}:
            expected = b(())
            if word == "eq":
                return Term("Boolean", lambda row: a(row) == expected)
            return Term("Boolean", lambda row: a(row) != expected)
        how = COMPARE[word]
        return Term("Boolean", lambda row: how(a(row), b(row)))

    def pattern(self, word: str, right: Term) -> re.Pattern[str] | None:
        text = right.constant
        if (
            not self.dialect.wildcards
            or word not in {"eq", "ne"}
            or not isinstance(text, str)
            or "*" not in text
        ):
            return None
        escaped = re.sub(
            r"([\[?])", r"[\1]", text
        )  # of the shell's wildcards only * is special in the product
        return re.compile(translate(escaped), re.IGNORECASE if self.dialect.ignore_case else 0)


def constant(type_name: str, value: Any) -> Term:
    return Term(type_name, lambda row: value, value)


def fixed(value: Any) -> Value:
    return lambda row: value


def folded(value: Value) -> Value:
    def read(row: Row) -> Any:
        text = value(row)
        return text.casefold() if isinstance(text, str) else text

    return read


def as_moment(term: Term) -> Value:
    value = term.value
    if term.type == "DateTimeOffset":
        return value
    return lambda row: None if value(row) is None else moment(f"{value(row)}T00:00:00Z")


def comparable(left: str, right: str) -> bool:
    return (
        left == right
        or {left, right} <= NUMBERS
        or {left, right} == {"Date", "DateTimeOffset"}
        or {left, right} == {"Guid", "String"}
    )


def ordered(how: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda a, b: a is not None and b is not None and how(a, b)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": ordered(lambda a, b: a > b),
    "ge": ordered(lambda a, b: a >= b),
    "lt": ordered(lambda a, b: a < b),
    "le": ordered(lambda a, b: a <= b),
}
MIRRORED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
ARITHMETIC: dict[str, Callable[[Any, Any, bool], Any]] = {
    "add": lambda a, b, whole: a + b,
    "sub": lambda a, b, whole: a - b,
    "mul": lambda a, b, whole: a * b,
    "div": lambda a, b, whole: int(a / b) if whole else a / b,
    "divby": lambda a, b, whole: a / b,
    "mod": lambda a, b, whole: a - int(a / b) * b,
}
FUNCTIONS = {
    "contains": ("Boolean", 2),
    "startswith": ("Boolean", 2),
    "endswith": ("Boolean", 2),
    "tolower": ("String", 1),
    "toupper": ("String", 1),
}
CALLS: dict[str, Callable[..., Any]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
}
