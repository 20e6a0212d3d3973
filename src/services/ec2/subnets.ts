/** Subnets. @see https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { blockOf, contains, overlaps } from "./cidr.ts";
import { describe, find, tagsFor } from "./describing.ts";
import { conflict, dependencyViolation, invalidRange, invalidValue, missing } from "./errors.ts";
import { allOf, change, create, described, remove } from "./state.ts";
import { ensureDefault, subnetShape, ZONES } from "./vpcs.ts";

export function createSubnet(
  tx: Transaction,
  input: InputOf<"ec2", "CreateSubnet">,
  context: OperationContext,
): OutputOf<"ec2", "CreateSubnet"> {
  ensureDefault(tx, context);
  const vpc = find(tx, context, "vpc", input.VpcId);
  if (input.CidrBlock === undefined) throw missing("CidrBlock");
  const block = blockOf(input.CidrBlock);
  if (!block)
    throw invalidValue(
      `Value (${input.CidrBlock}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
    );
  if (block.prefix > 28 || !contains(blockOf(vpc.shape.CidrBlock)!, block)) throw invalidRange(input.CidrBlock);
  const others = allOf(tx, context, "subnet").filter(({ shape }) => shape.VpcId === vpc.id);
  if (others.some(({ shape }) => overlaps(blockOf(shape.CidrBlock)!, block))) throw conflict(input.CidrBlock);
  const zone = input.AvailabilityZone ?? `${context.region}${ZONES[others.length % ZONES.length]}`;
  if (!ZONES.some((one) => `${context.region}${one}` === zone)) {
    throw invalidValue(
      `Value (${zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${ZONES.map((one) => context.region + one).join(", ")}.`,
    );
  }
  const tags = tagsFor("subnet", input.TagSpecifications);
  const subnet = create(tx, context, "subnet", tags, (id) => subnetShape(context, id, vpc.id, block.text, zone, false));
  return { Subnet: described(subnet) };
}

const FILTERS = {
  "subnet-id": (shape: any) => shape.SubnetId,
  "vpc-id": (shape: any) => shape.VpcId,
  "availability-zone": (shape: any) => shape.AvailabilityZone,
  availabilityZone: (shape: any) => shape.AvailabilityZone,
  "availability-zone-id": (shape: any) => shape.AvailabilityZoneId,
  "cidr-block": (shape: any) => shape.CidrBlock,
  cidr: (shape: any) => shape.CidrBlock,
  "default-for-az": (shape: any) => shape.DefaultForAz,
  defaultForAz: (shape: any) => shape.DefaultForAz,
  "map-public-ip-on-launch": (shape: any) => shape.MapPublicIpOnLaunch,
  "owner-id": (shape: any) => shape.OwnerId,
  "subnet-arn": (shape: any) => shape.SubnetArn,
  state: (shape: any) => shape.State,
};

export function describeSubnets(
  tx: Transaction,
  input: InputOf<"ec2", "DescribeSubnets">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeSubnets"> {
  ensureDefault(tx, context);
  const { found, ...more } = describe(tx, context, "subnet", input.SubnetIds, input, FILTERS);
  return { Subnets: found, ...more };
}

/** Gateways and endpoints in it go first; its association with a route table goes with it. */
export function deleteSubnet(
  tx: Transaction,
  { SubnetId }: InputOf<"ec2", "DeleteSubnet">,
  context: OperationContext,
): OutputOf<"ec2", "DeleteSubnet"> {
  const subnet = find(tx, context, "subnet", SubnetId);
  const used =
    allOf(tx, context, "natgateway").some(({ shape }) => shape.SubnetId === subnet.id && shape.State !== "deleted") ||
    allOf(tx, context, "vpc-endpoint").some(({ shape }) => shape.SubnetIds.includes(subnet.id));
  if (used) throw dependencyViolation("subnet", subnet.id);
  for (const table of allOf(tx, context, "route-table")) {
    const left = table.shape.Associations.filter((one: { SubnetId?: string }) => one.SubnetId !== subnet.id);
    if (left.length < table.shape.Associations.length) change(tx, context, table, { Associations: left });
  }
  remove(tx, context, subnet);
  return {};
}

export function modifySubnetAttribute(
  tx: Transaction,
  input: InputOf<"ec2", "ModifySubnetAttribute">,
  context: OperationContext,
): OutputOf<"ec2", "ModifySubnetAttribute"> {
  const subnet = find(tx, context, "subnet", input.SubnetId);
  if (input.MapPublicIpOnLaunch?.Value !== undefined) {
    change(tx, context, subnet, { MapPublicIpOnLaunch: input.MapPublicIpOnLaunch.Value });
  }
  return {};
}
