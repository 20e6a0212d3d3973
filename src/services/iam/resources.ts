/** IAM's CloudFormation resource types. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html */
import { AwsError } from "../../kernel/errors.ts";
import type { PropertySpec, ResourceContext, ResourceState, ResourceType } from "../resources.ts";

const TAGS: PropertySpec = [{ object: { Key: "string", Value: "string" } }];
const POLICIES: PropertySpec = [{ object: { PolicyName: "string", PolicyDocument: "json" } }];

interface EmbeddedPolicy {
  readonly PolicyName: string;
  readonly PolicyDocument: unknown;
}

type Holder = "User" | "Group" | "Role";

const text = (document: unknown): string => (typeof document === "string" ? document : JSON.stringify(document));
const list = <T>(values: readonly T[] | undefined): readonly T[] => values ?? [];
const minus = (left: readonly string[], right: readonly string[]): string[] =>
  left.filter((one) => !right.includes(one));

/** What is gone already needs no deletion. */
async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof AwsError && error.code === "NoSuchEntity")) throw error;
  }
}

/** A resource's own tags win over the stack's. */
function tagList(context: ResourceContext, tags: readonly { Key: string; Value: string }[] | undefined) {
  const all = new Map(Object.entries(context.tags));
  for (const { Key, Value } of list(tags)) all.set(Key, Value);
  return Array.from(all, ([Key, Value]) => ({ Key, Value }));
}

const putInline = (
  context: ResourceContext,
  holder: Holder,
  name: string,
  { PolicyName, PolicyDocument }: EmbeddedPolicy,
) => {
  const policy = { PolicyName, PolicyDocument: text(PolicyDocument) };
  if (holder === "User") return context.call("iam", "PutUserPolicy", { UserName: name, ...policy });
  if (holder === "Group") return context.call("iam", "PutGroupPolicy", { GroupName: name, ...policy });
  return context.call("iam", "PutRolePolicy", { RoleName: name, ...policy });
};
const deleteInline = (context: ResourceContext, holder: Holder, name: string, PolicyName: string) => {
  if (holder === "User") return context.call("iam", "DeleteUserPolicy", { UserName: name, PolicyName });
  if (holder === "Group") return context.call("iam", "DeleteGroupPolicy", { GroupName: name, PolicyName });
  return context.call("iam", "DeleteRolePolicy", { RoleName: name, PolicyName });
};
const attach = (context: ResourceContext, holder: Holder, name: string, PolicyArn: string) => {
  if (holder === "User") return context.call("iam", "AttachUserPolicy", { UserName: name, PolicyArn });
  if (holder === "Group") return context.call("iam", "AttachGroupPolicy", { GroupName: name, PolicyArn });
  return context.call("iam", "AttachRolePolicy", { RoleName: name, PolicyArn });
};
const detach = (context: ResourceContext, holder: Holder, name: string, PolicyArn: string) => {
  if (holder === "User") return context.call("iam", "DetachUserPolicy", { UserName: name, PolicyArn });
  if (holder === "Group") return context.call("iam", "DetachGroupPolicy", { GroupName: name, PolicyArn });
  return context.call("iam", "DetachRolePolicy", { RoleName: name, PolicyArn });
};

/** Policies and ManagedPolicyArns of a user, group or role, brought from what was to what is wanted. */
async function settlePolicies(context: ResourceContext, holder: Holder, name: string, wanted: any, previous: any) {
  const policies: readonly EmbeddedPolicy[] = list(wanted.Policies);
  const before: readonly EmbeddedPolicy[] = list(previous.Policies);
  const arns: readonly string[] = list(wanted.ManagedPolicyArns);
  const arnsBefore: readonly string[] = list(previous.ManagedPolicyArns);
  const names = (some: readonly EmbeddedPolicy[]) => some.map(({ PolicyName }) => PolicyName);
  for (const policy of minus(names(before), names(policies)))
    await unlessGone(deleteInline(context, holder, name, policy));
  for (const policy of policies) await putInline(context, holder, name, policy);
  for (const arn of minus(arnsBefore, arns)) await unlessGone(detach(context, holder, name, arn));
  for (const arn of minus(arns, arnsBefore)) await attach(context, holder, name, arn);
}

const NOTHING = {};

