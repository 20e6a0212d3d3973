import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";

const code = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return "none";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test("every account has a default VPC with a subnet in each zone", async () => {
  const platform = await openTestPlatform();
  const { Vpcs } = await platform.call("ec2", "DescribeVpcs", { Filters: [{ Name: "is-default", Values: ["true"] }] });
  assert.equal(Vpcs!.length, 1);
  const { Subnets } = await platform.call("ec2", "DescribeSubnets", {
    Filters: [{ Name: "vpc-id", Values: [Vpcs![0]!.VpcId!] }],
  });
  assert.deepEqual(Subnets!.map(({ AvailabilityZone }) => AvailabilityZone).sort(), [
    "us-east-1a",
    "us-east-1b",
    "us-east-1c",
  ]);
  const { AvailabilityZones } = await platform.call("ec2", "DescribeAvailabilityZones", {});
  assert.equal(AvailabilityZones!.length, 3);
  await platform.close();
});

test("a network is made, described with filters, and deleted in order", async () => {
  const platform = await openTestPlatform();
  const { Vpc } = await platform.call("ec2", "CreateVpc", {
    CidrBlock: "10.0.0.0/16",
    TagSpecifications: [{ ResourceType: "vpc", Tags: [{ Key: "Name", Value: "shop" }] }],
  });
  const VpcId = Vpc!.VpcId!;
  const { Subnet } = await platform.call("ec2", "CreateSubnet", { VpcId, CidrBlock: "10.0.1.0/24" });
  assert.equal(Subnet!.AvailableIpAddressCount, 251);
  assert.equal(
    await code(platform.call("ec2", "CreateSubnet", { VpcId, CidrBlock: "10.0.1.128/25" })),
    "InvalidSubnet.Conflict",
  );
  assert.equal(
    await code(platform.call("ec2", "CreateSubnet", { VpcId, CidrBlock: "10.1.0.0/24" })),
    "InvalidSubnet.Range",
  );
  const { InternetGateway } = await platform.call("ec2", "CreateInternetGateway", {});
  const InternetGatewayId = InternetGateway!.InternetGatewayId!;
  await platform.call("ec2", "AttachInternetGateway", { VpcId, InternetGatewayId });
  const { RouteTable } = await platform.call("ec2", "CreateRouteTable", { VpcId });
  const RouteTableId = RouteTable!.RouteTableId!;
  await platform.call("ec2", "CreateRoute", {
    RouteTableId,
    DestinationCidrBlock: "0.0.0.0/0",
    GatewayId: InternetGatewayId,
  });
  const { AssociationId } = await platform.call("ec2", "AssociateRouteTable", {
    RouteTableId,
    SubnetId: Subnet!.SubnetId,
  });
  const { AllocationId } = await platform.call("ec2", "AllocateAddress", {});
  const nat = { SubnetId: Subnet!.SubnetId, AllocationId, ClientToken: "once" };
  const { NatGateway } = await platform.call("ec2", "CreateNatGateway", nat);
  const again = await platform.call("ec2", "CreateNatGateway", nat);
  assert.equal(again.NatGateway!.NatGatewayId, NatGateway!.NatGatewayId);

  const found = await platform.call("ec2", "DescribeVpcs", { Filters: [{ Name: "tag:Name", Values: ["sh*"] }] });
  assert.deepEqual(
    found.Vpcs!.map((one) => one.VpcId),
    [VpcId],
  );
  assert.equal(
    await code(platform.call("ec2", "DescribeVpcs", { Filters: [{ Name: "colour", Values: ["red"] }] })),
    "InvalidParameterValue",
  );
  assert.equal(await code(platform.call("ec2", "DescribeVpcs", { VpcIds: ["vpc-1"] })), "InvalidVpcID.NotFound");

  assert.equal(await code(platform.call("ec2", "DeleteVpc", { VpcId })), "DependencyViolation");
  assert.equal(await code(platform.call("ec2", "DeleteSubnet", { SubnetId: Subnet!.SubnetId })), "DependencyViolation");
  assert.equal(
    await code(platform.call("ec2", "DetachInternetGateway", { VpcId, InternetGatewayId })),
    "DependencyViolation",
  );
  assert.equal(await code(platform.call("ec2", "ReleaseAddress", { AllocationId })), "InvalidIPAddress.InUse");
  assert.equal(await code(platform.call("ec2", "DeleteRouteTable", { RouteTableId })), "DependencyViolation");
  await platform.call("ec2", "DeleteNatGateway", { NatGatewayId: NatGateway!.NatGatewayId });
  await platform.call("ec2", "ReleaseAddress", { AllocationId });
  await platform.call("ec2", "DisassociateRouteTable", { AssociationId });
  await platform.call("ec2", "DeleteRouteTable", { RouteTableId });
  await platform.call("ec2", "DeleteSubnet", { SubnetId: Subnet!.SubnetId });
  await platform.call("ec2", "DetachInternetGateway", { VpcId, InternetGatewayId });
  await platform.call("ec2", "DeleteInternetGateway", { InternetGatewayId });
  await platform.call("ec2", "DeleteVpc", { VpcId });
  assert.equal(await code(platform.call("ec2", "DeleteVpc", { VpcId })), "InvalidVpcID.NotFound");
  await platform.close();
});

