/** Security groups and their rules: kept and shown. Nothing filters by them. */
import type { IpPermission } from "@aws-sdk/client-ec2";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { describe, find, tagsFor } from "./describing.ts";
import {
  dependencyViolation,
  duplicateGroup,
  duplicatePermission,
  invalidValue,
  missing,
  noPermission,
} from "./errors.ts";
import { allOf, change, create, type Resource, remove } from "./state.ts";
import { ALL_OUT, ensureDefault } from "./vpcs.ts";

const NAME = /^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/;
type Direction = "IpPermissions" | "IpPermissionsEgress";

/** One rule, as one peer of one protocol and range of ports. */
type Rule = Pick<IpPermission, "IpProtocol" | "FromPort" | "ToPort"> & {
  readonly peer: keyof typeof PEERS;
  readonly to: any;
};
const PEERS = {
  IpRanges: (one: any) => one.CidrIp,
  Ipv6Ranges: (one: any) => one.CidrIpv6,
  PrefixListIds: (one: any) => one.PrefixListId,
  UserIdGroupPairs: (one: any) => one.GroupId,
} as const;
const NUMBERS: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", all: "-1" };

function rulesOf(permissions: readonly IpPermission[], context: OperationContext): Rule[] {
  return permissions.flatMap((permission) => {
    if (permission.IpProtocol === undefined) throw missing("IpProtocol");
    const IpProtocol = NUMBERS[permission.IpProtocol] ?? permission.IpProtocol;
    if (!["tcp", "udp", "icmp", "icmpv6", "-1"].includes(IpProtocol) && !/^\d+$/.test(IpProtocol)) {
      throw invalidValue(`Invalid value '${IpProtocol}' for IP protocol. Unknown protocol.`);
    }
    const { FromPort, ToPort } = permission;
    const ports = IpProtocol === "-1" ? {} : { FromPort, ToPort };
    if (
      (IpProtocol === "tcp" || IpProtocol === "udp") &&
      (FromPort === undefined || ToPort === undefined || FromPort > ToPort)
    ) {
      throw invalidValue(`Invalid TCP/UDP port range (${FromPort}, ${ToPort})`);
    }
    return (Object.keys(PEERS) as (keyof typeof PEERS)[]).flatMap((peer) =>
      (permission[peer] ?? []).map(
        (one): Rule => ({
          IpProtocol,
          ...ports,
          peer,
          to: peer === "UserIdGroupPairs" ? { UserId: context.accountId, ...one } : one,
        }),
      ),
    );
  });
}

const same = (left: Rule, right: Rule): boolean =>
  left.IpProtocol === right.IpProtocol &&
  left.FromPort === right.FromPort &&
  left.ToPort === right.ToPort &&
  left.peer === right.peer &&
  PEERS[left.peer](left.to) === PEERS[right.peer](right.to);

const nameOf = ({ peer, to, IpProtocol, FromPort, ToPort }: Rule): string =>
  `peer: ${PEERS[peer](to)}, ${IpProtocol === "-1" ? "ALL" : `${IpProtocol?.toUpperCase()}, from port: ${FromPort}, to port: ${ToPort}`}, ALLOW`;

/** Rules of one protocol and range are shown together. */
function gathered(rules: readonly Rule[]): IpPermission[] {
  const permissions = new Map<string, any>();
  for (const { IpProtocol, FromPort, ToPort, peer, to } of rules) {
    const id = `${IpProtocol} ${FromPort} ${ToPort}`;
    const known = permissions.get(id) ?? {
      IpProtocol,
      ...(FromPort === undefined ? {} : { FromPort }),
      ...(ToPort === undefined ? {} : { ToPort }),
      IpRanges: [],
      Ipv6Ranges: [],
      PrefixListIds: [],
      UserIdGroupPairs: [],
    };
    known[peer].push(to);
    permissions.set(id, known);
  }
  return [...permissions.values()];
}

interface Change {
  readonly GroupId?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
  readonly IpProtocol?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly ToPort?: number | undefined;
  readonly CidrIp?: string | undefined;
}

/** The short form names one block; the long form as many rules as it likes. */
const asked = ({ IpPermissions, IpProtocol, FromPort, ToPort, CidrIp }: Change): readonly IpPermission[] =>
  IpProtocol === undefined ? (IpPermissions ?? []) : [{ IpProtocol, FromPort, ToPort, IpRanges: [{ CidrIp }] }];

function authorize(tx: Transaction, input: Change, context: OperationContext, direction: Direction) {
  const group = find(tx, context, "security-group", input.GroupId);
  const wanted = rulesOf(asked(input), context);
  if (wanted.length === 0) throw missing("IpPermissions");
  for (const { peer, to } of wanted) if (peer === "UserIdGroupPairs") find(tx, context, "security-group", to.GroupId);
  const before = rulesOf(group.shape[direction], context);
  for (const rule of wanted) if (before.some((one) => same(one, rule))) throw duplicatePermission(nameOf(rule));
  change(tx, context, group, { [direction]: gathered([...before, ...wanted]) });
  return { Return: true };
}

function revoke(tx: Transaction, input: Change, context: OperationContext, direction: Direction) {
  const group = find(tx, context, "security-group", input.GroupId);
  const unwanted = rulesOf(asked(input), context);
  const before = rulesOf(group.shape[direction], context);
  for (const rule of unwanted) if (!before.some((one) => same(one, rule))) throw noPermission();
  change(tx, context, group, {
    [direction]: gathered(before.filter((one) => !unwanted.some((rule) => same(one, rule)))),
  });
  return { Return: true };
}