const role: ResourceType = {
  properties: {
    AssumeRolePolicyDocument: "json",
    Description: "string",
    ManagedPolicyArns: ["string"],
    MaxSessionDuration: "integer",
    Path: "string",
    PermissionsBoundary: "string",
    Policies: POLICIES,
    RoleName: "string",
    Tags: TAGS,
  },
  required: ["AssumeRolePolicyDocument"],
  replacement: ["RoleName", "Path"],
  nameProperty: "RoleName",
  attributes: ["Arn", "RoleId"],
  async create(context, properties) {
    const { Role } = await context.call("iam", "CreateRole", {
      RoleName: properties.RoleName ?? context.physicalName(64),
      AssumeRolePolicyDocument: text(properties.AssumeRolePolicyDocument),
      Path: properties.Path,
      Description: properties.Description,
      MaxSessionDuration: properties.MaxSessionDuration,
      PermissionsBoundary: properties.PermissionsBoundary,
      Tags: tagList(context, properties.Tags),
    });
    await settlePolicies(context, "Role", Role!.RoleName!, properties, NOTHING);
    return { id: Role!.RoleName!, attributes: { Arn: Role!.Arn, RoleId: Role!.RoleId } };
  },
  async update(context, id, properties, previous) {
    await context.call("iam", "UpdateAssumeRolePolicy", {
      RoleName: id,
      PolicyDocument: text(properties.AssumeRolePolicyDocument),
    });
    await context.call("iam", "UpdateRole", {
      RoleName: id,
      Description: properties.Description ?? "",
      MaxSessionDuration: properties.MaxSessionDuration ?? 3600,
    });
    if (properties.PermissionsBoundary !== undefined) {
      const { PermissionsBoundary } = properties;
      await context.call("iam", "PutRolePermissionsBoundary", { RoleName: id, PermissionsBoundary });
    } else if (previous.PermissionsBoundary !== undefined) {
      await context.call("iam", "DeleteRolePermissionsBoundary", { RoleName: id });
    }
    const Tags = tagList(context, properties.Tags);
    const removed = tagsRemoved(previous.Tags, Tags);
    if (removed.length > 0) await context.call("iam", "UntagRole", { RoleName: id, TagKeys: removed });
    if (Tags.length > 0) await context.call("iam", "TagRole", { RoleName: id, Tags });
    await settlePolicies(context, "Role", id, properties, previous);
    const { Role } = await context.call("iam", "GetRole", { RoleName: id });
    return { id, attributes: { Arn: Role!.Arn, RoleId: Role!.RoleId } };
  },
  async delete(context, id, properties) {
    await unlessGone(
      (async () => {
        await context.call("iam", "GetRole", { RoleName: id });
        await settlePolicies(context, "Role", id, NOTHING, properties);
        await context.call("iam", "DeleteRole", { RoleName: id });
      })(),
    );
  },
};

const user: ResourceType = {
  properties: {
    Groups: ["string"],
    ManagedPolicyArns: ["string"],
    Path: "string",
    PermissionsBoundary: "string",
    Policies: POLICIES,
    Tags: TAGS,
    UserName: "string",
  },
  replacement: ["UserName"],
  nameProperty: "UserName",
  attributes: ["Arn"],
  async create(context, properties) {
    const { User } = await context.call("iam", "CreateUser", {
      UserName: properties.UserName ?? context.physicalName(64),
      Path: properties.Path,
      PermissionsBoundary: properties.PermissionsBoundary,
      Tags: tagList(context, properties.Tags),
    });
    const UserName = User!.UserName!;
    await settlePolicies(context, "User", UserName, properties, NOTHING);
    await settleGroups(context, UserName, list(properties.Groups), []);
    return { id: UserName, attributes: { Arn: User!.Arn } };
  },
  async update(context, id, properties, previous) {
    const UserName = id;
    if (properties.Path !== previous.Path) {
      await context.call("iam", "UpdateUser", { UserName, NewPath: properties.Path ?? "/" });
    }
    if (properties.PermissionsBoundary !== undefined) {
      const { PermissionsBoundary } = properties;
      await context.call("iam", "PutUserPermissionsBoundary", { UserName, PermissionsBoundary });
    } else if (previous.PermissionsBoundary !== undefined) {
      await context.call("iam", "DeleteUserPermissionsBoundary", { UserName });
    }
    const Tags = tagList(context, properties.Tags);
    const removed = tagsRemoved(previous.Tags, Tags);
    if (removed.length > 0) await context.call("iam", "UntagUser", { UserName, TagKeys: removed });
    if (Tags.length > 0) await context.call("iam", "TagUser", { UserName, Tags });
    await settlePolicies(context, "User", UserName, properties, previous);
    await settleGroups(context, UserName, list(properties.Groups), list(previous.Groups));
    const { User } = await context.call("iam", "GetUser", { UserName });
    return { id, attributes: { Arn: User!.Arn } };
  },
  async delete(context, id, properties) {
    await unlessGone(
      (async () => {
        await context.call("iam", "GetUser", { UserName: id });
        await settlePolicies(context, "User", id, NOTHING, properties);
        await settleGroups(context, id, [], list(properties.Groups));
        await context.call("iam", "DeleteUser", { UserName: id });
      })(),
    );
  },
};

