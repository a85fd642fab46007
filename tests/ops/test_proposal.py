"""A change set's changes, in our four words."""

import pytest

from compliance.ops.proposal import Act, Change, read_change


def resource(**told):
    return {
        "Type": "Resource",
        "ResourceChange": {"LogicalResourceId": "Db", "ResourceType": "AWS::RDS::DBInstance"} | told,
    }


@pytest.mark.parametrize(
    ("told", "act", "certain"),
    [
        ({"Action": "Add"}, Act.add, True),
        ({"Action": "Import"}, Act.add, True),
        ({"Action": "Remove"}, Act.remove, True),
        ({"Action": "Modify"}, Act.change, True),
        ({"Action": "Modify", "Replacement": "False"}, Act.change, True),
        ({"Action": "Modify", "Replacement": "True"}, Act.swap, True),
        ({"Action": "Modify", "Replacement": "Conditional"}, Act.swap, False),
        ({"Action": "Dynamic"}, Act.change, False),
    ],
)
def test_each_action_is_a_word(told, act, certain):
    change = read_change(resource(**told))
    assert (change.act, change.certain, change.resource, change.type) == (act, certain, "Db", "AWS::RDS::DBInstance")


def test_only_what_takes_a_resource_away_loses():
    acts = [Change(act, "Db", "X").loses for act in (Act.add, Act.change, Act.swap, Act.remove)]
    assert acts == [False, False, True, True]


def test_a_change_names_what_made_it():
    details = [
        {"Target": {"Attribute": "Properties", "Name": "InstanceType"}, "CausingEntity": "Size"},
        {"Target": {"Attribute": "Properties", "Name": "InstanceType"}, "CausingEntity": "Size"},
        {"Target": {"Attribute": "Properties", "Name": "Port"}},
        {"Target": {"Attribute": "Tags"}},
        {},
    ]
    assert read_change(resource(Action="Modify", Details=details)).because == ("InstanceType (Size)", "Port", "Tags")


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("Snapshot", "snapshot"),
        ("ReplaceAndSnapshot", "snapshot"),
        ("Retain", "retain"),
        ("Delete", None),
        (None, None),
    ],
)
def test_what_stays_of_what_goes_is_told(policy, kept):
    assert read_change(resource(Action="Remove", **({"PolicyAction": policy} if policy else {}))).kept == kept
