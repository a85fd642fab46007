"""moto's server with a CloudFormation that is nearer to AWS's, on loopback.

moto makes most resources for real in its own memory, but its engine keeps quiet about what it cannot do. Taught here:

- what a change set makes has outputs, parameters and tags, and one without changes FAILS as AWS has it
- every resource has its events; a creation that fails is rolled back and keeps its reason
- types that moto's services have and its CloudFormation has not are made by a call (moto_resources.py, moto_types.py)
- any other type that it does not know is imitated, and says so: its physical id begins with `imitated-`
- Fn::Cidr; attributes that moto does not have; protection against termination

Not taught: which changes replace a resource, an update that fails, drift. LocalStack and botocore's Stubber show those.
"""

import ipaddress
import traceback
from typing import Any

from moto.cloudformation import models, parsing, responses
from moto.core.responses import EmptyResult
from moto.server import main

from compliance.ops.template import parse_template
from tests.ops import moto_resources
from tests.ops.moto_resources import as_moto_reads
from tests.ops.moto_types import ENDPOINT

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."

real_clean = parsing.clean_json
real_create = parsing.parse_and_create_resource
real_update = parsing.parse_and_update_resource
real_delete = parsing.ResourceMap._delete_resource


def clean(tree: Any, resources: Any) -> Any:
    if isinstance(tree, dict) and "Fn::Cidr" in tree:
        whole, count, bits = (real_clean(part, resources) for part in tree["Fn::Cidr"])
        found = ipaddress.ip_network(whole).subnets(new_prefix=32 - int(bits))
        return [str(next(found)) for _ in range(int(count))]
    if isinstance(tree, dict) and "Fn::GetAtt" in tree:
        # moto parts the short form at each of its dots.
        name, attribute = tree["Fn::GetAtt"][0], ".".join(tree["Fn::GetAtt"][1:])
        try:
            value = real_clean({"Fn::GetAtt": [name, attribute]}, resources)
        except Exception:
            value = None
        # What is left unanswered comes back as the question.
        return f"imitated-{name}-{attribute}" if value is None or isinstance(value, dict) else value
    if isinstance(tree, list):
        # AWS::NoValue takes an element out of a list.
        return [part for part in real_clean(tree, resources) if part is not None]
    return real_clean(tree, resources)


def tree(body: str) -> Any:
    """moto takes `!Condition` for a function of that name."""
    return parse_template("sent", body).tree


def parse_change_set(self: models.ChangeSet) -> None:
    self.template_dict = tree(self.template)


def resource_map(self: models.Stack) -> Any:
    """Knows its stack, which moto looks up by an id that it has forgotten when it deletes."""
    made = real_resource_map(self)
    made.stack = self
    return made


def as_given(self: models.Stack) -> dict[str, str]:
    """Every parameter as the text that was given for it; moto keeps lists, and what stands in Systems Manager."""
    told = {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in self.resource_map.resolved_parameters.items()
    }
    for name, slot in self.template_dict.get("Parameters", {}).items():
        if slot["Type"].startswith("AWS::SSM::Parameter::"):
            told[name] = self.resource_map.input_parameters.get(name, slot.get("Default"))
    return told


def parameter_list(self: models.Stack) -> list[dict[str, str]]:
    hidden = self.resource_map.no_echo_parameter_keys
    return [
        {"ParameterKey": name, "ParameterValue": "****" if name in hidden else value}
        for name, value in as_given(self).items()
    ]


def tell(stack: models.Stack, name: str, type: str, state: str, reason: str | None = None, id: str = "") -> None:
    stack.events.append(models.Event(stack.stack_id, stack.name, name, id, type, state, reason, None))