async function settleGroups(
  context: ResourceContext,
  UserName: string,
  wanted: readonly string[],
  previous: readonly string[],
) {
  for (const GroupName of minus(previous, wanted)) {
    await unlessGone(context.call("iam", "RemoveUserFromGroup", { UserName, GroupName }));
  }
  for (const GroupName of minus(wanted, previous)) await context.call("iam", "AddUserToGroup", { UserName, GroupName });
}

function tagsRemoved(previous: readonly { Key: string }[] | undefined, wanted: readonly { Key: string }[]): string[] {
  const kept = new Set(wanted.map(({ Key }) => Key));
  return list(previous).flatMap(({ Key }) => (kept.has(Key) ? [] : [Key]));
}

const group: ResourceType = {
  properties: { GroupName: "string", ManagedPolicyArns: ["string"], Path: "string", Policies: POLICIES },
  replacement: ["GroupName"],
  nameProperty: "GroupName",
  attributes: ["Arn"],
  async create(context, properties) {
    const GroupName = properties.GroupName ?? context.physicalName(128);
    const { Group } = await context.call("iam", "CreateGroup", { GroupName, Path: properties.Path });
    await settlePolicies(context, "Group", GroupName, properties, NOTHING);
    return { id: GroupName, attributes: { Arn: Group!.Arn } };
  },
  async update(context, id, properties, previous) {
    if (properties.Path !== previous.Path) {
      await context.call("iam", "UpdateGroup", { GroupName: id, NewPath: properties.Path ?? "/" });
    }
    await settlePolicies(context, "Group", id, properties, previous);
    const { Group } = await context.call("iam", "GetGroup", { GroupName: id });
    return { id, attributes: { Arn: Group!.Arn } };
  },
  async delete(context, id, properties) {
    await unlessGone(
      (async () => {
        await context.call("iam", "GetGroup", { GroupName: id });
        await settlePolicies(context, "Group", id, NOTHING, properties);
        await context.call("iam", "DeleteGroup", { GroupName: id });
      })(),
    );
  },
};

const HOLDERS: readonly (readonly [property: "Users" | "Groups" | "Roles", Holder])[] = [
  ["Users", "User"],
  ["Groups", "Group"],
  ["Roles", "Role"],
];

/** One inline policy, embedded in several users, groups and roles. */
const policy: ResourceType = {
  properties: {
    Groups: ["string"],
    PolicyDocument: "json",
    PolicyName: "string",
    Roles: ["string"],
    Users: ["string"],
  },
  required: ["PolicyDocument", "PolicyName"],
  attributes: ["Id"],
  async create(context, properties) {
    const id = context.physicalName(64);
    for (const [property, holder] of HOLDERS) {
      for (const name of list<string>(properties[property])) await putInline(context, holder, name, properties);
    }
    return { id, attributes: { Id: id } };
  },
  async update(context, id, properties, previous) {
    const renamed = properties.PolicyName !== previous.PolicyName;
    for (const [property, holder] of HOLDERS) {
      const wanted = list<string>(properties[property]);
      for (const name of wanted) await putInline(context, holder, name, properties);
      const before = list<string>(previous[property]);
      for (const name of renamed ? before : minus(before, wanted)) {
        await unlessGone(deleteInline(context, holder, name, previous.PolicyName));
      }
    }
    return { id, attributes: { Id: id } };
  },
  async delete(context, _id, properties) {
    for (const [property, holder] of HOLDERS) {
      for (const name of list<string>(properties[property])) {
        await unlessGone(deleteInline(context, holder, name, properties.PolicyName));
      }
    }
  },
};

