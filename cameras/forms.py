"""Forms of ROIs and bindings; a camera's are in `camera_forms`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from cameras.core.algorithms import registry
from cameras.core.strict_json import DocumentError, check_json
from cameras.models import ROI, Binding


class PlainJSONField(forms.JSONField):
    """JSON without repeated keys, and without a depth or a number that Python gives up on.

    NaN goes through: the model's check names where it stands.
    """

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip():
            try:
                check_json(value, constants=True)
            except DocumentError as error:
                raise ValidationError(_("This is not valid JSON: %(problem)s") % {"problem": error.told(_)}) from None
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return InvalidJSONInput(data)  # shown again as it was typed


class ROIForm(forms.ModelForm[ROI]):
    coordinates = PlainJSONField(
        label=capfirst(ROI._meta.get_field("coordinates").verbose_name),
        help_text=ROI._meta.get_field("coordinates").help_text,
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField code"}),
    )

    class Meta:
        model = ROI
        fields = "__all__"  # noqa: DJ007  as above


class LabelledFormSet(forms.BaseInlineFormSet[Any, Any, Any]):
    """Rows of a table whose fields say their name themselves: for who hears them, the column's head is far away.

    The page carries what its rows began with. A row that was left alone is not saved, whoever changed it meanwhile; one that
    two people changed is refused.
    """

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if not form.instance._state.adding:
            own = {self.fk.name, form.instance._meta.pk.name, "DELETE"}
            for name in form.fields.keys() - own:
                form.fields[name].show_hidden_initial = True
        for field in form.fields.values():
            widget = getattr(field.widget, "widget", field.widget)  # inside what the admin puts around a list of rows
            if not widget.is_hidden and field.label:
                widget.attrs["aria-label"] = capfirst(str(field.label))

    def clean(self) -> None:
        super().clean()
        for form in self.initial_forms:
            for name in form.fields:
                if not _changed_by_others(form, name):
                    continue
                if name in form.changed_data:
                    form.add_error(
                        name, _("Somebody else changed this after you opened the page. Load the page again.")
                    )
                else:  # of a row that is saved for another field's sake
                    setattr(form.instance, form.instance._meta.get_field(name).attname, form.initial[name])


def _changed_by_others(form: Any, name: str) -> bool:
    """Whether what the page began with is not what is stored now."""
    field = form.fields[name]
    if not field.show_hidden_initial:
        return False
    began = field.hidden_widget().value_from_datadict(form.data, form.files, form[name].html_initial_name)
    return began is not None and bool(field.has_changed(form.get_initial_for_field(field, name), began))


def algorithm_choices() -> list[tuple[str, str]]:
    """Registered algorithms with their translated labels, for a select box in which nothing is chosen at first."""
    return [("", "---------"), *((a.code, _(a.label)) for a in registry.all())]


class BindingForm(forms.ModelForm[Binding]):
    params = PlainJSONField(
        label=capfirst(Binding._meta.get_field("params").verbose_name),
        help_text=Binding._meta.get_field("params").help_text,
        required=False,
        initial=dict,
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField code"}),
    )
    algo_code = forms.ChoiceField(
        label=capfirst(Binding._meta.get_field("algo_code").verbose_name), choices=algorithm_choices
    )

    class Meta:
        model = Binding
        fields = "__all__"  # noqa: DJ007  as above