def create(logical_id: str, resource_json: Any, resources: Any, account_id: str, region_name: str) -> Any:
    condition = resource_json.get("Condition")
    if condition and not resources.lazy_condition_map[condition]:
        return None
    needed = resource_json.get("DependsOn", [])
    for name in [needed] if isinstance(needed, str) else needed:
        _ = resources[name]  # a lazy map: asked for is made
    stack, type = resources.stack, resource_json["Type"]
    tell(stack, logical_id, type, "CREATE_IN_PROGRESS")
    try:
        made = real_create(logical_id, as_moto_reads(resource_json), resources, account_id, region_name)
    except Exception as error:
        # One that it needs and that failed has been told already.
        if not getattr(error, "told", False):
            traceback.print_exc()
            tell(stack, logical_id, type, "CREATE_FAILED", getattr(error, "message", None) or str(error))
        error.told = True  # type: ignore[attr-defined]
        raise
    tell(stack, logical_id, type, "CREATE_COMPLETE", id=getattr(made, "physical_resource_id", ""))
    return made


def update(logical_id: str, resource_json: Any, resources: Any, account_id: str, region_name: str) -> Any:
    condition = resource_json.get("Condition")
    if condition and not resources.lazy_condition_map[condition]:
        return None
    stack, type = resources.stack, resource_json["Type"]
    tell(stack, logical_id, type, "UPDATE_IN_PROGRESS")
    before = resources[logical_id]
    # For a type that it cannot update moto forgets the resource.
    found = real_update(logical_id, as_moto_reads(resource_json), resources, account_id, region_name) or before
    found.cf_resource_type, found.logical_resource_id = type, logical_id
    tell(stack, logical_id, type, "UPDATE_COMPLETE", id=getattr(found, "physical_resource_id", ""))
    return found


def delete_resource(self: Any, resource: Any, resource_json: Any) -> None:
    stack = self.stack
    name, type = resource.logical_resource_id, resource_json["Type"]
    tell(stack, name, type, "DELETE_IN_PROGRESS")
    try:
        real_delete(self, resource, resource_json)
    except Exception as error:
        # moto cannot delete a VPC that still has its routes; AWS can, in the right order.
        tell(stack, name, type, "DELETE_SKIPPED", str(error))
    else:
        tell(stack, name, type, "DELETE_COMPLETE")


def change_set(self: Any, **arguments: Any) -> tuple[str, str]:
    name, kind = arguments["stack_name"], arguments["change_set_type"]
    shells = [one for one in self.stacks.values() if one.name == name and one.status == "REVIEW_IN_PROGRESS"]
    for shell in shells:
        del self.stacks[shell.stack_id]
    id, stack_id = real_change_set(self, **arguments)
    found, stack = self.change_sets[id], self.stacks[stack_id]
    if kind == "UPDATE":
        found.resolved = models.ResourceMap(
            stack_id, name, found.parameters, {}, self.region_name, self.account_id, found.template_dict, {}
        )
        found.resolved.load()
        changed = changed_resources(stack, found)
        found.changes = [one for one in found.changes if one.action != "Modify"]
        found.changes += [
            models.Change("Modify", one, found.template_dict["Resources"][one]["Type"]) for one in changed
        ]
        same = (
            not found.changes
            and stack.template_dict.get("Outputs") == found.template_dict.get("Outputs")
            and (stack.tags or {}) == (found.tags or {})
        )
        found.status, found.execution_status = ("FAILED", "UNAVAILABLE") if same else ("CREATE_COMPLETE", "AVAILABLE")
        found.status_reason = NO_CHANGES if same else None
    return id, stack_id


def changed_resources(stack: models.Stack, found: Any) -> list[str]:
    """By what they are once parameters are filled in, as AWS compares."""
    old, new = stack.template_dict["Resources"], found.template_dict["Resources"]
    before, after = stack.resource_map.resolved_parameters, found.resolved.resolved_parameters
    moved = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    conditions = stack.template_dict.get("Conditions", {})
    moved |= {name for name, tree in conditions.items() if moved & set(names_in(tree))}
    return [name for name in new if name in old and (old[name] != new[name] or moved & {*names_in(new[name])})]