/** One inline policy of one user, group or role, as a resource of its own. */
function embeddedPolicy(holder: Holder): ResourceType {
  const nameProperty = `${holder}Name`;
  return {
    properties: { PolicyDocument: "json", PolicyName: "string", [nameProperty]: "string" },
    required: ["PolicyDocument", "PolicyName", nameProperty],
    replacement: ["PolicyName", nameProperty],
    attributes: [],
    async create(context, properties) {
      await putInline(context, holder, properties[nameProperty], properties);
      return { id: `${properties.PolicyName}|${properties[nameProperty]}`, attributes: {} };
    },
    async update(context, id, properties) {
      await putInline(context, holder, properties[nameProperty], properties);
      return { id, attributes: {} };
    },
    async delete(context, _id, properties) {
      await unlessGone(deleteInline(context, holder, properties[nameProperty], properties.PolicyName));
    },
  };
}

const managedPolicy: ResourceType = {
  properties: {
    Description: "string",
    Groups: ["string"],
    ManagedPolicyName: "string",
    Path: "string",
    PolicyDocument: "json",
    Roles: ["string"],
    Users: ["string"],
  },
  required: ["PolicyDocument"],
  replacement: ["Description", "ManagedPolicyName", "Path"],
  nameProperty: "ManagedPolicyName",
  attributes: [
    "PolicyArn",
    "PolicyId",
    "AttachmentCount",
    "CreateDate",
    "DefaultVersionId",
    "IsAttachable",
    "PermissionsBoundaryUsageCount",
    "UpdateDate",
  ],
  async create(context, properties) {
    const { Policy } = await context.call("iam", "CreatePolicy", {
      PolicyName: properties.ManagedPolicyName ?? context.physicalName(128),
      PolicyDocument: text(properties.PolicyDocument),
      Path: properties.Path,
      Description: properties.Description,
    });
    for (const [property, holder] of HOLDERS) {
      for (const name of list<string>(properties[property])) await attach(context, holder, name, Policy!.Arn!);
    }
    return managedPolicyState(context, Policy!.Arn!);
  },
  async update(context, id, properties, previous) {
    if (text(properties.PolicyDocument) !== text(previous.PolicyDocument)) {
      const { Versions } = await context.call("iam", "ListPolicyVersions", { PolicyArn: id });
      const spare = list(Versions).filter(({ IsDefaultVersion }) => !IsDefaultVersion);
      // A policy keeps five versions: the oldest makes room.
      if (list(Versions).length >= 5) {
        await context.call("iam", "DeletePolicyVersion", { PolicyArn: id, VersionId: spare.at(-1)!.VersionId });
      }
      await context.call("iam", "CreatePolicyVersion", {
        PolicyArn: id,
        PolicyDocument: text(properties.PolicyDocument),
        SetAsDefault: true,
      });
    }
    for (const [property, holder] of HOLDERS) {
      const wanted = list<string>(properties[property]);
      const before = list<string>(previous[property]);
      for (const name of minus(before, wanted)) await unlessGone(detach(context, holder, name, id));
      for (const name of minus(wanted, before)) await attach(context, holder, name, id);
    }
    return managedPolicyState(context, id);
  },
  async delete(context, id, properties) {
    for (const [property, holder] of HOLDERS) {
      for (const name of list<string>(properties[property])) await unlessGone(detach(context, holder, name, id));
    }
    await unlessGone(
      (async () => {
        const { Versions } = await context.call("iam", "ListPolicyVersions", { PolicyArn: id });
        for (const { VersionId, IsDefaultVersion } of list(Versions)) {
          if (!IsDefaultVersion) await context.call("iam", "DeletePolicyVersion", { PolicyArn: id, VersionId });
        }
        await context.call("iam", "DeletePolicy", { PolicyArn: id });
      })(),
    );
  },
};

async function managedPolicyState(context: ResourceContext, id: string): Promise<ResourceState> {
  const { Policy } = await context.call("iam", "GetPolicy", { PolicyArn: id });
  return {
    id,
    attributes: {
      PolicyArn: id,
      PolicyId: Policy!.PolicyId,
      AttachmentCount: Policy!.AttachmentCount,
      CreateDate: Policy!.CreateDate!.toISOString(),
      DefaultVersionId: Policy!.DefaultVersionId,
      IsAttachable: Policy!.IsAttachable,
      PermissionsBoundaryUsageCount: Policy!.PermissionsBoundaryUsageCount,
      UpdateDate: Policy!.UpdateDate!.toISOString(),
    },
  };
}

