import assert from "node:assert/strict";
import { test } from "node:test";
import { withTemplates } from "../../platform/services.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import type { Service } from "../service.ts";
import { createElbv2 } from "./service.ts";
import { fakeEc2 } from "./testing.ts";

async function deploy(platform: TestPlatform, operation: "CreateStack" | "UpdateStack", Resources: object) {
  const Outputs = { Name: { Value: { "Fn::GetAtt": ["Balancer", "LoadBalancerFullName"] } } };
  const TemplateBody = JSON.stringify({ Resources, Outputs });
  await platform.call("cloudformation", operation, { StackName: "s", TemplateBody });
  await platform.advance(60_000);
  const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "s" });
  assert.match(Stacks![0]!.StackStatus!, /^(CREATE|UPDATE)_COMPLETE$/, Stacks![0]!.StackStatusReason);
  return Stacks![0]!.Outputs![0]!.OutputValue!;
}

const type = (name: string) => `AWS::ElasticLoadBalancingV2::${name}`;
const fixed = (StatusCode: string) => ({ Type: "fixed-response", FixedResponseConfig: { StatusCode } });

function template(changed: boolean) {
  return {
    Balancer: {
      Type: type("LoadBalancer"),
      Properties: {
        Subnets: ["subnet-a", changed ? "subnet-c" : "subnet-b"],
        LoadBalancerAttributes: [{ Key: "idle_timeout.timeout_seconds", Value: changed ? "9" : "8" }],
        Tags: [{ Key: changed ? "new" : "old", Value: "1" }],
      },
    },
    Group: {
      Type: type("TargetGroup"),
      Properties: {
        TargetType: "ip",
        Protocol: "HTTP",
        Port: 80,
        VpcId: "vpc-1",
        HealthCheckPath: changed ? "/new" : "/old",
        Targets: [{ Id: changed ? "10.0.0.2" : "10.0.0.1", Port: 1 }],
        TargetGroupAttributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "0" }],
      },
    },
    Listener: {
      Type: type("Listener"),
      Properties: {
        LoadBalancerArn: { Ref: "Balancer" },
        Port: changed ? 8081 : 8080,
        Protocol: "HTTP",
        DefaultActions: [{ Type: "forward", TargetGroupArn: { Ref: "Group" } }],
      },
    },
    Rule: {
      Type: type("ListenerRule"),
      Properties: {
        ListenerArn: { Ref: "Listener" },
        Priority: changed ? 2 : 1,
        Conditions: [{ Field: "path-pattern", Values: ["/a"] }],
        Actions: [fixed(changed ? "404" : "200")],
      },
    },
  };
}

test("a load balancer with all its parts in a stack: made, changed in place, deleted", async () => {
  const services = [createElbv2({ listen: async () => ({ close: async () => {} }) }), fakeEc2] as unknown as Service[];
  const platform = await openTestPlatform({ services: [...services, withTemplates(services)] });
  try {
    const facts = async () => {
      const { LoadBalancers } = await platform.call("elbv2", "DescribeLoadBalancers", {});
      const { LoadBalancerArn, AvailabilityZones } = LoadBalancers![0]!;
      const { Listeners } = await platform.call("elbv2", "DescribeListeners", { LoadBalancerArn });
      const { ListenerArn, Port } = Listeners![0]!;
      const { Rules } = await platform.call("elbv2", "DescribeRules", { ListenerArn });
      const { TargetGroups } = await platform.call("elbv2", "DescribeTargetGroups", { LoadBalancerArn });
      const { TargetGroupArn, HealthCheckPath } = TargetGroups![0]!;
      const { TargetHealthDescriptions } = await platform.call("elbv2", "DescribeTargetHealth", { TargetGroupArn });
      const { TagDescriptions } = await platform.call("elbv2", "DescribeTags", { ResourceArns: [LoadBalancerArn!] });
      const { Attributes } = await platform.call("elbv2", "DescribeLoadBalancerAttributes", { LoadBalancerArn });
      return {
        arns: [LoadBalancerArn, ListenerArn, TargetGroupArn, Rules![0]!.RuleArn],
        seen: [
          AvailabilityZones!.map(({ SubnetId }) => SubnetId).join(),
          Port,
          Rules![0]!.Priority,
          Rules![0]!.Actions![0]!.FixedResponseConfig!.StatusCode,
          HealthCheckPath,
          TargetHealthDescriptions!.map(({ Target }) => Target!.Id).join(),
          TagDescriptions![0]!
            .Tags!.map(({ Key }) => Key)
            .filter((name) => !name!.startsWith("aws:"))
            .join(),
          Attributes!.find(({ Key }) => Key === "idle_timeout.timeout_seconds")!.Value,
        ],
      };
    };
    const name = await deploy(platform, "CreateStack", template(false));
    const first = await facts();
    assert.equal(first.arns[0]!.split(":loadbalancer/")[1], name);
    assert.deepEqual(first.seen, ["subnet-a,subnet-b", 8080, "1", "200", "/old", "10.0.0.1", "old", "8"]);
    assert.equal(await deploy(platform, "UpdateStack", template(true)), name);
    const second = await facts();
    assert.deepEqual(second.arns, first.arns);
    assert.deepEqual(second.seen, ["subnet-a,subnet-c", 8081, "2", "404", "/new", "10.0.0.2", "new", "9"]);
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    await platform.advance(60_000);
    assert.deepEqual((await platform.call("elbv2", "DescribeLoadBalancers", {})).LoadBalancers, []);
    assert.deepEqual((await platform.call("elbv2", "DescribeTargetGroups", {})).TargetGroups, []);
  } finally {
    await platform.close();
  }
});
