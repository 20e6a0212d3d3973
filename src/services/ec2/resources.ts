/** AWS::EC2::VPC and what lies in it. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_EC2.html */
import type { IpPermission, ResourceType as TaggedType } from "@aws-sdk/client-ec2";
import { AwsError } from "../../kernel/errors.ts";
import type { PropertySpec, ResourceContext, ResourceProperties, ResourceType } from "../resources.ts";

const TAGS: PropertySpec = [{ object: { Key: "string", Value: "string" } }];

function tagsOf(context: ResourceContext, properties: ResourceProperties): { Key: string; Value: string }[] {
  const own = Object.fromEntries(
    ((properties.Tags ?? []) as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]),
  );
  return Object.entries({ ...context.tags, ...own }).map(([Key, Value]) => ({ Key, Value }));
}

const tagged = (context: ResourceContext, properties: ResourceProperties, ResourceType: TaggedType) => {
  const Tags = tagsOf(context, properties);
  return Tags.length > 0 ? { TagSpecifications: [{ ResourceType, Tags }] } : {};
};

async function retag(context: ResourceContext, id: string, properties: ResourceProperties): Promise<void> {
  const wanted = tagsOf(context, properties);
  const { Tags = [] } = await context.call("ec2", "DescribeTags", { Filters: [{ Name: "resource-id", Values: [id] }] });
  const gone = Tags.filter(({ Key }) => !wanted.some((tag) => tag.Key === Key)).map(({ Key }) => ({ Key }));
  if (gone.length > 0) await context.call("ec2", "DeleteTags", { Resources: [id], Tags: gone });
  if (wanted.length > 0) await context.call("ec2", "CreateTags", { Resources: [id], Tags: wanted });
}

/** What is gone already is deleted. */
const unlessGone = (error: unknown): undefined => {
  if (error instanceof AwsError && /NotFound|NotAttached/.test(error.code)) return undefined;
  throw error;
};

const vpc: ResourceType = {
  properties: {
    CidrBlock: "string",
    EnableDnsSupport: "boolean",
    EnableDnsHostnames: "boolean",
    InstanceTenancy: "string",
    Tags: TAGS,
  },
  replacement: ["CidrBlock"],
  attributes: ["VpcId", "CidrBlock", "DefaultSecurityGroup", "CidrBlockAssociations"],
  async create(context, properties) {
    const { Vpc } = await context.call("ec2", "CreateVpc", {
      CidrBlock: properties.CidrBlock,
      InstanceTenancy: properties.InstanceTenancy,
      ...tagged(context, properties, "vpc"),
    });
    await attributesOfVpc(context, Vpc!.VpcId!, properties);
    return stateOfVpc(context, Vpc!.VpcId!);
  },
  async update(context, id, properties) {
    await attributesOfVpc(context, id, properties);
    await retag(context, id, properties);
    return stateOfVpc(context, id);
  },
  async delete(context, id) {
    await context.call("ec2", "DeleteVpc", { VpcId: id }).catch(unlessGone);
  },
};

async function attributesOfVpc(context: ResourceContext, VpcId: string, properties: ResourceProperties): Promise<void> {
  const { EnableDnsSupport = true, EnableDnsHostnames = false } = properties;
  await context.call("ec2", "ModifyVpcAttribute", { VpcId, EnableDnsSupport: { Value: EnableDnsSupport } });
  await context.call("ec2", "ModifyVpcAttribute", { VpcId, EnableDnsHostnames: { Value: EnableDnsHostnames } });
}

async function stateOfVpc(context: ResourceContext, id: string) {
  const { Vpcs } = await context.call("ec2", "DescribeVpcs", { VpcIds: [id] });
  const filters = [
    { Name: "vpc-id", Values: [id] },
    { Name: "group-name", Values: ["default"] },
  ];
  const { SecurityGroups } = await context.call("ec2", "DescribeSecurityGroups", { Filters: filters });
  const [found] = Vpcs!;
  return {
    id,
    attributes: {
      VpcId: id,
      CidrBlock: found!.CidrBlock!,
      DefaultSecurityGroup: SecurityGroups![0]!.GroupId!,
      CidrBlockAssociations: found!.CidrBlockAssociationSet!.map(({ AssociationId }) => AssociationId!),
    },
  };
}

