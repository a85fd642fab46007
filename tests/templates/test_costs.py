"""What docs/operations.md reckons about AWS comes out as it says, and tells of every alarm there is."""

import re
from pathlib import Path

import pytest

from tests.templates.reading import resources, settings, template

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
TABLES = re.findall(r"\*\*(dev|prod)\*\*, with.*?\n\n(\| what .*?)\n\n", PAGE, flags=re.S)
ROW = re.compile(r"^\| ([^|]+) \| ([\d.,+× ]+) \| ([\d.]+) \|$", flags=re.M)


def reckon(text: str) -> float:
    """Sums of products; there is nothing else in the page."""
    total = 0.0
    for summand in text.replace(",", "").split("+"):
        product = 1.0
        for factor in summand.split("×"):
            product *= float(factor)
        total += product
    return total


@pytest.mark.parametrize(("stack", "table"), TABLES, ids=[stack for stack, _ in TABLES])
def test_every_row_is_its_arithmetic_and_the_sum_is_theirs(stack, table):
    rows = ROW.findall(table)
    assert len(rows) == table.count("\n| ") - 1, "a row is not read"
    assert [what for what, text, dollars in rows if f"{reckon(text):.2f}" != dollars] == []
    (together,) = re.findall(r"\*\*([\d.]+)\*\* \|", table)
    assert f"{sum(float(dollars) for *_, dollars in rows):.2f}" == together
    assert float(together) < settings(stack, "guard")["MonthlyBudget"]


def test_the_fleet_from_which_api_gateway_is_dearer_is_reckoned_right():
    gateway = 60 * 730 * 3.50 / 1_000_000
    fixed = 730 * 0.0225 + 2 * 730 * 0.005
    unit = 730 * 0.008 / 60 / 25

    def dearer_from(minutes: int) -> int:
        return next(hosts for hosts in range(1, 10_000) if hosts * gateway / minutes > fixed + hosts * unit / minutes)

    assert f"= ${gateway:.4f}" in PAGE
    assert f"= ${fixed:.2f}" in PAGE
    assert f"= ${unit:.4f}" in PAGE
    assert f"from {dearer_from(1)} hosts on" in PAGE
    assert f"from {dearer_from(5)} on" in PAGE
    assert f"${1000 * gateway:.2f} against ${fixed + 1000 * unit:.2f}" in PAGE
    monthly = template("edge")["Parameters"]["RequestsPerMonth"]["Default"]
    assert f"what {monthly // (60 * 730):,} hosts do" in PAGE


def test_every_alarm_is_explained_and_counted():
    alarms = [
        one["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("compliance-${Stack}-")
        for _, one in resources("AWS::CloudWatch::Alarm")
    ]
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, flags=re.M) == alarms
    assert f"{len(alarms)} × 0.10" in PAGE


def test_every_parameter_that_the_page_names_is_one():
    known = {
        key
        for name in ("network", "database", "balancer", "server", "edge", "single", "guard", "agents")
        for key in template(name)["Parameters"]
    }
    named = set(re.findall(r"`([A-Z][A-Za-z]+)(?:=[^`]*)?`", PAGE)) | set(re.findall(r"--parameter ([A-Za-z]+)=", PAGE))
    others = {
        "Url",
        "IngestKeySecret",
        "DatabaseSecret",
        "GatewayKeySecret",
        "Key",
    }  # outputs, and the word in `--parameter Key=Value`
    assert named - others <= known
