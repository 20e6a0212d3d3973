/** The API: load balancers, listeners, rules, target groups, targets, tags. How requests travel is in `plane/plane.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeKey, keysUnder } from "../../storage/keys.ts";
import type { InputOf } from "../service.ts";
import { withLoadBalancer } from "./testing.ts";

const FIXED = { Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } } as const;

test("a load balancer is made, found, changed and deleted with all that hangs on it", () =>
  withLoadBalancer(async ({ platform, loadBalancer, dnsName, group, listener }) => {
    assert.match(
      loadBalancer,
      /^arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer\/app\/web\/[0-9a-f]{16}$/,
    );
    assert.match(dnsName, /^web-\d{10}\.us-east-1\.elb\.localhost$/);
    const again = { Name: "web", Subnets: ["subnet-a", "subnet-b"] };
    const same = await platform.call("elbv2", "CreateLoadBalancer", again);
    assert.equal(same.LoadBalancers![0]!.LoadBalancerArn, loadBalancer);
    await assert.rejects(platform.call("elbv2", "CreateLoadBalancer", { ...again, Scheme: "internal" }), {
      code: "DuplicateLoadBalancerNameException",
      message: "A load balancer with the same name 'web' exists, but with different settings",
    });
    const { LoadBalancers } = await platform.call("elbv2", "DescribeLoadBalancers", { Names: ["web"] });
    assert.deepEqual(
      LoadBalancers!.map(({ VpcId, State, Type, AvailabilityZones }) => [
        VpcId,
        State,
        Type,
        AvailabilityZones!.map((zone) => zone.ZoneName),
      ]),
      [["vpc-1", { Code: "active" }, "application", ["us-east-1a", "us-east-1b"]]],
    );
    const arn = await group();
    const made = await listener({ Type: "forward", TargetGroupArn: arn });
    await assert.rejects(platform.call("elbv2", "DeleteTargetGroup", { TargetGroupArn: arn }), {
      code: "ResourceInUseException",
    });
    const protect = (Value: string) =>
      platform.call("elbv2", "ModifyLoadBalancerAttributes", {
        LoadBalancerArn: loadBalancer,
        Attributes: [{ Key: "deletion_protection.enabled", Value }],
      });
    await protect("true");
    await assert.rejects(platform.call("elbv2", "DeleteLoadBalancer", { LoadBalancerArn: loadBalancer }), {
      code: "OperationNotPermittedException",
    });
    await protect("false");
    await platform.call("elbv2", "DeleteLoadBalancer", { LoadBalancerArn: loadBalancer });
    await platform.call("elbv2", "DeleteLoadBalancer", { LoadBalancerArn: loadBalancer });
    await assert.rejects(platform.call("elbv2", "DescribeListeners", { ListenerArns: [made] }), {
      code: "ListenerNotFoundException",
    });
    await assert.rejects(platform.call("elbv2", "DescribeLoadBalancers", { Names: ["web"] }), {
      message: "Load balancers '[web]' not found",
    });
    await platform.call("elbv2", "DeleteTargetGroup", { TargetGroupArn: arn });
  }));

test("what is not supported is refused by name, what is wrong as AWS says it", () =>
  withLoadBalancer(async ({ platform, loadBalancer, group, listener }) => {
    const arn = await group();
    const cases: [Promise<unknown>, string, RegExp][] = [
      [
        platform.call("elbv2", "CreateLoadBalancer", { Name: "n", Type: "network" }),
        "NotImplemented",
        /load balancers of type network/,
      ],
      [
        platform.call("elbv2", "CreateLoadBalancer", { Name: "-n", Subnets: ["subnet-a", "subnet-b"] }),
        "ValidationError",
        /name '-n' is not valid/,
      ],
      [
        platform.call("elbv2", "CreateLoadBalancer", { Name: "n", Subnets: ["subnet-a"] }),
        "ValidationError",
        /^At least two subnets in two different/,
      ],
      [
        platform.call("elbv2", "CreateLoadBalancer", { Name: "n", Subnets: ["subnet-a", "nowhere"] }),
        "InvalidSubnetID.NotFound",
        /nowhere/,
      ],
      [
        platform.call("elbv2", "CreateListener", {
          LoadBalancerArn: loadBalancer,
          Protocol: "HTTPS",
          Port: 443,
          DefaultActions: [FIXED],
        }),
        "NotImplemented",
        /HTTPS/,
      ],
      [listener({ Type: "authenticate-oidc" }), "NotImplemented", /the listener action authenticate-oidc/],
      [
        listener({ Type: "forward", TargetGroupArn: `${arn.slice(0, -1)}x` }),
        "TargetGroupNotFoundException",
        /not found$/,
      ],
      [listener({ Type: "redirect", RedirectConfig: { StatusCode: "HTTP_301" } }), "ValidationError", /never end/],
      [
        listener({ Type: "fixed-response", FixedResponseConfig: { StatusCode: "302" } }),
        "ValidationError",
        /'302' is not valid/,
      ],
      [group({ TargetType: "instance" }), "NotImplemented", /target groups of type instance/],
      [group({ Protocol: "HTTPS" }), "NotImplemented", /protocol HTTPS/],
      [group({ HealthCheckTimeoutSeconds: 30, HealthCheckIntervalSeconds: 30 }), "ValidationError", /must be smaller/],
      [group({ Matcher: { HttpCode: "99" } }), "ValidationError", /'99' must be within '200-499'/],
      [
        platform.call("elbv2", "RegisterTargets", { TargetGroupArn: arn, Targets: [{ Id: "i-1" }] }),
        "ValidationError",
        /IP address 'i-1'/,
      ],
      [
        platform.call("elbv2", "DeregisterTargets", { TargetGroupArn: arn, Targets: [{ Id: "10.0.0.1" }] }),
        "InvalidTargetException",
        /not registered: 10\.0\.0\.1/,
      ],
      [
        platform.call("elbv2", "ModifyTargetGroupAttributes", {
          TargetGroupArn: arn,
          Attributes: [{ Key: "slow_start.duration_seconds", Value: "30" }],
        }),
        "NotImplemented",
        /slow_start\.duration_seconds = 30/,
      ],
      [
        platform.call("elbv2", "ModifyLoadBalancerAttributes", {
          LoadBalancerArn: loadBalancer,
          Attributes: [{ Key: "nope", Value: "1" }],
        }),
        "ValidationError",
        /key 'nope' is not recognized/,
      ],
    ];
    for (const [call, code, message] of cases)
      await assert.rejects(call, (error: any) => error.code === code && message.test(error.message));
  }));

test("rules: priorities, changes, the default one, and one load balancer for each group", () =>
  withLoadBalancer(async ({ platform, loadBalancer, group, listener }) => {
    const arn = await group();
    const ListenerArn = await listener(FIXED);
    await assert.rejects(listener(FIXED), {
      code: "DuplicateListenerException",
      message: `A listener already exists on this port for this load balancer '${loadBalancer}'`,
    });
    const rule = async (Priority: number, more: Partial<InputOf<"elbv2", "CreateRule">> = {}) => {
      const Conditions = [{ Field: "path-pattern", Values: [`/${Priority}`] }];
      const { Rules } = await platform.call("elbv2", "CreateRule", {
        ListenerArn,
        Priority,
        Conditions,
        Actions: [{ Type: "forward", TargetGroupArn: arn }],
        ...more,
      });
      return Rules![0]!.RuleArn!;
    };
    const [ten, twenty] = [await rule(10), await rule(20)];
    await assert.rejects(rule(10), { message: "Priority '10' is currently in use" });
    await assert.rejects(rule(0), { code: "ValidationError" });
    await assert.rejects(
      rule(30, { Conditions: [{ Field: "path-pattern", Values: ["1", "2", "3", "4", "5", "6"] }] }),
      { code: "ValidationError" },
    );
    await assert.rejects(rule(30, { Conditions: [{ Field: "source-ip", SourceIpConfig: { Values: ["10.0.0.1"] } }] }), {
      message: "The source IP '10.0.0.1' is not a valid CIDR block",
    });
    await platform.call("elbv2", "SetRulePriorities", {
      RulePriorities: [
        { RuleArn: ten, Priority: 20 },
        { RuleArn: twenty, Priority: 10 },
      ],
    });
    const described = await platform.call("elbv2", "DescribeRules", { ListenerArn });
    assert.deepEqual(
      described.Rules!.map(({ RuleArn, Priority }) => [RuleArn, Priority]),
      [
        [twenty, "10"],
        [ten, "20"],
        [described.Rules![2]!.RuleArn, "default"],
      ],
    );
    assert.deepEqual(described.Rules![0]!.Actions, [
      {
        Type: "forward",
        TargetGroupArn: arn,
        ForwardConfig: {
          TargetGroups: [{ TargetGroupArn: arn, Weight: 1 }],
          TargetGroupStickinessConfig: { Enabled: false },
        },
      },
    ]);
    const byDefault = described.Rules![2]!.RuleArn!;
    await assert.rejects(platform.call("elbv2", "DeleteRule", { RuleArn: byDefault }), {
      message: `Default rule '${byDefault}' cannot be deleted`,
    });
    await platform.call("elbv2", "ModifyRule", { RuleArn: ten, Actions: [FIXED] });
    await platform.call("elbv2", "DeleteRule", { RuleArn: twenty });
    assert.equal((await platform.call("elbv2", "DescribeRules", { RuleArns: [ten, byDefault] })).Rules!.length, 2);
    await assert.rejects(platform.call("elbv2", "DescribeRules", { RuleArns: [twenty] }), {
      code: "RuleNotFoundException",
    });

    await platform.call("elbv2", "ModifyListener", {
      ListenerArn,
      Port: 81,
      DefaultActions: [{ Type: "forward", TargetGroupArn: arn }],
    });
    const other = await platform.call("elbv2", "CreateLoadBalancer", {
      Name: "other",
      Subnets: ["subnet-a", "subnet-b"],
    });
    const elsewhere = {
      LoadBalancerArn: other.LoadBalancers![0]!.LoadBalancerArn,
      Protocol: "HTTP",
      Port: 80,
    } as const;
    await assert.rejects(
      platform.call("elbv2", "CreateListener", {
        ...elsewhere,
        DefaultActions: [{ Type: "forward", TargetGroupArn: arn }],
      }),
      {
        code: "TargetGroupAssociationLimitException",
      },
    );
  }));

test("targets are drained for their delay, and a target registered again stays", () =>
  withLoadBalancer(async ({ platform, group, listener, health }) => {
    const TargetGroupArn = await group();
    const Targets = [{ Id: "127.0.0.1", Port: 1 }];
    await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets });
    assert.deepEqual(await health(TargetGroupArn), ["unused"]);
    await platform.call("elbv2", "DeregisterTargets", { TargetGroupArn, Targets });
    assert.deepEqual(await health(TargetGroupArn), []);
    await listener({ Type: "forward", TargetGroupArn });
    for (const again of [true, false]) {
      await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets });
      await platform.call("elbv2", "DeregisterTargets", { TargetGroupArn, Targets });
      assert.deepEqual(await health(TargetGroupArn), ["draining"]);
      if (again) await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets });
      await platform.advance(300_000);
      assert.equal((await health(TargetGroupArn)).length, again ? 1 : 0);
    }
  }));

test("tags of everything", () =>
  withLoadBalancer(async ({ platform, loadBalancer, group, listener }) => {
    const arns = [loadBalancer, await group({ Tags: [{ Key: "a", Value: "1" }] }), await listener(FIXED)];
    await platform.call("elbv2", "AddTags", { ResourceArns: arns, Tags: [{ Key: "team", Value: "blue" }] });
    await platform.call("elbv2", "RemoveTags", { ResourceArns: arns, TagKeys: ["a"] });
    const { TagDescriptions } = await platform.call("elbv2", "DescribeTags", { ResourceArns: arns });
    assert.deepEqual(
      TagDescriptions,
      arns.map((ResourceArn) => ({ ResourceArn, Tags: [{ Key: "team", Value: "blue" }] })),
    );
  }));

test("a load balancer is metered by the hour, as long as it is there", () =>
  withLoadBalancer(async ({ platform, loadBalancer }) => {
    const hours = () =>
      platform.flow().write((tx) => {
        const { start, end } = keysUnder("usage");
        return [...tx.range(start, end)]
          .filter(([key]) => decodeKey(key).includes("LoadBalancerUsage"))
          .reduce((sum, [, quantity]) => sum + (quantity as number), 0);
      });
    assert.equal(await hours(), 1);
    await platform.advance(2.5 * 3_600_000);
    assert.equal(await hours(), 3);
    await platform.call("elbv2", "DeleteLoadBalancer", { LoadBalancerArn: loadBalancer });
    await platform.advance(5 * 3_600_000);
    assert.equal(await hours(), 3);
  }));