export const authorizeSecurityGroupIngress = (
  tx: Transaction,
  input: InputOf<"ec2", "AuthorizeSecurityGroupIngress">,
  context: OperationContext,
): OutputOf<"ec2", "AuthorizeSecurityGroupIngress"> => authorize(tx, input, context, "IpPermissions");
export const authorizeSecurityGroupEgress = (
  tx: Transaction,
  input: InputOf<"ec2", "AuthorizeSecurityGroupEgress">,
  context: OperationContext,
): OutputOf<"ec2", "AuthorizeSecurityGroupEgress"> => authorize(tx, input, context, "IpPermissionsEgress");
export const revokeSecurityGroupIngress = (
  tx: Transaction,
  input: InputOf<"ec2", "RevokeSecurityGroupIngress">,
  context: OperationContext,
): OutputOf<"ec2", "RevokeSecurityGroupIngress"> => revoke(tx, input, context, "IpPermissions");
export const revokeSecurityGroupEgress = (
  tx: Transaction,
  input: InputOf<"ec2", "RevokeSecurityGroupEgress">,
  context: OperationContext,
): OutputOf<"ec2", "RevokeSecurityGroupEgress"> => revoke(tx, input, context, "IpPermissionsEgress");

/** @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html */
export function createSecurityGroup(
  tx: Transaction,
  input: InputOf<"ec2", "CreateSecurityGroup">,
  context: OperationContext,
): OutputOf<"ec2", "CreateSecurityGroup"> {
  ensureDefault(tx, context);
  const { GroupName = "", Description = "" } = input;
  if (!NAME.test(GroupName) || GroupName.startsWith("sg-"))
    throw invalidValue("Value for parameter GroupName is invalid. Character sets beyond ASCII are not supported.");
  if (Description === "" || Description.length > 255) throw missing("GroupDescription");
  const vpc =
    input.VpcId === undefined
      ? allOf(tx, context, "vpc").find(({ shape }) => shape.IsDefault)
      : find(tx, context, "vpc", input.VpcId);
  if (!vpc) throw missing("VpcId");
  const taken = allOf(tx, context, "security-group").some(
    ({ shape }) => shape.VpcId === vpc.id && shape.GroupName === GroupName,
  );
  if (taken) throw duplicateGroup(GroupName, vpc.id);
  const tags = tagsFor("security-group", input.TagSpecifications);
  const group = create(tx, context, "security-group", tags, (GroupId) => ({
    GroupId,
    GroupName,
    Description,
    VpcId: vpc.id,
    OwnerId: context.accountId,
    SecurityGroupArn: `arn:aws:ec2:${context.region}:${context.accountId}:security-group/${GroupId}`,
    IpPermissions: [],
    IpPermissionsEgress: ALL_OUT,
  }));
  return { GroupId: group.id, SecurityGroupArn: group.shape.SecurityGroupArn };
}

const FILTERS = {
  "group-id": (shape: any) => shape.GroupId,
  "group-name": (shape: any) => shape.GroupName,
  description: (shape: any) => shape.Description,
  "vpc-id": (shape: any) => shape.VpcId,
  "owner-id": (shape: any) => shape.OwnerId,
  "ip-permission.from-port": (shape: any) => shape.IpPermissions.map((one: any) => one.FromPort),
  "ip-permission.to-port": (shape: any) => shape.IpPermissions.map((one: any) => one.ToPort),
  "ip-permission.cidr": (shape: any) => shape.IpPermissions.flatMap((one: any) => one.IpRanges.map(PEERS.IpRanges)),
  "ip-permission.group-id": (shape: any) =>
    shape.IpPermissions.flatMap((one: any) => one.UserIdGroupPairs.map(PEERS.UserIdGroupPairs)),
};

export function describeSecurityGroups(
  tx: Transaction,
  input: InputOf<"ec2", "DescribeSecurityGroups">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeSecurityGroups"> {
  ensureDefault(tx, context);
  const names = input.GroupNames?.length ? [{ Name: "group-name", Values: [...input.GroupNames] }] : [];
  const { found, ...more } = describe(
    tx,
    context,
    "security-group",
    input.GroupIds,
    { ...input, Filters: [...names, ...(input.Filters ?? [])] },
    FILTERS,
  );
  return { SecurityGroups: found, ...more };
}

const refersTo =
  (id: string) =>
  ({ shape }: Resource): boolean =>
    [...shape.IpPermissions, ...shape.IpPermissionsEgress].some((permission: any) =>
      permission.UserIdGroupPairs.some((pair: any) => pair.GroupId === id),
    );

/** A group that another's rules, or an endpoint, refer to stays. */
export function deleteSecurityGroup(
  tx: Transaction,
  input: InputOf<"ec2", "DeleteSecurityGroup">,
  context: OperationContext,
): OutputOf<"ec2", "DeleteSecurityGroup"> {
  const group = find(tx, context, "security-group", input.GroupId);
  if (group.shape.GroupName === "default")
    throw invalidValue('the specified group: "default" name cannot be deleted by a user');
  const others = allOf(tx, context, "security-group").filter(({ id }) => id !== group.id);
  const used =
    others.some(refersTo(group.id)) ||
    allOf(tx, context, "vpc-endpoint").some(({ shape }) => shape.Groups.some((one: any) => one.GroupId === group.id));
  if (used) throw dependencyViolation("resource", group.id);
  remove(tx, context, group);
  return { Return: true, GroupId: group.id };
}