test("security groups: rules are added once, taken away, and hold what they refer to", async () => {
  const platform = await openTestPlatform();
  const front = await platform.call("ec2", "CreateSecurityGroup", { GroupName: "front", Description: "x" });
  const back = await platform.call("ec2", "CreateSecurityGroup", { GroupName: "back", Description: "x" });
  assert.equal(
    await code(platform.call("ec2", "CreateSecurityGroup", { GroupName: "back", Description: "x" })),
    "InvalidGroup.Duplicate",
  );
  const rule = {
    GroupId: back.GroupId,
    IpPermissions: [{ IpProtocol: "tcp", FromPort: 80, ToPort: 80, UserIdGroupPairs: [{ GroupId: front.GroupId }] }],
  };
  await platform.call("ec2", "AuthorizeSecurityGroupIngress", rule);
  assert.equal(await code(platform.call("ec2", "AuthorizeSecurityGroupIngress", rule)), "InvalidPermission.Duplicate");
  assert.equal(
    await code(platform.call("ec2", "DeleteSecurityGroup", { GroupId: front.GroupId })),
    "DependencyViolation",
  );
  await platform.call("ec2", "RevokeSecurityGroupIngress", rule);
  assert.equal(await code(platform.call("ec2", "RevokeSecurityGroupIngress", rule)), "InvalidPermission.NotFound");
  await platform.call("ec2", "DeleteSecurityGroup", { GroupId: front.GroupId });
  assert.equal(
    await code(platform.call("ec2", "CreateVpc", { CidrBlock: "10.0.0.0/16", DryRun: true })),
    "DryRunOperation",
  );
  await platform.close();
});

test("a template's network is made and taken away", async () => {
  const platform = await openTestPlatform();
  const ref = (Ref: string) => ({ Ref });
  const template = {
    Resources: {
      Vpc: { Type: "AWS::EC2::VPC", Properties: { CidrBlock: "10.0.0.0/16", EnableDnsHostnames: true } },
      Subnet: {
        Type: "AWS::EC2::Subnet",
        Properties: {
          VpcId: ref("Vpc"),
          CidrBlock: { "Fn::Select": [0, { "Fn::Cidr": ["10.0.0.0/16", 2, 8] }] },
          AvailabilityZone: { "Fn::Select": [0, { "Fn::GetAZs": "" }] },
          MapPublicIpOnLaunch: true,
        },
      },
      Gateway: { Type: "AWS::EC2::InternetGateway" },
      Attachment: {
        Type: "AWS::EC2::VPCGatewayAttachment",
        Properties: { VpcId: ref("Vpc"), InternetGatewayId: ref("Gateway") },
      },
      Table: { Type: "AWS::EC2::RouteTable", Properties: { VpcId: ref("Vpc") } },
      Route: {
        Type: "AWS::EC2::Route",
        DependsOn: "Attachment",
        Properties: { RouteTableId: ref("Table"), DestinationCidrBlock: "0.0.0.0/0", GatewayId: ref("Gateway") },
      },
      Association: {
        Type: "AWS::EC2::SubnetRouteTableAssociation",
        Properties: { RouteTableId: ref("Table"), SubnetId: ref("Subnet") },
      },
      Address: { Type: "AWS::EC2::EIP", DependsOn: "Attachment", Properties: { Domain: "vpc" } },
      Nat: {
        Type: "AWS::EC2::NatGateway",
        Properties: { SubnetId: ref("Subnet"), AllocationId: { "Fn::GetAtt": ["Address", "AllocationId"] } },
      },
      Front: {
        Type: "AWS::EC2::SecurityGroup",
        Properties: {
          GroupDescription: "front",
          VpcId: ref("Vpc"),
          SecurityGroupIngress: [{ IpProtocol: "tcp", FromPort: 80, ToPort: 80, CidrIp: "0.0.0.0/0" }],
        },
      },
      Back: {
        Type: "AWS::EC2::SecurityGroup",
        Properties: {
          GroupDescription: "back",
          VpcId: ref("Vpc"),
          SecurityGroupEgress: [{ IpProtocol: "-1", CidrIp: "10.0.0.0/8" }],
        },
      },
      Between: {
        Type: "AWS::EC2::SecurityGroupIngress",
        Properties: {
          GroupId: ref("Back"),
          IpProtocol: "tcp",
          FromPort: 8080,
          ToPort: 8080,
          SourceSecurityGroupId: ref("Front"),
        },
      },
      Endpoint: {
        Type: "AWS::EC2::VPCEndpoint",
        Properties: {
          VpcId: ref("Vpc"),
          ServiceName: { "Fn::Sub": "com.amazonaws.${AWS::Region}.s3" },
          RouteTableIds: [ref("Table")],
        },
      },
    },
  };
  await platform.call("cloudformation", "CreateStack", { StackName: "net", TemplateBody: JSON.stringify(template) });
  await platform.settle();
  const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "net" });
  assert.equal(Stacks![0]!.StackStatus, "CREATE_COMPLETE", Stacks![0]!.StackStatusReason);
  const { SecurityGroups } = await platform.call("ec2", "DescribeSecurityGroups", {
    Filters: [{ Name: "description", Values: ["back"] }],
  });
  assert.deepEqual(
    SecurityGroups![0]!.IpPermissionsEgress!.flatMap(({ IpRanges }) => IpRanges!.map(({ CidrIp }) => CidrIp)),
    ["10.0.0.0/8"],
  );
  await platform.call("cloudformation", "DeleteStack", { StackName: "net" });
  await platform.settle();
  const { Vpcs } = await platform.call("ec2", "DescribeVpcs", {});
  assert.equal(Vpcs!.length, 1);
  await platform.close();
});
