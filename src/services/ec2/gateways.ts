/** Internet gateways, NAT gateways with their addresses, and VPC endpoints: kept, shown and deleted in order. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { describe, find, tagsFor } from "./describing.ts";
import {
  alreadyAssociated,
  dependencyViolation,
  inUse,
  invalidValue,
  missing,
  notAttached,
  notFound,
} from "./errors.ts";
import { allOf, change, create, createdWith, described, newId, remove } from "./state.ts";

export function createInternetGateway(
  tx: Transaction,
  input: InputOf<"ec2", "CreateInternetGateway">,
  context: OperationContext,
): OutputOf<"ec2", "CreateInternetGateway"> {
  const tags = tagsFor("internet-gateway", input.TagSpecifications);
  const gateway = create(tx, context, "internet-gateway", tags, (InternetGatewayId) => ({
    InternetGatewayId,
    OwnerId: context.accountId,
    Attachments: [],
  }));
  return { InternetGateway: described(gateway) };
}

export function attachInternetGateway(
  tx: Transaction,
  input: InputOf<"ec2", "AttachInternetGateway">,
  context: OperationContext,
): OutputOf<"ec2", "AttachInternetGateway"> {
  const gateway = find(tx, context, "internet-gateway", input.InternetGatewayId);
  const vpc = find(tx, context, "vpc", input.VpcId);
  const all = allOf(tx, context, "internet-gateway");
  if (gateway.shape.Attachments.length > 0)
    throw alreadyAssociated(
      `resource ${gateway.id} is already attached to network ${gateway.shape.Attachments[0].VpcId}`,
    );
  if (all.some(({ shape }) => shape.Attachments.some((one: any) => one.VpcId === vpc.id))) {
    throw invalidValue(`Network ${vpc.id} already has an internet gateway attached`);
  }
  change(tx, context, gateway, { Attachments: [{ State: "available", VpcId: vpc.id }] });
  return {};
}

/** A VPC with addresses of the internet keeps its gateway. */
export function detachInternetGateway(
  tx: Transaction,
  input: InputOf<"ec2", "DetachInternetGateway">,
  context: OperationContext,
): OutputOf<"ec2", "DetachInternetGateway"> {
  const gateway = find(tx, context, "internet-gateway", input.InternetGatewayId);
  const { VpcId = "" } = input;
  if (!gateway.shape.Attachments.some((one: any) => one.VpcId === VpcId)) throw notAttached(gateway.id, VpcId);
  const mapped = allOf(tx, context, "natgateway").some(
    ({ shape }) => shape.VpcId === VpcId && shape.State !== "deleted" && shape.ConnectivityType === "public",
  );
  if (mapped) throw dependencyViolation("vpc", VpcId);
  change(tx, context, gateway, { Attachments: [] });
  return {};
}

const INTERNET_FILTERS = {
  "internet-gateway-id": (shape: any) => shape.InternetGatewayId,
  "attachment.vpc-id": (shape: any) => shape.Attachments.map((one: any) => one.VpcId),
  "attachment.state": (shape: any) => shape.Attachments.map((one: any) => one.State),
  "owner-id": (shape: any) => shape.OwnerId,
};
export function describeInternetGateways(
  tx: Transaction,
  input: InputOf<"ec2", "DescribeInternetGateways">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeInternetGateways"> {
  const { found, ...more } = describe(
    tx,
    context,
    "internet-gateway",
    input.InternetGatewayIds,
    input,
    INTERNET_FILTERS,
  );
  return { InternetGateways: found, ...more };
}

export function deleteInternetGateway(
  tx: Transaction,
  input: InputOf<"ec2", "DeleteInternetGateway">,
  context: OperationContext,
): OutputOf<"ec2", "DeleteInternetGateway"> {
  const gateway = find(tx, context, "internet-gateway", input.InternetGatewayId);
  if (gateway.shape.Attachments.length > 0) throw dependencyViolation("internetGateway", gateway.id);
  remove(tx, context, gateway);
  return {};
}

