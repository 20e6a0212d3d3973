/** VPCs, the default one among them, and Availability Zones. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { blockOf } from "./cidr.ts";
import { describe, find, tagsFor } from "./describing.ts";
import { dependencyViolation, invalidValue, missing } from "./errors.ts";
import { allOf, change, create, defaultKey, described, newId, type Place, type Resource, remove } from "./state.ts";

export const ZONES = ["a", "b", "c"] as const;
const VPC_PREFIX_MIN = 16;
const VPC_PREFIX_MAX = 28;
const DEFAULT_BLOCK = "172.31.0.0/16";

/** Rules of a security group that lets everything out. */
export const ALL_OUT = [
  { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }], Ipv6Ranges: [], PrefixListIds: [], UserIdGroupPairs: [] },
];

/** A VPC with what every VPC has: a main route table and a default security group. */
function make(
  tx: Transaction,
  context: OperationContext,
  cidr: string,
  tags: Record<string, string>,
  isDefault: boolean,
): Resource {
  const vpc = create(tx, context, "vpc", tags, (VpcId) => ({
    VpcId,
    CidrBlock: cidr,
    OwnerId: context.accountId,
    State: "available",
    IsDefault: isDefault,
    InstanceTenancy: "default",
    DhcpOptionsId: "default",
    CidrBlockAssociationSet: [
      { AssociationId: newId(context, "vpc-cidr-assoc"), CidrBlock: cidr, CidrBlockState: { State: "associated" } },
    ],
    EnableDnsSupport: true,
    EnableDnsHostnames: isDefault,
  }));
  create(tx, context, "route-table", {}, (RouteTableId) => ({
    RouteTableId,
    VpcId: vpc.id,
    OwnerId: context.accountId,
    Routes: [{ DestinationCidrBlock: cidr, GatewayId: "local", Origin: "CreateRouteTable", State: "active" }],
    Associations: [
      {
        Main: true,
        RouteTableAssociationId: newId(context, "rtbassoc"),
        RouteTableId,
        AssociationState: { State: "associated" },
      },
    ],
    PropagatingVgws: [],
  }));
  create(tx, context, "security-group", {}, (GroupId) => ({
    GroupId,
    GroupName: "default",
    Description: "default VPC security group",
    VpcId: vpc.id,
    OwnerId: context.accountId,
    SecurityGroupArn: `arn:aws:ec2:${context.region}:${context.accountId}:security-group/${GroupId}`,
    IpPermissions: [
      {
        IpProtocol: "-1",
        IpRanges: [],
        Ipv6Ranges: [],
        PrefixListIds: [],
        UserIdGroupPairs: [{ GroupId, UserId: context.accountId }],
      },
    ],
    IpPermissionsEgress: ALL_OUT,
  }));
  return vpc;
}

/** Every account has a default VPC in every region: made when somebody first looks. */
export function ensureDefault(tx: Transaction, context: OperationContext): void {
  if (tx.read(defaultKey(context)) !== undefined) return;
  const vpc = make(tx, context, DEFAULT_BLOCK, {}, true);
  tx.put(defaultKey(context), vpc.id);
  ZONES.forEach((zone, index) => {
    create(tx, context, "subnet", {}, (SubnetId) =>
      subnetShape(context, SubnetId, vpc.id, `172.31.${index * 16}.0/20`, `${context.region}${zone}`, true),
    );
  });
  const gateway = create(tx, context, "internet-gateway", {}, (InternetGatewayId) => ({
    InternetGatewayId,
    OwnerId: context.accountId,
    Attachments: [{ State: "available", VpcId: vpc.id }],
  }));
  const table = allOf(tx, context, "route-table").find(({ shape }) => shape.VpcId === vpc.id)!;
  change(tx, context, table, {
    Routes: [
      ...table.shape.Routes,
      { DestinationCidrBlock: "0.0.0.0/0", GatewayId: gateway.id, Origin: "CreateRoute", State: "active" },
    ],
  });
}

/** Five addresses of a subnet are AWS's own. */
export const subnetShape = (
  { accountId, region }: Place,
  SubnetId: string,
  VpcId: string,
  CidrBlock: string,
  AvailabilityZone: string,
  isDefault: boolean,
) => ({
  SubnetId,
  VpcId,
  CidrBlock,
  AvailabilityZone,
  AvailabilityZoneId: zoneId(region, AvailabilityZone.slice(-1)),
  AvailableIpAddressCount: blockOf(CidrBlock)!.size - 5,
  DefaultForAz: isDefault,
  MapPublicIpOnLaunch: isDefault,
  AssignIpv6AddressOnCreation: false,
  Ipv6CidrBlockAssociationSet: [],
  OwnerId: accountId,
  State: "available",
  SubnetArn: `arn:aws:ec2:${region}:${accountId}:subnet/${SubnetId}`,
});

/** `use1-az1` */
const zoneId = (region: string, zone: string): string => {
  const [area = "", direction = "", number = ""] = region.split("-");
  return `${area}${direction.slice(0, 1)}${number}-az${(ZONES as readonly string[]).indexOf(zone) + 1}`;
};

