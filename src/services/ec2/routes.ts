/** Route tables: routes, and which subnets follow them. Kept and shown; packets go as the machine sends them. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { blockOf } from "./cidr.ts";
import { describe, find, tagsFor } from "./describing.ts";
import {
  alreadyAssociated,
  dependencyViolation,
  invalidValue,
  missing,
  noAssociation,
  noRoute,
  routeExists,
} from "./errors.ts";
import { allOf, change, create, createdWith, described, newId, type Resource, remove } from "./state.ts";

export function createRouteTable(
  tx: Transaction,
  input: InputOf<"ec2", "CreateRouteTable">,
  context: OperationContext,
): OutputOf<"ec2", "CreateRouteTable"> {
  const before = createdWith(tx, context, "route-table", input.ClientToken);
  if (before) return { RouteTable: described(before) };
  const vpc = find(tx, context, "vpc", input.VpcId);
  const tags = tagsFor("route-table", input.TagSpecifications);
  const table = create(
    tx,
    context,
    "route-table",
    tags,
    (RouteTableId) => ({
      RouteTableId,
      VpcId: vpc.id,
      OwnerId: context.accountId,
      Routes: [
        { DestinationCidrBlock: vpc.shape.CidrBlock, GatewayId: "local", Origin: "CreateRouteTable", State: "active" },
      ],
      Associations: [],
      PropagatingVgws: [],
    }),
    input.ClientToken,
  );
  return { RouteTable: described(table) };
}

const FILTERS = {
  "route-table-id": (shape: any) => shape.RouteTableId,
  "vpc-id": (shape: any) => shape.VpcId,
  "owner-id": (shape: any) => shape.OwnerId,
  "association.main": (shape: any) => shape.Associations.map((one: any) => one.Main),
  "association.subnet-id": (shape: any) => shape.Associations.map((one: any) => one.SubnetId),
  "association.route-table-association-id": (shape: any) =>
    shape.Associations.map((one: any) => one.RouteTableAssociationId),
  "route.destination-cidr-block": (shape: any) => shape.Routes.map((one: any) => one.DestinationCidrBlock),
  "route.gateway-id": (shape: any) => shape.Routes.map((one: any) => one.GatewayId),
  "route.nat-gateway-id": (shape: any) => shape.Routes.map((one: any) => one.NatGatewayId),
};
export function describeRouteTables(
  tx: Transaction,
  input: InputOf<"ec2", "DescribeRouteTables">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeRouteTables"> {
  const { found, ...more } = describe(tx, context, "route-table", input.RouteTableIds, input, FILTERS);
  return { RouteTables: found, ...more };
}

export function deleteRouteTable(
  tx: Transaction,
  input: InputOf<"ec2", "DeleteRouteTable">,
  context: OperationContext,
): OutputOf<"ec2", "DeleteRouteTable"> {
  const table = find(tx, context, "route-table", input.RouteTableId);
  if (table.shape.Associations.length > 0) throw dependencyViolation("routeTable", table.id);
  remove(tx, context, table);
  return {};
}

interface RouteInput {
  readonly DestinationCidrBlock?: string | undefined;
  readonly GatewayId?: string | undefined;
  readonly NatGatewayId?: string | undefined;
}

function routeOf(tx: Transaction, table: Resource, input: RouteInput, context: OperationContext) {
  if (input.DestinationCidrBlock === undefined) throw missing("DestinationCidrBlock");
  const block = blockOf(input.DestinationCidrBlock);
  if (!block)
    throw invalidValue(
      `Value (${input.DestinationCidrBlock}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.`,
    );
  const { GatewayId, NatGatewayId } = input;
  if (GatewayId !== undefined) {
    const gateway = find(tx, context, "internet-gateway", GatewayId);
    if (!gateway.shape.Attachments.some((one: any) => one.VpcId === table.shape.VpcId)) {
      throw invalidValue(`route table ${table.id} and network gateway ${GatewayId} belong to different networks`);
    }
  } else if (NatGatewayId !== undefined) find(tx, context, "natgateway", NatGatewayId);
  else throw missing("GatewayId");
  return {
    DestinationCidrBlock: block.text,
    ...(GatewayId === undefined ? { NatGatewayId } : { GatewayId }),
    Origin: "CreateRoute",
    State: "active",
  };
}

export function createRoute(
  tx: Transaction,
  input: InputOf<"ec2", "CreateRoute">,
  context: OperationContext,
): OutputOf<"ec2", "CreateRoute"> {
  const table = find(tx, context, "route-table", input.RouteTableId);
  const route = routeOf(tx, table, input, context);
  if (table.shape.Routes.some((one: any) => one.DestinationCidrBlock === route.DestinationCidrBlock))
    throw routeExists(route.DestinationCidrBlock);
  change(tx, context, table, { Routes: [...table.shape.Routes, route] });
  return { Return: true };
}

function without(table: Resource, cidr: string | undefined): any[] {
  const block = blockOf(cidr ?? "")?.text ?? "";
  const left = table.shape.Routes.filter((one: any) => one.DestinationCidrBlock !== block || one.GatewayId === "local");
  if (left.length === table.shape.Routes.length) throw noRoute(cidr ?? "", table.id);
  return left;
}

export function replaceRoute(
  tx: Transaction,
  input: InputOf<"ec2", "ReplaceRoute">,
  context: OperationContext,
): OutputOf<"ec2", "ReplaceRoute"> {
  const table = find(tx, context, "route-table", input.RouteTableId);
  const left = without(table, input.DestinationCidrBlock);
  change(tx, context, table, { Routes: [...left, routeOf(tx, table, input, context)] });
  return {};
}

export function deleteRoute(
  tx: Transaction,
  input: InputOf<"ec2", "DeleteRoute">,
  context: OperationContext,
): OutputOf<"ec2", "DeleteRoute"> {
  const table = find(tx, context, "route-table", input.RouteTableId);
  change(tx, context, table, { Routes: without(table, input.DestinationCidrBlock) });
  return {};
}

export function associateRouteTable(
  tx: Transaction,
  input: InputOf<"ec2", "AssociateRouteTable">,
  context: OperationContext,
): OutputOf<"ec2", "AssociateRouteTable"> {
  const table = find(tx, context, "route-table", input.RouteTableId);
  const subnet = find(tx, context, "subnet", input.SubnetId);
  if (subnet.shape.VpcId !== table.shape.VpcId)
    throw invalidValue(`Route table ${table.id} and subnet ${subnet.id} belong to different networks`);
  for (const { shape } of allOf(tx, context, "route-table")) {
    const other = shape.Associations.find((one: any) => one.SubnetId === subnet.id);
    if (other)
      throw alreadyAssociated(
        `the specified association for route table ${table.id} conflicts with an existing association`,
      );
  }
  const AssociationId = newId(context, "rtbassoc");
  const association = {
    Main: false,
    RouteTableAssociationId: AssociationId,
    RouteTableId: table.id,
    SubnetId: subnet.id,
    AssociationState: { State: "associated" },
  };
  change(tx, context, table, { Associations: [...table.shape.Associations, association] });
  return { AssociationId, AssociationState: { State: "associated" } };
}

export function disassociateRouteTable(
  tx: Transaction,
  { AssociationId = "" }: InputOf<"ec2", "DisassociateRouteTable">,
  context: OperationContext,
): OutputOf<"ec2", "DisassociateRouteTable"> {
  for (const table of allOf(tx, context, "route-table")) {
    const found = table.shape.Associations.find((one: any) => one.RouteTableAssociationId === AssociationId);
    if (!found) continue;
    if (found.Main) throw invalidValue(`cannot disassociate the main route table association ${AssociationId}`);
    change(tx, context, table, { Associations: table.shape.Associations.filter((one: any) => one !== found) });
    return {};
  }
  throw noAssociation(AssociationId);
}