def names_in(tree: Any) -> list[str]:
    """Every word of a tree that may be a parameter's or a condition's name."""
    if isinstance(tree, dict):
        return [name for key, value in tree.items() for name in (key, *names_in(value))]
    if isinstance(tree, list):
        return [name for part in tree for name in names_in(part)]
    return str(tree).replace("${", " ").replace("}", " ").replace(".", " ").split()


def execute(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
    found = self.describe_change_set(change_set_name)
    stack, kind = self.stacks[found.stack_id], found.change_set_type
    stack._add_stack_event(f"{kind}_IN_PROGRESS", resource_status_reason="User Initiated")
    stack.template, stack.tags = found.template, found.tags or {}
    if kind == "UPDATE":
        modified = [one.logical_resource_id for one in found.changes if one.action == "Modify"]
        # moto would look for changed parameters by itself, and not see those within a Sub.
        for name in modified:
            stack.resource_map._resource_json_map[name] = {}
    stack._parse_template()
    try:
        stack.resource_map.update(stack.template_dict, found.parameters)
    except Exception as error:
        traceback.print_exc()
        undo(stack, kind, str(error))
        return
    stack.parameters, stack.description = found.parameters, stack.template_dict.get("Description")
    stack.output_map = stack._create_output_map()
    stack._add_stack_event(f"{kind}_COMPLETE")
    stack.status, found.execution_status = f"{kind}_COMPLETE", "EXECUTE_COMPLETE"


def undo(stack: models.Stack, kind: str, reason: str) -> None:
    assert kind == "CREATE", "an update that fails is not taught here"
    if not any(event.resource_status == "CREATE_FAILED" for event in stack.events):
        stack._add_stack_event("CREATE_FAILED", reason)
    stack._add_stack_event("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create.")
    stack.resource_map.delete()
    stack.output_map = parsing.OutputMap(stack.resource_map, {}, stack.stack_id)
    stack._add_stack_event("ROLLBACK_COMPLETE")
    stack.status = "ROLLBACK_COMPLETE"


def update_termination_protection(self: Any) -> EmptyResult:
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
    return EmptyResult()


def delete_stack(self: Any, name_or_stack_id: str) -> None:
    stack = next((one for one in self.stacks.values() if name_or_stack_id in (one.name, one.stack_id)), None)
    if stack is not None and stack.enable_termination_protection:
        raise models.ValidationError(
            message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
        )
    real_delete_stack(self, name_or_stack_id)


real_resource_map = models.Stack._create_resource_map
real_change_set = models.CloudFormationBackend.create_change_set
real_delete_stack = models.CloudFormationBackend.delete_stack


def teach() -> None:
    moto_resources.teach()
    parsing.clean_json = clean
    parsing.parse_and_create_resource = create
    parsing.parse_and_update_resource = update
    parsing.ResourceMap._delete_resource = delete_resource
    models.Stack._create_resource_map = resource_map
    models.Stack.parse_template = staticmethod(tree)
    models.ChangeSet._parse_template = parse_change_set
    models.Stack.parameter_list = property(parameter_list)
    models.Stack.stack_parameters = property(as_given)
    models.CloudFormationBackend.create_change_set = change_set
    models.CloudFormationBackend.execute_change_set = execute
    models.CloudFormationBackend.delete_stack = delete_stack
    # Whether outputs name attributes that are there is for linters; moto knows too few.
    parsing.ResourceMap.validate_outputs = lambda self: None
    responses.CloudFormationResponse._validate_different_update = lambda *_: None
    responses.CloudFormationResponse.update_termination_protection = update_termination_protection


def serve(port: int) -> None:
    """Until it is ended. Not `-m`: moto wants to know the package of a resource's class."""
    ENDPOINT["url"] = f"http://127.0.0.1:{port}"
    teach()
    main(["-H", "127.0.0.1", "-p", str(port)])
