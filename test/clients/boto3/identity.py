"""IAM and STS: users, groups, roles, policies, pages, and errors."""
import json

from here import ACCOUNT, client, refused, resource

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}


def test_roles_and_policies_are_kept():
    iam = client("iam")
    role = iam.create_role(RoleName="boto", AssumeRolePolicyDocument=TRUST)["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/boto"
    iam.get_waiter("role_exists").wait(RoleName="boto")
    assert iam.get_role(RoleName="boto")["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)
    iam.put_role_policy(RoleName="boto", PolicyName="inline", PolicyDocument=json.dumps(ALLOW))
    assert iam.get_role_policy(RoleName="boto", PolicyName="inline")["PolicyDocument"] == ALLOW
    policy = resource("iam").create_policy(PolicyName="boto", PolicyDocument=json.dumps(ALLOW))
    policy.attach_role(RoleName="boto")
    attached = iam.get_paginator("list_attached_role_policies").paginate(RoleName="boto")
    assert list(attached.search("AttachedPolicies[].PolicyName")) == ["boto"]
    refused("DeleteConflict", iam.delete_role, RoleName="boto")
    error = refused("NoSuchEntity", iam.get_role, RoleName="none")
    assert isinstance(error, iam.exceptions.NoSuchEntityException)
    assert error.response["Error"]["Message"] == "The role with name none cannot be found."
    refused("EntityAlreadyExists", iam.create_role, RoleName="boto", AssumeRolePolicyDocument=TRUST)
    refused("MalformedPolicyDocument", iam.create_role, RoleName="other", AssumeRolePolicyDocument="{")


def test_users_come_in_pages():
    iam = client("iam")
    names = [f"boto-{number}" for number in range(5)]
    for name in names:
        iam.create_user(UserName=name, Path="/boto/")
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/boto/", PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert [user["UserName"] for page in pages for user in page["Users"]] == names
    group = resource("iam").create_group(GroupName="boto")
    group.add_user(UserName=names[0])
    assert [user.name for user in group.users.all()] == names[:1]
    key = resource("iam").User(names[0]).create_access_key_pair()
    assert key.id.startswith("AKIA") and key.secret


def test_a_caller_knows_who_it_is():
    sts = client("sts")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    session = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/unknown", RoleSessionName="tour")
    assert session["Credentials"]["AccessKeyId"].startswith("ASIA")
    assert session["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/unknown/tour"
    refused("ValidationError", sts.assume_role, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/x", RoleSessionName="x" * 65)