/** Addresses are of the block that documentation uses: nothing is reached there. @see https://www.rfc-editor.org/rfc/rfc5737 */
export function allocateAddress(
  tx: Transaction,
  input: InputOf<"ec2", "AllocateAddress">,
  context: OperationContext,
): OutputOf<"ec2", "AllocateAddress"> {
  if (input.Domain !== undefined && input.Domain !== "vpc") throw invalidValue(`Invalid domain '${input.Domain}'`);
  const taken = new Set(allOf(tx, context, "elastic-ip").map(({ shape }) => shape.PublicIp));
  const PublicIp = Array.from({ length: 254 }, (_, index) => `203.0.113.${index + 1}`).find(
    (address) => !taken.has(address),
  );
  if (PublicIp === undefined) throw invalidValue("The maximum number of addresses has been reached.");
  const tags = tagsFor("elastic-ip", input.TagSpecifications);
  const address = create(tx, context, "elastic-ip", tags, (AllocationId) => ({
    AllocationId,
    PublicIp,
    Domain: "vpc",
    PublicIpv4Pool: "amazon",
    NetworkBorderGroup: context.region,
  }));
  const { AllocationId, Domain, PublicIpv4Pool, NetworkBorderGroup } = address.shape;
  return { AllocationId, PublicIp, Domain, PublicIpv4Pool, NetworkBorderGroup };
}

const ADDRESS_FILTERS = {
  "allocation-id": (shape: any) => shape.AllocationId,
  "public-ip": (shape: any) => shape.PublicIp,
  domain: (shape: any) => shape.Domain,
  "association-id": (shape: any) => shape.AssociationId,
};
export function describeAddresses(
  tx: Transaction,
  input: InputOf<"ec2", "DescribeAddresses">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeAddresses"> {
  const ips = input.PublicIps?.length ? [{ Name: "public-ip", Values: [...input.PublicIps] }] : [];
  const { found } = describe(
    tx,
    context,
    "elastic-ip",
    input.AllocationIds,
    { Filters: [...ips, ...(input.Filters ?? [])] },
    ADDRESS_FILTERS,
  );
  return { Addresses: found };
}

export function releaseAddress(
  tx: Transaction,
  input: InputOf<"ec2", "ReleaseAddress">,
  context: OperationContext,
): OutputOf<"ec2", "ReleaseAddress"> {
  const address = find(tx, context, "elastic-ip", input.AllocationId);
  if (address.shape.AssociationId !== undefined) throw inUse(address.shape.PublicIp);
  remove(tx, context, address);
  return {};
}

export function createNatGateway(
  tx: Transaction,
  input: InputOf<"ec2", "CreateNatGateway">,
  context: OperationContext,
): OutputOf<"ec2", "CreateNatGateway"> {
  const before = createdWith(tx, context, "natgateway", input.ClientToken);
  if (before) return { NatGateway: described(before) };
  const subnet = find(tx, context, "subnet", input.SubnetId);
  const ConnectivityType = input.ConnectivityType ?? "public";
  if (ConnectivityType === "public" && input.AllocationId === undefined) throw missing("AllocationId");
  const address = input.AllocationId === undefined ? undefined : find(tx, context, "elastic-ip", input.AllocationId);
  if (address?.shape.AssociationId !== undefined)
    throw alreadyAssociated(`resource ${address.id} is already associated with a resource`);
  const AssociationId = newId(context, "eipassoc");
  if (address) change(tx, context, address, { AssociationId });
  const tags = tagsFor("natgateway", input.TagSpecifications);
  const gateway = create(
    tx,
    context,
    "natgateway",
    tags,
    (NatGatewayId) => ({
      NatGatewayId,
      SubnetId: subnet.id,
      VpcId: subnet.shape.VpcId,
      State: "available",
      ConnectivityType,
      CreateTime: new Date(context.nowMs),
      NatGatewayAddresses: address
        ? [
            {
              AllocationId: address.id,
              AssociationId,
              PublicIp: address.shape.PublicIp,
              IsPrimary: true,
              Status: "succeeded",
            },
          ]
        : [],
    }),
    input.ClientToken,
  );
  return { NatGateway: described(gateway) };
}

const NAT_FILTERS = {
  "nat-gateway-id": (shape: any) => shape.NatGatewayId,
  "vpc-id": (shape: any) => shape.VpcId,
  "subnet-id": (shape: any) => shape.SubnetId,
  state: (shape: any) => shape.State,
};
export function describeNatGateways(
  tx: Transaction,
  input: InputOf<"ec2", "DescribeNatGateways">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeNatGateways"> {
  const { found, ...more } = describe(
    tx,
    context,
    "natgateway",
    input.NatGatewayIds,
    { ...input, Filters: [...(input.Filter ?? [])] },
    NAT_FILTERS,
  );
  return { NatGateways: found, ...more };
}

