"""The settings: what is read, what is refused, what is told."""

import dataclasses
from pathlib import Path

import pytest

from service import cli
from service.settings import InvalidSettings, Settings

FIELDS = dataclasses.fields(Settings)


def test_nothing_set_means_the_defaults():
    assert Settings.from_environment({"PATH": "/bin"}) == Settings()


def test_every_setting_is_read_from_its_variable_and_written_back():
    settings = Settings.from_environment(
        {
            "SHORTLIST_DATA_DIR": "/some where",
            "SHORTLIST_PORT": "0",
            "SHORTLIST_ALLOW_JOBLIB": "YES",
            "SHORTLIST_API_KEY": "a=b",
        }
    )
    assert settings.data_dir == Path("/some where")
    assert (settings.port, settings.allow_joblib, settings.api_key) == (0, True, "a=b")
    assert Settings.from_environment(settings.environment()) == settings


def test_a_misspelt_variable_is_refused_and_the_right_ones_are_told():
    with pytest.raises(InvalidSettings, match=r"SHORTLIST_PROT is not.*SHORTLIST_PORT"):
        Settings.from_environment({"SHORTLIST_PROT": "1"})


@pytest.mark.parametrize(
    ("variable", "text", "complaint"),
    [
        ("SHORTLIST_PORT", "http", "whole number"),
        ("SHORTLIST_PORT", "8000.5", "whole number"),
        ("SHORTLIST_PORT", "-1", "from 0 to 65535"),
        ("SHORTLIST_WORKERS", "0", "from 1"),
        ("SHORTLIST_WORKERS", "", "whole number"),
        ("SHORTLIST_ALLOW_JOBLIB", "perhaps", "true or false"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_variable(variable, text, complaint):
    with pytest.raises(InvalidSettings, match=f"{variable} must be {complaint}|{complaint}"):
        Settings.from_environment({variable: text})


def test_every_default_is_within_its_bounds():
    assert Settings.from_environment(Settings().environment()) == Settings()


def test_every_setting_says_what_it_does():
    assert all(field.metadata["help"] for field in FIELDS)


def test_every_published_limit_has_a_number_and_a_meaning():
    limits = Settings(max_page=7).limits()
    assert limits["max_page"] == {"value": 7, "meaning": "rows of one answer"}
    assert all(isinstance(limit["value"], int) for limit in limits.values())


def test_no_secret_is_a_published_limit():
    assert not {"api_key", "redis_url", "data_dir"} & set(Settings().limits())


def test_the_command_line_tells_every_setting(capsys):
    assert cli.main(["settings"]) == 0
    table = capsys.readouterr().out
    assert all(f"| `SHORTLIST_{field.name.upper()}` |" in table for field in FIELDS)
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    listing = capsys.readouterr().out
    assert all(f"SHORTLIST_{field.name.upper()} " in listing for field in FIELDS)


def test_a_flag_stands_above_its_variable():
    variables = cli.with_flags({"SHORTLIST_PORT": "1", "SHORTLIST_HOST": "a"}, {"port": "2"})
    assert variables == {"SHORTLIST_PORT": "2", "SHORTLIST_HOST": "a"}
