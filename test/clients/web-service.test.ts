/**
 * The web service's template by the AWS CLI: network, load balancer, service, scaling and alarms deployed, looked at, changed and deleted. There is no
 * container engine here; `test/containers/` runs its tasks.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { servePlatform } from "../../src/platform/serving.ts";
import { awsCli } from "./aws.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/web-service/template.yaml");

test("aws cloudformation deploy, and what it made", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "virga-web-service-"));
  const platform = await servePlatform({ ephemeral: false, containerSocket: join(folder, "none.sock") });
  t.after(async () => {
    await platform.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const aws = awsCli(`http://127.0.0.1:${platform.port}`, folder);
  const text = readFileSync(EXAMPLE, "utf8");
  // Without an engine a service that wants a task waits for one.
  writeFileSync(join(folder, "template.yaml"), text.replace("DesiredCount: 1", "DesiredCount: 0"));
  const deployed = await aws(
    ...["cloudformation", "deploy", "--stack-name", "web", "--template-file", "template.yaml"],
    ...["--capabilities", "CAPABILITY_IAM", "--parameter-overrides", "MinCapacity=0"],
  );
  assert.match(deployed, /Successfully created\/updated stack - web/);
  const { Stacks } = await aws.json("cloudformation", "describe-stacks", "--stack-name", "web");
  const output = (name: string): string => Stacks[0].Outputs.find((one: any) => one.OutputKey === name).OutputValue;
  const [cluster, service] = [output("Cluster"), output("Service")];

  const { services } = await aws.json("ecs", "describe-services", "--cluster", cluster, "--services", service);
  assert.deepEqual([services[0].status, services[0].desiredCount, services[0].launchType], ["ACTIVE", 0, "FARGATE"]);
  const { subnets, securityGroups } = services[0].networkConfiguration.awsvpcConfiguration;
  const targetGroup = services[0].loadBalancers[0].targetGroupArn;
  const ofEcs = ["--service-namespace", "ecs"];
  // A command is mostly its own start, so that several at once make the most of the machine.
  const [zones, groups, balancers, targetGroups, targets, policies, actions, alarms] = await Promise.all([
    aws.json("ec2", "describe-subnets", "--subnet-ids", ...subnets),
    aws.json("ec2", "describe-security-groups", "--group-ids", ...securityGroups),
    aws.json("elbv2", "describe-load-balancers"),
    aws.json("elbv2", "describe-target-groups", "--target-group-arns", targetGroup),
    aws.json("application-autoscaling", "describe-scalable-targets", ...ofEcs),
    aws.json("application-autoscaling", "describe-scaling-policies", ...ofEcs),
    aws.json("application-autoscaling", "describe-scheduled-actions", ...ofEcs),
    aws.json("cloudwatch", "describe-alarms"),
  ]);
  assert.equal(new Set(zones.Subnets.map((one: any) => one.AvailabilityZone)).size, 2);
  assert.equal(groups.SecurityGroups[0].IpPermissions[0].FromPort, 8080);
  const [balancer] = balancers.LoadBalancers;
  assert.equal(`http://${balancer.DNSName}`, output("Url").replace(/:\d+$/, ""));
  assert.deepEqual(targetGroups.TargetGroups[0].LoadBalancerArns, [balancer.LoadBalancerArn]);
  assert.deepEqual([targets.ScalableTargets[0].MinCapacity, targets.ScalableTargets[0].MaxCapacity], [0, 4]);
  assert.deepEqual(policies.ScalingPolicies.map((one: any) => one.PolicyName).sort(), [
    "follow-cpu",
    "follow-memory",
    "more-for-traffic",
    "sleep",
  ]);
  assert.deepEqual(actions.ScheduledActions.map((one: any) => one.ScheduledActionName).sort(), [
    "evening",
    "working-day",
  ]);
  const called = alarms.MetricAlarms.flatMap((one: any) => one.AlarmActions).map(
    (arn: string) => arn.split("policyName/")[1],
  );
  assert.deepEqual(called.sort(), [
    "follow-cpu",
    "follow-cpu",
    "follow-memory",
    "follow-memory",
    "more-for-traffic",
    "sleep",
  ]);

  // The command's own waits look every half minute.
  const settled = async (status: RegExp) => {
    for (;;) {
      const { StackSummaries } = await aws.json("cloudformation", "list-stacks");
      if (status.test(StackSummaries[0].StackStatus)) return;
    }
  };
  const keep = ["--use-previous-template", "--capabilities", "CAPABILITY_IAM", "--parameters"];
  const parameters = ["ParameterKey=MaxCapacity,ParameterValue=6", "ParameterKey=MinCapacity,ParameterValue=0"];
  await aws("cloudformation", "update-stack", "--stack-name", "web", ...keep, ...parameters);
  await settled(/^UPDATE_COMPLETE$/);
  const changed = await aws.json("application-autoscaling", "describe-scalable-targets", ...ofEcs);
  assert.equal(changed.ScalableTargets[0].MaxCapacity, 6);
  await aws("cloudformation", "delete-stack", "--stack-name", "web");
  await settled(/^DELETE_COMPLETE$/);
  const left = await aws.json("ec2", "describe-vpcs", "--filters", "Name=cidr,Values=10.0.0.0/16");
  assert.deepEqual(left.Vpcs, []);
  assert.deepEqual((await aws.json("cloudwatch", "describe-alarms")).MetricAlarms, []);
});