/** Gone at once; AWS shows it as deleted for an hour. */
export function deleteNatGateway(
  tx: Transaction,
  { NatGatewayId }: InputOf<"ec2", "DeleteNatGateway">,
  context: OperationContext,
): OutputOf<"ec2", "DeleteNatGateway"> {
  const gateway = find(tx, context, "natgateway", NatGatewayId);
  for (const { AllocationId } of gateway.shape.NatGatewayAddresses) {
    const address = allOf(tx, context, "elastic-ip").find(({ id }) => id === AllocationId);
    if (address) {
      const { AssociationId: _, ...shape } = address.shape;
      change(tx, context, { ...address, shape }, {});
    }
  }
  remove(tx, context, gateway);
  return { NatGatewayId: gateway.id };
}

export function createVpcEndpoint(
  tx: Transaction,
  input: InputOf<"ec2", "CreateVpcEndpoint">,
  context: OperationContext,
): OutputOf<"ec2", "CreateVpcEndpoint"> {
  const before = createdWith(tx, context, "vpc-endpoint", input.ClientToken);
  if (before) return { VpcEndpoint: described(before) };
  const vpc = find(tx, context, "vpc", input.VpcId);
  const type = input.VpcEndpointType ?? "Gateway";
  if (type !== "Gateway" && type !== "Interface")
    throw invalidValue(`Endpoint type (${type}) is neither Gateway nor Interface.`);
  if (!input.ServiceName?.startsWith("com.amazonaws."))
    throw invalidValue(`The Vpc Endpoint Service '${input.ServiceName}' does not exist`);
  for (const id of input.SubnetIds ?? []) find(tx, context, "subnet", id);
  for (const id of input.RouteTableIds ?? []) find(tx, context, "route-table", id);
  const Groups = (input.SecurityGroupIds ?? []).map((id) => {
    const { shape } = find(tx, context, "security-group", id);
    return { GroupId: id, GroupName: shape.GroupName };
  });
  const tags = tagsFor("vpc-endpoint", input.TagSpecifications);
  const endpoint = create(
    tx,
    context,
    "vpc-endpoint",
    tags,
    (VpcEndpointId) => ({
      VpcEndpointId,
      VpcEndpointType: type,
      VpcId: vpc.id,
      ServiceName: input.ServiceName,
      State: "available",
      PolicyDocument:
        input.PolicyDocument ??
        '{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}',
      RouteTableIds: [...(input.RouteTableIds ?? [])],
      SubnetIds: [...(input.SubnetIds ?? [])],
      Groups,
      PrivateDnsEnabled: input.PrivateDnsEnabled ?? type === "Interface",
      RequesterManaged: false,
      NetworkInterfaceIds: [],
      DnsEntries: [],
      CreationTimestamp: new Date(context.nowMs),
      OwnerId: context.accountId,
    }),
    input.ClientToken,
  );
  return { VpcEndpoint: described(endpoint) };
}

const ENDPOINT_FILTERS = {
  "vpc-endpoint-id": (shape: any) => shape.VpcEndpointId,
  "vpc-endpoint-type": (shape: any) => shape.VpcEndpointType,
  "vpc-endpoint-state": (shape: any) => shape.State,
  "vpc-id": (shape: any) => shape.VpcId,
  "service-name": (shape: any) => shape.ServiceName,
};
export function describeVpcEndpoints(
  tx: Transaction,
  input: InputOf<"ec2", "DescribeVpcEndpoints">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeVpcEndpoints"> {
  const { found, ...more } = describe(tx, context, "vpc-endpoint", input.VpcEndpointIds, input, ENDPOINT_FILTERS);
  return { VpcEndpoints: found, ...more };
}

export function deleteVpcEndpoints(
  tx: Transaction,
  { VpcEndpointIds = [] }: InputOf<"ec2", "DeleteVpcEndpoints">,
  context: OperationContext,
): OutputOf<"ec2", "DeleteVpcEndpoints"> {
  const Unsuccessful: { ResourceId: string; Error: { Code: string; Message: string } }[] = [];
  for (const id of VpcEndpointIds) {
    const found = allOf(tx, context, "vpc-endpoint").find((one) => one.id === id);
    if (found) remove(tx, context, found);
    else {
      const { code, message } = notFound("vpc-endpoint", id);
      Unsuccessful.push({ ResourceId: id, Error: { Code: code, Message: message } });
    }
  }
  return { Unsuccessful };
}
