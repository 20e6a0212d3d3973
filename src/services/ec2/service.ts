/**
 * Amazon EC2: the networks that templates carry. VPCs, subnets, security groups, gateways, routes, addresses and endpoints are created, described
 * and deleted in AWS's order; nothing filters or routes by them.
 *
 * `state.ts` says what is kept; `describing.ts` what all descriptions share; `vpcs.ts`, `subnets.ts`, `security-groups.ts`, `gateways.ts`, `routes.ts`
 * and `tags.ts` hold the operations.
 */
import { defineService, type Operations } from "../service.ts";
import { dryRun } from "./errors.ts";
import * as gateways from "./gateways.ts";
import { resources } from "./resources.ts";
import * as routes from "./routes.ts";
import * as groups from "./security-groups.ts";
import * as subnets from "./subnets.ts";
import * as tags from "./tags.ts";
import { unsupported } from "./unsupported.ts";
import * as vpcs from "./vpcs.ts";

type Table = Operations<"ec2">;

/** Every operation takes DryRun: it answers whether it would have been allowed, and does nothing. */
function withDryRun(table: Table): Table {
  const entries = Object.entries(table as Record<string, (tx: any, input: any, context: any) => unknown>);
  return Object.fromEntries(
    entries.map(([name, operation]) => [
      name,
      (tx: any, input: any, context: any) => {
        if (input.DryRun) throw dryRun();
        return operation(tx, input, context);
      },
    ]),
  ) as Table;
}

export const ec2 = defineService<"ec2">({
  name: "ec2",
  operations: withDryRun({
    AllocateAddress: gateways.allocateAddress,
    AssociateRouteTable: routes.associateRouteTable,
    AttachInternetGateway: gateways.attachInternetGateway,
    AuthorizeSecurityGroupEgress: groups.authorizeSecurityGroupEgress,
    AuthorizeSecurityGroupIngress: groups.authorizeSecurityGroupIngress,
    CreateInternetGateway: gateways.createInternetGateway,
    CreateNatGateway: gateways.createNatGateway,
    CreateRoute: routes.createRoute,
    CreateRouteTable: routes.createRouteTable,
    CreateSecurityGroup: groups.createSecurityGroup,
    CreateSubnet: subnets.createSubnet,
    CreateTags: tags.createTags,
    CreateVpc: vpcs.createVpc,
    CreateVpcEndpoint: gateways.createVpcEndpoint,
    DeleteInternetGateway: gateways.deleteInternetGateway,
    DeleteNatGateway: gateways.deleteNatGateway,
    DeleteRoute: routes.deleteRoute,
    DeleteRouteTable: routes.deleteRouteTable,
    DeleteSecurityGroup: groups.deleteSecurityGroup,
    DeleteSubnet: subnets.deleteSubnet,
    DeleteTags: tags.deleteTags,
    DeleteVpc: vpcs.deleteVpc,
    DeleteVpcEndpoints: gateways.deleteVpcEndpoints,
    DescribeAddresses: gateways.describeAddresses,
    DescribeAvailabilityZones: vpcs.describeAvailabilityZones,
    DescribeInternetGateways: gateways.describeInternetGateways,
    DescribeNatGateways: gateways.describeNatGateways,
    DescribeRouteTables: routes.describeRouteTables,
    DescribeSecurityGroups: groups.describeSecurityGroups,
    DescribeSubnets: subnets.describeSubnets,
    DescribeTags: tags.describeTags,
    DescribeVpcAttribute: vpcs.describeVpcAttribute,
    DescribeVpcEndpoints: gateways.describeVpcEndpoints,
    DescribeVpcs: vpcs.describeVpcs,
    DetachInternetGateway: gateways.detachInternetGateway,
    DisassociateRouteTable: routes.disassociateRouteTable,
    ModifySubnetAttribute: subnets.modifySubnetAttribute,
    ModifyVpcAttribute: vpcs.modifyVpcAttribute,
    ReleaseAddress: gateways.releaseAddress,
    ReplaceRoute: routes.replaceRoute,
    RevokeSecurityGroupEgress: groups.revokeSecurityGroupEgress,
    RevokeSecurityGroupIngress: groups.revokeSecurityGroupIngress,
  }),
  unsupported,
  resources,
});