const subnet: ResourceType = {
  properties: {
    VpcId: "string",
    CidrBlock: "string",
    AvailabilityZone: "string",
    MapPublicIpOnLaunch: "boolean",
    Tags: TAGS,
  },
  required: ["VpcId"],
  replacement: ["VpcId", "CidrBlock", "AvailabilityZone"],
  attributes: ["SubnetId", "VpcId", "CidrBlock", "AvailabilityZone"],
  async create(context, properties) {
    const { VpcId, CidrBlock, AvailabilityZone, MapPublicIpOnLaunch } = properties;
    const { Subnet } = await context.call("ec2", "CreateSubnet", {
      VpcId,
      CidrBlock,
      AvailabilityZone,
      ...tagged(context, properties, "subnet"),
    });
    const SubnetId = Subnet!.SubnetId!;
    if (MapPublicIpOnLaunch)
      await context.call("ec2", "ModifySubnetAttribute", { SubnetId, MapPublicIpOnLaunch: { Value: true } });
    return stateOfSubnet(context, SubnetId);
  },
  async update(context, id, properties) {
    await context.call("ec2", "ModifySubnetAttribute", {
      SubnetId: id,
      MapPublicIpOnLaunch: { Value: properties.MapPublicIpOnLaunch ?? false },
    });
    await retag(context, id, properties);
    return stateOfSubnet(context, id);
  },
  async delete(context, id) {
    await context.call("ec2", "DeleteSubnet", { SubnetId: id }).catch(unlessGone);
  },
};

async function stateOfSubnet(context: ResourceContext, id: string) {
  const { Subnets } = await context.call("ec2", "DescribeSubnets", { SubnetIds: [id] });
  const { VpcId, CidrBlock, AvailabilityZone } = Subnets![0]!;
  return { id, attributes: { SubnetId: id, VpcId, CidrBlock, AvailabilityZone } };
}

const RULE = {
  IpProtocol: "string",
  FromPort: "integer",
  ToPort: "integer",
  CidrIp: "string",
  CidrIpv6: "string",
  Description: "string",
} as const;
const INGRESS = { ...RULE, SourceSecurityGroupId: "string", SourcePrefixListId: "string" } as const;
const EGRESS = { ...RULE, DestinationSecurityGroupId: "string", DestinationPrefixListId: "string" } as const;

function permissionOf(rule: ResourceProperties): IpPermission {
  const group = rule.SourceSecurityGroupId ?? rule.DestinationSecurityGroupId;
  const list = rule.SourcePrefixListId ?? rule.DestinationPrefixListId;
  const more = rule.Description === undefined ? {} : { Description: rule.Description };
  return {
    IpProtocol: String(rule.IpProtocol),
    ...(rule.FromPort === undefined ? {} : { FromPort: rule.FromPort }),
    ...(rule.ToPort === undefined ? {} : { ToPort: rule.ToPort }),
    ...(rule.CidrIp === undefined ? {} : { IpRanges: [{ CidrIp: rule.CidrIp, ...more }] }),
    ...(rule.CidrIpv6 === undefined ? {} : { Ipv6Ranges: [{ CidrIpv6: rule.CidrIpv6, ...more }] }),
    ...(list === undefined ? {} : { PrefixListIds: [{ PrefixListId: list, ...more }] }),
    ...(group === undefined ? {} : { UserIdGroupPairs: [{ GroupId: group, ...more }] }),
  };
}

/** The rules that EC2 gives a group of its own accord: everything out. */
const OUT: IpPermission = { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };

