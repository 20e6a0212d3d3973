/** Target groups: where requests go, and how it is found out whether that works. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html */
import { notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { usersOf } from "./actions.ts";
import { type AttributeKind, shownAttributes, withAttributes } from "./attributes.ts";
import { duplicateTargetGroup, resourceInUse, targetGroupNotFound, validation } from "./errors.ts";
import {
  allOf,
  type HealthCheck,
  loadBalancerArn,
  parseName,
  type TargetGroup,
  targetGroupArn,
  targetGroupKey,
  targetGroups,
  targetKey,
  targets,
  targetsOf,
} from "./state.ts";
import { pageOf, requireLoadBalancer, requireTargetGroup } from "./stored.ts";
import { tagsOf } from "./tags.ts";

type Shown = NonNullable<OutputOf<"elbv2", "DescribeTargetGroups">["TargetGroups"]>[number];
type Settings = Omit<InputOf<"elbv2", "CreateTargetGroup">, "Name">;

function shown(tx: Transaction, group: TargetGroup): Shown {
  const { healthCheck: health } = group;
  return {
    TargetGroupArn: targetGroupArn(group),
    TargetGroupName: group.name,
    ...(group.targetType === "ip"
      ? {
          Protocol: "HTTP",
          Port: group.port!,
          ProtocolVersion: "HTTP1",
          HealthCheckPort: health.port,
          HealthCheckProtocol: "HTTP",
        }
      : {}),
    ...(group.vpcId === undefined ? {} : { VpcId: group.vpcId }),
    HealthCheckEnabled: health.enabled,
    HealthCheckIntervalSeconds: health.intervalSeconds,
    HealthCheckTimeoutSeconds: health.timeoutSeconds,
    HealthyThresholdCount: health.healthyThreshold,
    UnhealthyThresholdCount: health.unhealthyThreshold,
    HealthCheckPath: health.path,
    Matcher: { HttpCode: health.matcher },
    LoadBalancerArns: usersOf(tx, group).map(loadBalancerArn),
    TargetType: group.targetType,
    IpAddressType: "ipv4",
  };
}

const DEFAULTS = {
  ip: {
    enabled: true,
    port: "traffic-port",
    path: "/",
    intervalSeconds: 30,
    timeoutSeconds: 5,
    healthyThreshold: 5,
    unhealthyThreshold: 2,
    matcher: "200",
  },
  lambda: {
    enabled: false,
    port: "traffic-port",
    path: "/",
    intervalSeconds: 35,
    timeoutSeconds: 30,
    healthyThreshold: 5,
    unhealthyThreshold: 2,
    matcher: "200",
  },
} satisfies Record<string, HealthCheck>;

const range = (name: string, value: number, least: number, most: number): void => {
  if (value < least || value > most) throw validation(`${name} must be between ${least} and ${most}`);
};

/** @throws ValidationError; NotImplemented for other protocols of the check */
function healthCheckOf(previous: HealthCheck, input: Settings): HealthCheck {
  if (input.HealthCheckProtocol !== undefined && input.HealthCheckProtocol !== "HTTP")
    throw notImplemented(`health checks of protocol ${input.HealthCheckProtocol}`);
  if (input.Matcher?.GrpcCode !== undefined) throw notImplemented("health checks of gRPC");
  const next: HealthCheck = {
    enabled: input.HealthCheckEnabled ?? previous.enabled,
    port: input.HealthCheckPort ?? previous.port,
    path: input.HealthCheckPath ?? previous.path,
    intervalSeconds: input.HealthCheckIntervalSeconds ?? previous.intervalSeconds,
    timeoutSeconds: input.HealthCheckTimeoutSeconds ?? previous.timeoutSeconds,
    healthyThreshold: input.HealthyThresholdCount ?? previous.healthyThreshold,
    unhealthyThreshold: input.UnhealthyThresholdCount ?? previous.unhealthyThreshold,
    matcher: input.Matcher?.HttpCode ?? previous.matcher,
  };
  range("Health check interval", next.intervalSeconds, 5, 300);
  range("Health check timeout", next.timeoutSeconds, 2, 120);
  range("Healthy threshold count", next.healthyThreshold, 2, 10);
  range("Unhealthy threshold count", next.unhealthyThreshold, 2, 10);
  if (next.timeoutSeconds >= next.intervalSeconds)
    throw validation(
      `Health check timeout '${next.timeoutSeconds}' must be smaller than the interval '${next.intervalSeconds}'`,
    );
  if (!next.path.startsWith("/") || next.path.length > 1024)
    throw validation(`Health check path '${next.path}' is not valid`);
  if (
    next.port !== "traffic-port" &&
    !(/^\d+$/.test(next.port) && Number(next.port) >= 1 && Number(next.port) <= 65_535)
  )
    throw validation(`Health check port '${next.port}' must be 'traffic-port' or in range '1 - 65535'`);
  if (!/^[2-4]\d\d(?:-[2-4]\d\d)?(?:,[2-4]\d\d(?:-[2-4]\d\d)?)*$/.test(next.matcher))
    throw validation(`Health check matcher HTTP code '${next.matcher}' must be within '200-499' inclusive`);
  return next;
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html */
export const createTargetGroup: Operation<
  InputOf<"elbv2", "CreateTargetGroup">,
  OutputOf<"elbv2", "CreateTargetGroup">
> = (tx, input, context) => {
  const { Name: name = "", TargetType: targetType = "instance" } = input;
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(name))
    throw validation(`The target group name '${name}' is not valid`);
  if (targetType !== "ip" && targetType !== "lambda")
    throw notImplemented(`target groups of type ${targetType} (there are targets of type ip and lambda)`);
  const common = {
    accountId: context.accountId,
    region: context.region,
    name,
    healthCheck: healthCheckOf(DEFAULTS[targetType], input),
    attributes: {},
    tags: tagsOf(input.Tags),
  };
  const group: TargetGroup =
    targetType === "lambda"
      ? { ...common, id: newId(context), targetType }
      : { ...common, id: newId(context), targetType, ...networkOf(input) };
  const previous = targetGroups.get(tx, targetGroupKey(group));
  if (previous !== undefined) {
    const { id: _, attributes: __, tags: ___, ...settings } = previous;
    const { id: ____, attributes: _____, tags: ______, ...wanted } = group;
    if (JSON.stringify(settings) !== JSON.stringify(wanted)) throw duplicateTargetGroup(name);
    return { TargetGroups: [shown(tx, previous)] };
  }
  targetGroups.put(tx, targetGroupKey(group), group);
  return { TargetGroups: [shown(tx, group)] };
};

const newId = (context: { readonly random: { bytes(count: number): Buffer } }): string =>
  context.random.bytes(8).toString("hex");

function networkOf({ Protocol, Port, VpcId, ProtocolVersion, IpAddressType }: Settings): {
  readonly port: number;
  readonly vpcId: string;
} {
  if (Protocol === undefined) throw validation("A protocol must be specified");
  if (Protocol !== "HTTP") throw notImplemented(`target groups of protocol ${Protocol}`);
  if (ProtocolVersion !== undefined && ProtocolVersion !== "HTTP1")
    throw notImplemented(`target groups of protocol version ${ProtocolVersion}`);
  if (IpAddressType !== undefined && IpAddressType !== "ipv4")
    throw notImplemented(`target groups of IP address type ${IpAddressType}`);
  if (Port === undefined) throw validation("A port must be specified");
  range("Target group port", Port, 1, 65_535);
  if (VpcId === undefined) throw validation("A VPC ID must be specified");
  return { port: Port, vpcId: VpcId };
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyTargetGroup.html */
export const modifyTargetGroup: Operation<
  InputOf<"elbv2", "ModifyTargetGroup">,
  OutputOf<"elbv2", "ModifyTargetGroup">
> = (tx, input) => {
  const group = requireTargetGroup(tx, input.TargetGroupArn);
  const next = { ...group, healthCheck: healthCheckOf(group.healthCheck, input) };
  targetGroups.put(tx, targetGroupKey(group), next);
  return { TargetGroups: [shown(tx, next)] };
};

/** Succeeds when it is gone already. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteTargetGroup.html */
export const deleteTargetGroup: Operation<
  InputOf<"elbv2", "DeleteTargetGroup">,
  OutputOf<"elbv2", "DeleteTargetGroup">
> = (tx, input) => {
  const named = parseName(input.TargetGroupArn);
  if (named?.kind !== "targetgroup") throw validation(`'${input.TargetGroupArn}' is not a valid target group ARN`);
  const group = targetGroups.get(tx, targetGroupKey(named.at));
  if (group?.id !== named.id) return {};
  if (usersOf(tx, group).length > 0) throw resourceInUse(targetGroupArn(group));
  const { start, end } = targetsOf(group);
  for (const [, { id, port }] of [...targets.range(tx, start, end)]) tx.delete(targetKey(group, id, port));
  tx.delete(targetGroupKey(group));
  return {};
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html */
export const describeTargetGroups: Operation<
  InputOf<"elbv2", "DescribeTargetGroups">,
  OutputOf<"elbv2", "DescribeTargetGroups">
> = (tx, input, context) => {
  const { start, end } = allOf(context, "tg");
  let found = [...targetGroups.range(tx, start, end)].map(([, group]) => group);
  const { Names: names, TargetGroupArns: arns } = input;
  if (input.LoadBalancerArn !== undefined) {
    const lb = requireLoadBalancer(tx, input.LoadBalancerArn);
    found = found.filter((group) => usersOf(tx, group).some(({ name }) => name === lb.name));
  }
  if (names?.length) {
    found = found.filter(({ name }) => names.includes(name));
    const missing = names.filter((name) => !found.some((group) => group.name === name));
    if (missing.length > 0) throw targetGroupNotFound(missing);
  }
  if (arns?.length) found = arns.map((arn) => requireTargetGroup(tx, arn));
  const { page, NextMarker } = pageOf(found, ({ name }) => name, input);
  return { TargetGroups: page.map((group) => shown(tx, group)), ...(NextMarker && { NextMarker }) };
};

const kindOf = (group: TargetGroup): AttributeKind => group.targetType;

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyTargetGroupAttributes.html */
export const modifyTargetGroupAttributes: Operation<
  InputOf<"elbv2", "ModifyTargetGroupAttributes">,
  OutputOf<"elbv2", "ModifyTargetGroupAttributes">
> = (tx, input) => {
  const group = requireTargetGroup(tx, input.TargetGroupArn);
  const attributes = withAttributes(kindOf(group), group.attributes, input.Attributes ?? []);
  targetGroups.put(tx, targetGroupKey(group), { ...group, attributes });
  return { Attributes: shownAttributes(kindOf(group), attributes) };
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroupAttributes.html */
export const describeTargetGroupAttributes: Operation<
  InputOf<"elbv2", "DescribeTargetGroupAttributes">,
  OutputOf<"elbv2", "DescribeTargetGroupAttributes">
> = (tx, input) => {
  const group = requireTargetGroup(tx, input.TargetGroupArn);
  return { Attributes: shownAttributes(kindOf(group), group.attributes) };
};
