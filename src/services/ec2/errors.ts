/** EC2's errors: code, status, text. @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
import { AwsError } from "../../kernel/errors.ts";
import type { Kind } from "./state.ts";

const NAMES: Readonly<Record<Kind, readonly [code: string, what: string]>> = {
  vpc: ["InvalidVpcID.NotFound", "vpc ID"],
  subnet: ["InvalidSubnetID.NotFound", "subnet ID"],
  "security-group": ["InvalidGroup.NotFound", "security group"],
  "internet-gateway": ["InvalidInternetGatewayID.NotFound", "internetGateway ID"],
  "route-table": ["InvalidRouteTableID.NotFound", "routeTable ID"],
  natgateway: ["NatGatewayNotFound", "Nat Gateway"],
  "elastic-ip": ["InvalidAllocationID.NotFound", "allocation ID"],
  "vpc-endpoint": ["InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id"],
};

export const notFound = (kind: Kind, id: string) =>
  new AwsError(NAMES[kind][0], `The ${NAMES[kind][1]} '${id}' does not exist`);
export const invalidValue = (message: string) => new AwsError("InvalidParameterValue", message);
export const missing = (name: string) =>
  new AwsError("MissingParameter", `The request must contain the parameter ${name}`);
export const dependencyViolation = (what: string, id: string) =>
  new AwsError("DependencyViolation", `The ${what} '${id}' has dependencies and cannot be deleted.`);
export const dryRun = () =>
  new AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
export const duplicateGroup = (name: string, vpc: string) =>
  new AwsError("InvalidGroup.Duplicate", `The security group '${name}' already exists for VPC '${vpc}'`);
export const duplicatePermission = (rule: string) =>
  new AwsError("InvalidPermission.Duplicate", `the specified rule "${rule}" already exists`);
export const noPermission = () =>
  new AwsError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
export const conflict = (cidr: string) =>
  new AwsError("InvalidSubnet.Conflict", `The CIDR '${cidr}' conflicts with another subnet`);
export const invalidRange = (cidr: string) => new AwsError("InvalidSubnet.Range", `The CIDR '${cidr}' is invalid.`);
export const routeExists = (cidr: string) =>
  new AwsError("RouteAlreadyExists", `The route identified by ${cidr} already exists.`);
export const noRoute = (cidr: string, table: string) =>
  new AwsError("InvalidRoute.NotFound", `no route with destination-cidr-block ${cidr} in route table ${table}`);
export const noAssociation = (id: string) =>
  new AwsError("InvalidAssociationID.NotFound", `The association ID '${id}' does not exist`);
export const alreadyAssociated = (message: string) => new AwsError("Resource.AlreadyAssociated", message);
export const notAttached = (gateway: string, vpc: string) =>
  new AwsError("Gateway.NotAttached", `resource ${gateway} is not attached to network ${vpc}`);
export const inUse = (address: string) => new AwsError("InvalidIPAddress.InUse", `The address '${address}' is in use.`);
