"""Every error class has an exit code of the table, and nobody reuses a number."""

import importlib
import pkgutil

import mlops_ci
from mlops_ci import errors
from mlops_ci.commands.exit_codes import TABLE
from mlops_ci.errors import BY_EXIT_CODE, MlopsError


def all_classes(base):
    for one in base.__subclasses__():
        yield one
        yield from all_classes(one)


def import_everything():
    for module in pkgutil.walk_packages(mlops_ci.__path__, "mlops_ci."):
        if not module.name.startswith("mlops_ci.guest") and module.name != "mlops_ci.__main__":
            importlib.import_module(module.name)


def test_base_classes_have_distinct_exit_codes():
    bases = [one for one in vars(errors).values() if isinstance(one, type) and MlopsError in one.__bases__]
    assert len({one.exit_code for one in bases}) == len(bases) == len(BY_EXIT_CODE)


def test_every_exit_code_is_in_the_table_that_users_see():
    told = {int(code) for row in TABLE for code in row[0].split(",")}
    assert told == {0, *BY_EXIT_CODE}


def test_every_error_of_the_project_derives_from_a_base_with_an_exit_code():
    import_everything()
    ours = {one for one in all_classes(MlopsError) if one.__module__.startswith("mlops_ci")}
    assert len(ours) > 30
    for one in ours:
        assert one.exit_code in BY_EXIT_CODE, one
        assert one.__doc__, f"{one} says nothing of itself"


def test_failure_class_is_the_name_in_kebab_case():
    class DiskFullError(errors.InfrastructureError):
        """For this test."""

    assert DiskFullError("x").failure_class == "disk-full"
    assert errors.GateError("x").failure_class == "gate"


def test_an_error_carries_cause_hint_and_details():
    error = errors.UsageError("no such file", hint="make it", details=("a", "b"))
    assert (error.cause, error.hint, error.details, str(error)) == (
        "no such file",
        "make it",
        ("a", "b"),
        "no such file",
    )
