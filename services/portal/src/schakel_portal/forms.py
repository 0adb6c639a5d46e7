"""A form as it is shown again: what was typed, and what is not right about it, in the visitor's words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from schakel_portal.graphql import Refused
from schakel_portal.texts import Texts, table_of


@dataclass
class Form:
    """What a template needs to show a form.

    Attributes:
        values: by field name.
        errors: text by field name, shown at the field and in the summary above.
        general: what is not about one field.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.errors or self.general)

    def value(self, name: str) -> str:
        """Return what was typed."""
        return self.values.get(name, "")


def refused_form(
    t: Texts,
    values: Mapping[str, str],
    refused: Refused,
    fields: Iterable[str],
    *,
    named: Mapping[str, str] = MappingProxyType({}),
) -> Form:
    """Return the form to show again after a command was refused.

    Args:
        t: texts of the visitor's language.
        values: what was typed.
        refused: the API's answer.
        fields: the names on this form; an error about anything else goes above it.
        named: our name of a field that the API names otherwise, such as ``contact.name``.
    """
    form = Form(values=values)
    names = set(fields)
    for error in refused.errors:
        path = named.get(error.field, error.field.rpartition(".")[2])
        name = path if path in names else None
        text = field_text(t, name or error.field, error.code, error.message)
        if name is None:
            form.general.append(text)
        else:
            form.errors.setdefault(name, text)
    if not form.wrong:
        title = refused.title_nl if t.language == "nl" else refused.title_en
        form.general.append(table_of(t.language).get(f"problems.{refused.code}", title) or t("problems.unknown"))
    return form


def field_text(t: Texts, name: str, code: str, message: str = "") -> str:
    """Return the text for a field's error: for this field and code, else for the field, else for the code."""
    table = table_of(t.language)
    for key in (f"errors.{name}.{code}", f"errors.{name}.other", f"errors.any.{code}"):
        if key in table:
            return table[key]
    return message if t.language == "en" and message else t("errors.any.other")