/** @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html */
export function createVpc(
  tx: Transaction,
  input: InputOf<"ec2", "CreateVpc">,
  context: OperationContext,
): OutputOf<"ec2", "CreateVpc"> {
  ensureDefault(tx, context);
  if (input.CidrBlock === undefined) throw missing("CidrBlock");
  const block = blockOf(input.CidrBlock);
  if (!block)
    throw invalidValue(
      `Value (${input.CidrBlock}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
    );
  if (block.prefix < VPC_PREFIX_MIN || block.prefix > VPC_PREFIX_MAX) {
    throw invalidVpcRange(input.CidrBlock);
  }
  if (input.InstanceTenancy !== undefined && input.InstanceTenancy !== "default") {
    throw invalidValue(`The tenancy ${input.InstanceTenancy} has no meaning here: tasks run on this machine.`);
  }
  const tags = tagsFor("vpc", input.TagSpecifications);
  return { Vpc: described(make(tx, context, block.text, tags, false)) };
}

const invalidVpcRange = (cidr: string) =>
  invalidValue(`The CIDR '${cidr}' is invalid: a VPC's block is between /16 and /28.`);

const VPC_FILTERS = {
  "vpc-id": (shape: any) => shape.VpcId,
  cidr: (shape: any) => shape.CidrBlock,
  "cidr-block-association.cidr-block": (shape: any) => shape.CidrBlock,
  "is-default": (shape: any) => shape.IsDefault,
  isDefault: (shape: any) => shape.IsDefault,
  "owner-id": (shape: any) => shape.OwnerId,
  state: (shape: any) => shape.State,
};

export function describeVpcs(
  tx: Transaction,
  input: InputOf<"ec2", "DescribeVpcs">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeVpcs"> {
  ensureDefault(tx, context);
  const { found, ...more } = describe(tx, context, "vpc", input.VpcIds, input, VPC_FILTERS);
  return { Vpcs: found.map(({ EnableDnsSupport: _, EnableDnsHostnames: __, ...vpc }) => vpc), ...more };
}

/** Whatever else lies in a VPC goes first; its main route table and default security group go with it. */
export function deleteVpc(
  tx: Transaction,
  { VpcId }: InputOf<"ec2", "DeleteVpc">,
  context: OperationContext,
): OutputOf<"ec2", "DeleteVpc"> {
  const vpc = find(tx, context, "vpc", VpcId);
  const inside = (kind: Parameters<typeof allOf>[2]) =>
    allOf(tx, context, kind).filter(({ shape }) => shape.VpcId === vpc.id);
  const own = [
    ...inside("route-table").filter(({ shape }) => shape.Associations.some(({ Main }: { Main: boolean }) => Main)),
    ...inside("security-group").filter(({ shape }) => shape.GroupName === "default"),
  ];
  const others = [
    ...inside("subnet"),
    ...inside("vpc-endpoint"),
    ...inside("natgateway").filter(({ shape }) => shape.State !== "deleted"),
    ...inside("route-table"),
    ...inside("security-group"),
    ...allOf(tx, context, "internet-gateway").filter(({ shape }) =>
      shape.Attachments.some((attachment: { VpcId: string }) => attachment.VpcId === vpc.id),
    ),
  ].filter(({ id }) => !own.some((one) => one.id === id));
  if (others.length > 0) throw dependencyViolation("vpc", vpc.id);
  for (const resource of [...own, vpc]) remove(tx, context, resource);
  return {};
}

export function modifyVpcAttribute(
  tx: Transaction,
  input: InputOf<"ec2", "ModifyVpcAttribute">,
  context: OperationContext,
): OutputOf<"ec2", "ModifyVpcAttribute"> {
  const vpc = find(tx, context, "vpc", input.VpcId);
  change(tx, context, vpc, {
    ...(input.EnableDnsSupport?.Value === undefined ? {} : { EnableDnsSupport: input.EnableDnsSupport.Value }),
    ...(input.EnableDnsHostnames?.Value === undefined ? {} : { EnableDnsHostnames: input.EnableDnsHostnames.Value }),
  });
  return {};
}

export function describeVpcAttribute(
  tx: Transaction,
  input: InputOf<"ec2", "DescribeVpcAttribute">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeVpcAttribute"> {
  const { id, shape } = find(tx, context, "vpc", input.VpcId);
  switch (input.Attribute) {
    case "enableDnsSupport":
      return { VpcId: id, EnableDnsSupport: { Value: shape.EnableDnsSupport } };
    case "enableDnsHostnames":
      return { VpcId: id, EnableDnsHostnames: { Value: shape.EnableDnsHostnames } };
    default:
      throw invalidValue(`The attribute ${input.Attribute} is none of enableDnsSupport, enableDnsHostnames.`);
  }
}

export function describeAvailabilityZones(
  _tx: Transaction,
  input: InputOf<"ec2", "DescribeAvailabilityZones">,
  { region }: OperationContext,
): OutputOf<"ec2", "DescribeAvailabilityZones"> {
  const zones = ZONES.map((zone) => ({
    ZoneName: `${region}${zone}`,
    ZoneId: zoneId(region, zone),
    RegionName: region,
    GroupName: region,
    NetworkBorderGroup: region,
    State: "available" as const,
    OptInStatus: "opt-in-not-required" as const,
    ZoneType: "availability-zone",
    Messages: [],
  }));
  const { ZoneNames = [], ZoneIds = [], Filters = [] } = input;
  for (const name of ZoneNames) {
    if (!zones.some(({ ZoneName }) => ZoneName === name)) throw invalidValue(`Invalid availability zone: [${name}]`);
  }
  const filters: Record<string, keyof (typeof zones)[number]> = {
    "zone-name": "ZoneName",
    "zone-id": "ZoneId",
    "region-name": "RegionName",
    state: "State",
    "zone-type": "ZoneType",
    "opt-in-status": "OptInStatus",
    "group-name": "GroupName",
  };
  return {
    AvailabilityZones: zones.filter(
      (zone) =>
        (ZoneNames.length === 0 || ZoneNames.includes(zone.ZoneName)) &&
        (ZoneIds.length === 0 || ZoneIds.includes(zone.ZoneId)) &&
        Filters.every(({ Name = "", Values = [] }) => {
          const member = filters[Name];
          if (member === undefined) throw invalidValue(`The filter '${Name}' is invalid`);
          return Values.includes(String(zone[member]));
        }),
    ),
  };
}
