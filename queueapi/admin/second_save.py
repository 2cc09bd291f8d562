"""Warnings of a form: values that are saved only if they are sent a second time."""

from typing import Any

from django import forms
from django.utils.crypto import salted_hmac


class SecondSaveForm(forms.ModelForm):
    """Keep in a hidden field which warnings were shown, each with the value that it was about."""

    confirmed = forms.CharField(required=False, label="", widget=forms.HiddenInput)

    def warn(self, name: str, text: Any, value: str) -> None:
        """Refuse the form with a warning in this field, unless it was shown for this value."""
        data: Any = self.data
        confirmed, token = data.get("confirmed", ""), salted_hmac(name, value).hexdigest()
        if token not in confirmed:
            self.add_error(name, text)
            self.data = data = data.copy()  # a QueryDict of a request is immutable
            data["confirmed"] = f"{confirmed} {token}"