const accessKey: ResourceType = {
  properties: { Serial: "integer", Status: "string", UserName: "string" },
  required: ["UserName"],
  replacement: ["Serial", "UserName"],
  attributes: ["SecretAccessKey"],
  async create(context, { UserName, Status }) {
    const { AccessKey } = await context.call("iam", "CreateAccessKey", { UserName });
    const AccessKeyId = AccessKey!.AccessKeyId!;
    if (Status === "Inactive") await context.call("iam", "UpdateAccessKey", { UserName, AccessKeyId, Status });
    return { id: AccessKeyId, attributes: { SecretAccessKey: AccessKey!.SecretAccessKey } };
  },
  async delete(context, id, { UserName }) {
    await unlessGone(context.call("iam", "DeleteAccessKey", { UserName, AccessKeyId: id }));
  },
};

const instanceProfile: ResourceType = {
  properties: { InstanceProfileName: "string", Path: "string", Roles: ["string"] },
  required: ["Roles"],
  replacement: ["InstanceProfileName", "Path"],
  nameProperty: "InstanceProfileName",
  attributes: ["Arn"],
  async create(context, properties) {
    const InstanceProfileName = properties.InstanceProfileName ?? context.physicalName(128);
    const { InstanceProfile } = await context.call("iam", "CreateInstanceProfile", {
      InstanceProfileName,
      Path: properties.Path,
    });
    for (const RoleName of properties.Roles) {
      await context.call("iam", "AddRoleToInstanceProfile", { InstanceProfileName, RoleName });
    }
    return { id: InstanceProfileName, attributes: { Arn: InstanceProfile!.Arn } };
  },
  async update(context, id, properties, previous) {
    for (const RoleName of minus(list(previous.Roles), properties.Roles)) {
      await unlessGone(context.call("iam", "RemoveRoleFromInstanceProfile", { InstanceProfileName: id, RoleName }));
    }
    for (const RoleName of minus(properties.Roles, list(previous.Roles))) {
      await context.call("iam", "AddRoleToInstanceProfile", { InstanceProfileName: id, RoleName });
    }
    const { InstanceProfile } = await context.call("iam", "GetInstanceProfile", { InstanceProfileName: id });
    return { id, attributes: { Arn: InstanceProfile!.Arn } };
  },
  async delete(context, id, properties) {
    for (const RoleName of list<string>(properties.Roles)) {
      await unlessGone(context.call("iam", "RemoveRoleFromInstanceProfile", { InstanceProfileName: id, RoleName }));
    }
    await unlessGone(context.call("iam", "DeleteInstanceProfile", { InstanceProfileName: id }));
  },
};

const userToGroupAddition: ResourceType = {
  properties: { GroupName: "string", Users: ["string"] },
  required: ["GroupName", "Users"],
  replacement: ["GroupName"],
  async create(context, { GroupName, Users }) {
    for (const UserName of Users) await context.call("iam", "AddUserToGroup", { GroupName, UserName });
    return { id: context.physicalName(64), attributes: {} };
  },
  async update(context, id, { GroupName, Users }, previous) {
    for (const UserName of minus(previous.Users, Users)) {
      await unlessGone(context.call("iam", "RemoveUserFromGroup", { GroupName, UserName }));
    }
    for (const UserName of minus(Users, previous.Users)) {
      await context.call("iam", "AddUserToGroup", { GroupName, UserName });
    }
    return { id, attributes: {} };
  },
  async delete(context, _id, { GroupName, Users }) {
    for (const UserName of list<string>(Users)) {
      await unlessGone(context.call("iam", "RemoveUserFromGroup", { GroupName, UserName }));
    }
  },
};

export const resources: Readonly<Record<`AWS::${string}`, ResourceType>> = {
  "AWS::IAM::AccessKey": accessKey,
  "AWS::IAM::Group": group,
  "AWS::IAM::GroupPolicy": embeddedPolicy("Group"),
  "AWS::IAM::InstanceProfile": instanceProfile,
  "AWS::IAM::ManagedPolicy": managedPolicy,
  "AWS::IAM::Policy": policy,
  "AWS::IAM::Role": role,
  "AWS::IAM::RolePolicy": embeddedPolicy("Role"),
  "AWS::IAM::User": user,
  "AWS::IAM::UserPolicy": embeddedPolicy("User"),
  "AWS::IAM::UserToGroupAddition": userToGroupAddition,
};
