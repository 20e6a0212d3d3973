/** Application load balancers. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html */
import { type AwsError, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { attribute, shownAttributes, withAttributes } from "./attributes.ts";
import { duplicateLoadBalancer, loadBalancerNotFound, notPermitted, validation } from "./errors.ts";
import { removeListener } from "./listeners.ts";
import {
  addresses,
  addressKey,
  allOf,
  dnsName,
  hostLabel,
  type LoadBalancer,
  listeners,
  listenersOf,
  loadBalancerArn,
  loadBalancerKey,
  loadBalancers,
  parseName,
} from "./state.ts";
import { pageOf, requireLoadBalancer } from "./stored.ts";
import { tagsOf } from "./tags.ts";

type Shown = NonNullable<OutputOf<"elbv2", "DescribeLoadBalancers">["LoadBalancers"]>[number];

/** Fixed by AWS for each region; this is us-east-1's. */
const HOSTED_ZONE = "Z35SXDOTRQ7X7K";
const SUBNETS_LEAST = 2;

function shown(lb: LoadBalancer): Shown {
  return {
    LoadBalancerArn: loadBalancerArn(lb),
    DNSName: dnsName(lb),
    CanonicalHostedZoneId: HOSTED_ZONE,
    CreatedTime: new Date(lb.createdMs),
    LoadBalancerName: lb.name,
    Scheme: lb.scheme,
    ...(lb.vpcId === undefined ? {} : { VpcId: lb.vpcId }),
    State: { Code: "active" },
    Type: "application",
    AvailabilityZones: lb.subnets.map(({ id, zone }) => ({ ZoneName: zone, SubnetId: id, LoadBalancerAddresses: [] })),
    SecurityGroups: [...lb.securityGroups],
    IpAddressType: "ipv4",
  };
}

const isName = (text: string): boolean =>
  /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(text) && !text.startsWith("internal-");

const ZONES = "abcdefghijklmnopqrstuvwxyz";

/** Where there is no EC2, subnets are names that nobody checks, each in the next zone. */
function describedSubnets(ids: readonly string[], context: OperationContext) {
  try {
    return context.call("ec2", "DescribeSubnets", { SubnetIds: [...ids] }).Subnets ?? [];
  } catch (error) {
    if ((error as AwsError).code === "NotImplemented") return [];
    throw error;
  }
}

/** Where a load balancer's subnets lie. EC2 knows, and says so when one does not exist. */
function subnetsOf(ids: readonly string[], context: OperationContext): Pick<LoadBalancer, "subnets" | "vpcId"> {
  if (new Set(ids).size !== ids.length) throw validation("A subnet cannot be specified more than once");
  if (ids.length < SUBNETS_LEAST)
    throw validation("At least two subnets in two different Availability Zones must be specified");
  const Subnets = describedSubnets(ids, context);
  const subnets = ids.map((id, index) => ({
    id,
    zone: Subnets.find(({ SubnetId }) => SubnetId === id)?.AvailabilityZone ?? `${context.region}${ZONES[index]}`,
  }));
  if (new Set(subnets.map(({ zone }) => zone)).size !== ids.length)
    throw validation("A load balancer cannot be attached to multiple subnets in the same Availability Zone");
  const vpcId = Subnets[0]?.VpcId;
  return { subnets, ...(vpcId === undefined ? {} : { vpcId }) };
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html */
export const createLoadBalancer: Operation<
  InputOf<"elbv2", "CreateLoadBalancer">,
  OutputOf<"elbv2", "CreateLoadBalancer">
> = (tx, input, context) => {
  const { Name: name = "", Scheme: scheme = "internet-facing", Type = "application", IpAddressType = "ipv4" } = input;
  if (Type !== "application") throw notImplemented(`load balancers of type ${Type}`);
  if (IpAddressType !== "ipv4") throw notImplemented(`the IP address type ${IpAddressType} of load balancers`);
  if (!isName(name)) throw validation(`The load balancer name '${name}' is not valid`);
  if (scheme !== "internet-facing" && scheme !== "internal") throw validation(`The scheme '${scheme}' is not valid`);
  const subnetIds = input.Subnets ?? (input.SubnetMappings ?? []).map(({ SubnetId }) => SubnetId ?? "");
  const at = { accountId: context.accountId, region: context.region, name };
  const previous = loadBalancers.get(tx, loadBalancerKey(at));
  if (previous !== undefined) {
    const same =
      previous.scheme === scheme &&
      previous.subnets.map(({ id }) => id).join() === subnetIds.join() &&
      previous.securityGroups.join() === (input.SecurityGroups ?? []).join();
    if (!same) throw duplicateLoadBalancer(name);
    return { LoadBalancers: [shown(previous)] };
  }
  const lb: LoadBalancer = {
    ...at,
    id: context.random.bytes(8).toString("hex"),
    scheme,
    ...subnetsOf(subnetIds, context),
    securityGroups: input.SecurityGroups ?? [],
    createdMs: context.nowMs,
    attributes: {},
    tags: tagsOf(input.Tags),
  };
  loadBalancers.put(tx, loadBalancerKey(lb), lb);
  addresses.put(tx, addressKey(hostLabel(lb)), at);
  beginHour(tx, lb, context);
  return { LoadBalancers: [shown(lb)] };
};

const HOUR_MS = 3_600_000;

/** A load balancer costs by the hour, each that was begun as a whole. Hours in which the platform was off cost nothing. */
export const HOUR_OVER = "elbv2.HourOver";
export interface HourOver {
  readonly loadBalancerArn: string;
}

/** @see https://aws.amazon.com/elasticloadbalancing/pricing/ */
function beginHour(tx: Transaction, lb: LoadBalancer, context: OperationContext): void {
  const detail: HourOver = { loadBalancerArn: loadBalancerArn(lb) };
  context.use({ resource: detail.loadBalancerArn, usageType: "LoadBalancerUsage", quantity: 1 });
  tx.emit({ type: HOUR_OVER, detail, dueMs: context.nowMs + HOUR_MS });
}

export function hourOver(tx: Transaction, { loadBalancerArn: arn }: HourOver, context: OperationContext): void {
  const named = parseName(arn)!;
  const lb = loadBalancers.get(tx, loadBalancerKey(named.at));
  if (lb?.id === named.id) beginHour(tx, lb, context);
}

function all(tx: Transaction, context: OperationContext): LoadBalancer[] {
  const { start, end } = allOf(context, "lb");
  return [...loadBalancers.range(tx, start, end)].map(([, lb]) => lb);
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html */
export const describeLoadBalancers: Operation<
  InputOf<"elbv2", "DescribeLoadBalancers">,
  OutputOf<"elbv2", "DescribeLoadBalancers">
> = (tx, input, context) => {
  const { LoadBalancerArns: arns, Names: names } = input;
  if (arns?.length && names?.length) throw validation("Load balancer names and ARNs cannot be given together");
  let found = all(tx, context);
  if (names?.length) {
    found = found.filter(({ name }) => names.includes(name));
    const missing = names.filter((name) => !found.some((lb) => lb.name === name));
    if (missing.length > 0) throw loadBalancerNotFound(missing);
  }
  if (arns?.length) found = arns.map((arn) => requireLoadBalancer(tx, arn));
  const { page, NextMarker } = pageOf(found, ({ name }) => name, input);
  return { LoadBalancers: page.map(shown), ...(NextMarker && { NextMarker }) };
};

/** Succeeds when it is gone already. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html */
export const deleteLoadBalancer: Operation<
  InputOf<"elbv2", "DeleteLoadBalancer">,
  OutputOf<"elbv2", "DeleteLoadBalancer">
> = (tx, input) => {
  const named = parseName(input.LoadBalancerArn);
  if (named?.kind !== "loadbalancer") throw validation(`'${input.LoadBalancerArn}' is not a valid load balancer ARN`);
  const lb = loadBalancers.get(tx, loadBalancerKey(named.at));
  if (lb?.id !== named.id) return {};
  if (attribute("loadBalancer", lb.attributes, "deletion_protection.enabled") === "true")
    throw notPermitted(
      `Load balancer '${input.LoadBalancerArn}' cannot be deleted because deletion protection is enabled`,
    );
  const { start, end } = listenersOf(lb);
  for (const [, listener] of [...listeners.range(tx, start, end)]) removeListener(tx, { lb, listener });
  tx.delete(addressKey(hostLabel(lb)));
  tx.delete(loadBalancerKey(lb));
  return {};
};

const change = (tx: Transaction, lb: LoadBalancer, next: Partial<LoadBalancer>): LoadBalancer => {
  const changed = { ...lb, ...next };
  loadBalancers.put(tx, loadBalancerKey(lb), changed);
  return changed;
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html */
export const setSubnets: Operation<InputOf<"elbv2", "SetSubnets">, OutputOf<"elbv2", "SetSubnets">> = (
  tx,
  input,
  context,
) => {
  const ids = input.Subnets ?? (input.SubnetMappings ?? []).map(({ SubnetId }) => SubnetId ?? "");
  const lb = change(tx, requireLoadBalancer(tx, input.LoadBalancerArn), subnetsOf(ids, context));
  return { AvailabilityZones: shown(lb).AvailabilityZones!, IpAddressType: "ipv4" };
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSecurityGroups.html */
export const setSecurityGroups: Operation<
  InputOf<"elbv2", "SetSecurityGroups">,
  OutputOf<"elbv2", "SetSecurityGroups">
> = (tx, input) => {
  const securityGroups = input.SecurityGroups ?? [];
  change(tx, requireLoadBalancer(tx, input.LoadBalancerArn), { securityGroups });
  return { SecurityGroupIds: [...securityGroups] };
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyLoadBalancerAttributes.html */
export const modifyLoadBalancerAttributes: Operation<
  InputOf<"elbv2", "ModifyLoadBalancerAttributes">,
  OutputOf<"elbv2", "ModifyLoadBalancerAttributes">
> = (tx, input) => {
  const lb = requireLoadBalancer(tx, input.LoadBalancerArn);
  const attributes = withAttributes("loadBalancer", lb.attributes, input.Attributes ?? []);
  change(tx, lb, { attributes });
  return { Attributes: shownAttributes("loadBalancer", attributes) };
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancerAttributes.html */
export const describeLoadBalancerAttributes: Operation<
  InputOf<"elbv2", "DescribeLoadBalancerAttributes">,
  OutputOf<"elbv2", "DescribeLoadBalancerAttributes">
> = (tx, input) => ({
  Attributes: shownAttributes("loadBalancer", requireLoadBalancer(tx, input.LoadBalancerArn).attributes),
});
