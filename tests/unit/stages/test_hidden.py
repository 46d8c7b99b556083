from dataclasses import replace

import pytest

from mlops_ci.redaction import Redactor
from mlops_ci.settings.notify import NotifySettings
from mlops_ci.stages.hidden import hide_addresses
from support.image_projects import make_settings


@pytest.mark.parametrize(
    ("notify", "environ"),
    [
        ({"slack": "SLACK_URL"}, {"SLACK_URL": "https://hooks.example.com/very-secret-address"}),
        ({"webhook": "HOOK", "webhook_key": "KEY"}, {"KEY": "very-secret-address"}),
        ({}, {"MLOPS_GITLAB_TOKEN": "very-secret-address"}),
        ({"gitlab_token": "MY_TOKEN"}, {"MY_TOKEN": "very-secret-address"}),
    ],
)
def test_whatever_names_a_secret_is_hidden(tmp_path, notify, environ):
    settings = make_settings(tmp_path)
    tables = replace(settings.tables, notify=NotifySettings(**notify))
    redactor = Redactor()
    hide_addresses(replace(settings, tables=tables), environ, redactor)
    assert "very-secret" not in redactor.clean("to https://hooks.example.com/very-secret-address")