async function setRules(
  context: ResourceContext,
  GroupId: string,
  properties: ResourceProperties,
  previous: ResourceProperties | undefined,
): Promise<void> {
  const lists = (one: ResourceProperties | undefined, name: string): ResourceProperties[] => one?.[name] ?? [];
  const differing = (left: ResourceProperties[], right: ResourceProperties[]) =>
    left.filter((rule) => !right.some((other) => JSON.stringify(other) === JSON.stringify(rule))).map(permissionOf);
  for (const [name, authorize, revoke] of [
    ["SecurityGroupIngress", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"],
    ["SecurityGroupEgress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress"],
  ] as const) {
    const egress = name === "SecurityGroupEgress";
    const own = (one: ResourceProperties | undefined) => one !== undefined && lists(one, name).length > 0;
    const gone = differing(lists(previous, name), lists(properties, name));
    const added = differing(lists(properties, name), lists(previous, name));
    // A template's own rules replace the rule that lets everything out.
    if (egress && own(properties) && !own(previous)) gone.push(OUT);
    if (egress && !own(properties) && own(previous)) added.push(OUT);
    if (gone.length > 0) await context.call("ec2", revoke, { GroupId, IpPermissions: gone });
    if (added.length > 0) await context.call("ec2", authorize, { GroupId, IpPermissions: added });
  }
}

const securityGroup: ResourceType = {
  properties: {
    GroupName: "string",
    GroupDescription: "string",
    VpcId: "string",
    SecurityGroupIngress: [{ object: INGRESS }],
    SecurityGroupEgress: [{ object: EGRESS }],
    Tags: TAGS,
  },
  required: ["GroupDescription"],
  replacement: ["GroupName", "GroupDescription", "VpcId"],
  nameProperty: "GroupName",
  attributes: ["GroupId", "VpcId", "Id"],
  async create(context, properties) {
    const { GroupId } = await context.call("ec2", "CreateSecurityGroup", {
      GroupName: properties.GroupName ?? context.physicalName(255),
      Description: properties.GroupDescription,
      VpcId: properties.VpcId,
      ...tagged(context, properties, "security-group"),
    });
    await setRules(context, GroupId!, properties, undefined);
    return stateOfGroup(context, GroupId!);
  },
  async update(context, id, properties, previous) {
    await setRules(context, id, properties, previous);
    await retag(context, id, properties);
    return stateOfGroup(context, id);
  },
  async delete(context, id) {
    await context.call("ec2", "DeleteSecurityGroup", { GroupId: id }).catch(unlessGone);
  },
};

async function stateOfGroup(context: ResourceContext, id: string) {
  const { SecurityGroups } = await context.call("ec2", "DescribeSecurityGroups", { GroupIds: [id] });
  return { id, attributes: { GroupId: id, Id: id, VpcId: SecurityGroups![0]!.VpcId! } };
}

const rule = (
  authorize: "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress",
  revoke: "RevokeSecurityGroupIngress" | "RevokeSecurityGroupEgress",
  members: Readonly<Record<string, PropertySpec>>,
): ResourceType => ({
  properties: { GroupId: "string", ...members },
  required: ["GroupId", "IpProtocol"],
  attributes: ["Id"],
  async create(context, properties) {
    const IpPermissions = [permissionOf(properties)];
    await context.call("ec2", authorize, { GroupId: properties.GroupId, IpPermissions });
    const id = context.physicalName(100);
    return { id, attributes: { Id: id } };
  },
  async delete(context, _id, properties) {
    await context
      .call("ec2", revoke, { GroupId: properties.GroupId, IpPermissions: [permissionOf(properties)] })
      .catch(unlessGone);
  },
});

const internetGateway: ResourceType = {
  properties: { Tags: TAGS },
  attributes: ["InternetGatewayId"],
  async create(context, properties) {
    const { InternetGateway } = await context.call(
      "ec2",
      "CreateInternetGateway",
      tagged(context, properties, "internet-gateway"),
    );
    const id = InternetGateway!.InternetGatewayId!;
    return { id, attributes: { InternetGatewayId: id } };
  },
  async update(context, id, properties) {
    await retag(context, id, properties);
    return { id, attributes: { InternetGatewayId: id } };
  },
  async delete(context, id) {
    await context.call("ec2", "DeleteInternetGateway", { InternetGatewayId: id }).catch(unlessGone);
  },
};

const gatewayAttachment: ResourceType = {
  properties: { VpcId: "string", InternetGatewayId: "string" },
  required: ["VpcId", "InternetGatewayId"],
  attributes: ["AttachmentType"],
  async create(context, { VpcId, InternetGatewayId }) {
    await context.call("ec2", "AttachInternetGateway", { VpcId, InternetGatewayId });
    return { id: `IGW|${VpcId}`, attributes: { AttachmentType: "IGW" } };
  },
  async delete(context, _id, { VpcId, InternetGatewayId }) {
    await context.call("ec2", "DetachInternetGateway", { VpcId, InternetGatewayId }).catch(unlessGone);
  },
};

const routeTable: ResourceType = {
  properties: { VpcId: "string", Tags: TAGS },
  required: ["VpcId"],
  replacement: ["VpcId"],
  attributes: ["RouteTableId"],
  async create(context, properties) {
    const { RouteTable } = await context.call("ec2", "CreateRouteTable", {
      VpcId: properties.VpcId,
      ...tagged(context, properties, "route-table"),
    });
    const id = RouteTable!.RouteTableId!;
    return { id, attributes: { RouteTableId: id } };
  },
  async update(context, id, properties) {
    await retag(context, id, properties);
    return { id, attributes: { RouteTableId: id } };
  },
  async delete(context, id) {
    await context.call("ec2", "DeleteRouteTable", { RouteTableId: id }).catch(unlessGone);
  },
};

const route: ResourceType = {
  properties: { RouteTableId: "string", DestinationCidrBlock: "string", GatewayId: "string", NatGatewayId: "string" },
  required: ["RouteTableId", "DestinationCidrBlock"],
  replacement: ["RouteTableId", "DestinationCidrBlock"],
  attributes: ["CidrBlock"],
  async create(context, properties) {
    await context.call("ec2", "CreateRoute", properties);
    return stateOfRoute(properties);
  },
  async update(context, _id, properties) {
    await context.call("ec2", "ReplaceRoute", properties);
    return stateOfRoute(properties);
  },
  async delete(context, _id, { RouteTableId, DestinationCidrBlock }) {
    await context.call("ec2", "DeleteRoute", { RouteTableId, DestinationCidrBlock }).catch(unlessGone);
  },
};
const stateOfRoute = ({ RouteTableId, DestinationCidrBlock }: ResourceProperties) => ({
  id: `${RouteTableId}|${DestinationCidrBlock}`,
  attributes: { CidrBlock: DestinationCidrBlock },
});

const routeAssociation: ResourceType = {
  properties: { RouteTableId: "string", SubnetId: "string" },
  required: ["RouteTableId", "SubnetId"],
  attributes: ["Id"],
  async create(context, { RouteTableId, SubnetId }) {
    const { AssociationId } = await context.call("ec2", "AssociateRouteTable", { RouteTableId, SubnetId });
    return { id: AssociationId!, attributes: { Id: AssociationId! } };
  },
  async delete(context, id) {
    await context.call("ec2", "DisassociateRouteTable", { AssociationId: id }).catch(unlessGone);
  },
};

const address: ResourceType = {
  properties: { Domain: "string", Tags: TAGS },
  attributes: ["AllocationId", "PublicIp"],
  async create(context, properties) {
    const { AllocationId, PublicIp } = await context.call("ec2", "AllocateAddress", {
      Domain: properties.Domain ?? "vpc",
      ...tagged(context, properties, "elastic-ip"),
    });
    return { id: PublicIp!, attributes: { AllocationId: AllocationId!, PublicIp: PublicIp! } };
  },
  async delete(context, id) {
    const { Addresses } = await context.call("ec2", "DescribeAddresses", { PublicIps: [id] });
    for (const { AllocationId } of Addresses ?? [])
      await context.call("ec2", "ReleaseAddress", { AllocationId }).catch(unlessGone);
  },
};

const natGateway: ResourceType = {
  properties: { SubnetId: "string", AllocationId: "string", ConnectivityType: "string", Tags: TAGS },
  required: ["SubnetId"],
  replacement: ["SubnetId", "AllocationId", "ConnectivityType"],
  attributes: ["NatGatewayId"],
  async create(context, properties) {
    const { SubnetId, AllocationId, ConnectivityType } = properties;
    const { NatGateway } = await context.call("ec2", "CreateNatGateway", {
      SubnetId,
      AllocationId,
      ConnectivityType,
      ...tagged(context, properties, "natgateway"),
    });
    const id = NatGateway!.NatGatewayId!;
    return { id, attributes: { NatGatewayId: id } };
  },
  async update(context, id, properties) {
    await retag(context, id, properties);
    return { id, attributes: { NatGatewayId: id } };
  },
  async delete(context, id) {
    await context.call("ec2", "DeleteNatGateway", { NatGatewayId: id }).catch(unlessGone);
  },
};

const endpoint: ResourceType = {
  properties: {
    VpcId: "string",
    ServiceName: "string",
    VpcEndpointType: "string",
    PolicyDocument: "json",
    PrivateDnsEnabled: "boolean",
    RouteTableIds: ["string"],
    SubnetIds: ["string"],
    SecurityGroupIds: ["string"],
    Tags: TAGS,
  },
  required: ["VpcId", "ServiceName"],
  attributes: ["Id"],
  async create(context, { Tags, PolicyDocument, ...properties }) {
    const { VpcEndpoint } = await context.call("ec2", "CreateVpcEndpoint", {
      ...properties,
      ...(PolicyDocument === undefined
        ? {}
        : { PolicyDocument: typeof PolicyDocument === "string" ? PolicyDocument : JSON.stringify(PolicyDocument) }),
      ...tagged(context, { Tags }, "vpc-endpoint"),
    });
    const id = VpcEndpoint!.VpcEndpointId!;
    return { id, attributes: { Id: id } };
  },
  async delete(context, id) {
    await context.call("ec2", "DeleteVpcEndpoints", { VpcEndpointIds: [id] });
  },
};

export const resources = {
  "AWS::EC2::VPC": vpc,
  "AWS::EC2::Subnet": subnet,
  "AWS::EC2::SecurityGroup": securityGroup,
  "AWS::EC2::SecurityGroupIngress": rule("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress", INGRESS),
  "AWS::EC2::SecurityGroupEgress": rule("AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress", EGRESS),
  "AWS::EC2::InternetGateway": internetGateway,
  "AWS::EC2::VPCGatewayAttachment": gatewayAttachment,
  "AWS::EC2::RouteTable": routeTable,
  "AWS::EC2::Route": route,
  "AWS::EC2::SubnetRouteTableAssociation": routeAssociation,
  "AWS::EC2::EIP": address,
  "AWS::EC2::NatGateway": natGateway,
  "AWS::EC2::VPCEndpoint": endpoint,
} as const;
