/**
 * What Elastic Load Balancing keeps. Health is an observation and lives in memory, in `plane/health.ts`.
 *
 *     ("elbv2", account, region, "lb", name)                               → LoadBalancer
 *     ("elbv2", account, region, "listener", lb name, id)                  → Listener
 *     ("elbv2", account, region, "rule", lb name, listener id, priority)   → Rule: in the order in which they are tried
 *     ("elbv2", account, region, "tg", name)                               → TargetGroup
 *     ("elbv2", account, region, "target", tg name, target id, port)       → Target
 *     ("elbv2-dns", label)                                                 → Place of the load balancer whose host name begins so
 *     ("elbv2-port", port, created, account, region, lb name, id)          → 0: every listener, by the port that it opens
 */
import { type AccountId, arn, parseArn, type Region } from "../../kernel/arn.ts";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { InputOf } from "../service.ts";

export interface Place {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly name: string;
}

export type Tags = Readonly<Record<string, string>>;
export type Attributes = Readonly<Record<string, string>>;
export type Action = NonNullable<InputOf<"elbv2", "CreateRule">["Actions"]>[number];
export type Condition = NonNullable<InputOf<"elbv2", "CreateRule">["Conditions"]>[number];

export interface LoadBalancer extends Place {
  /** Sixteen hexadecimal digits. */
  readonly id: string;
  readonly scheme: "internet-facing" | "internal";
  readonly subnets: readonly { readonly id: string; readonly zone: string }[];
  readonly vpcId?: string;
  readonly securityGroups: readonly string[];
  readonly createdMs: number;
  /** Those that were set. */
  readonly attributes: Attributes;
  readonly tags: Tags;
}
export const loadBalancers = defineRecord<LoadBalancer>("elbv2.LoadBalancer", 1);

export interface Listener {
  readonly id: string;
  readonly port: number;
  readonly defaultActions: readonly Action[];
  readonly createdMs: number;
  readonly tags: Tags;
}
export const listeners = defineRecord<Listener>("elbv2.Listener", 1);

export interface Rule {
  readonly id: string;
  readonly priority: number;
  readonly conditions: readonly Condition[];
  readonly actions: readonly Action[];
  readonly tags: Tags;
}
export const rules = defineRecord<Rule>("elbv2.Rule", 1);

export interface HealthCheck {
  readonly enabled: boolean;
  /** `traffic-port` or a number. */
  readonly port: string;
  readonly path: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  /** `200`, `200-299`, `200,302` */
  readonly matcher: string;
}

export interface TargetGroup extends Place {
  readonly id: string;
  readonly targetType: "ip" | "lambda";
  /** Absent for functions. */
  readonly port?: number;
  readonly vpcId?: string;
  readonly healthCheck: HealthCheck;
  readonly attributes: Attributes;
  readonly tags: Tags;
}
export const targetGroups = defineRecord<TargetGroup>("elbv2.TargetGroup", 1);

export interface Target {
  /** IP address, or ARN of a function. */
  readonly id: string;
  /** 0 for functions. */
  readonly port: number;
  readonly zone?: string;
  readonly registeredMs: number;
  /** Deregistered: gets no new requests, and is gone then. */
  readonly drainingUntilMs?: number;
}
export const targets = defineRecord<Target>("elbv2.Target", 1);

export const addresses = defineRecord<Place>("elbv2.Address", 1);
export const openPorts = defineRecord<0>("elbv2.OpenPort", 1);

export const loadBalancerKey = (at: Place): Key => key("elbv2", at.accountId, at.region, "lb", at.name);
export const listenerKey = (lb: Place, id: string): Key =>
  key("elbv2", lb.accountId, lb.region, "listener", lb.name, id);
export const listenersOf = (lb: Place) => keysUnder("elbv2", lb.accountId, lb.region, "listener", lb.name);
export const ruleKey = (lb: Place, listener: string, priority: number): Key =>
  key("elbv2", lb.accountId, lb.region, "rule", lb.name, listener, priority);
export const rulesOf = (lb: Place, listener: string) =>
  keysUnder("elbv2", lb.accountId, lb.region, "rule", lb.name, listener);
export const targetGroupKey = (at: Place): Key => key("elbv2", at.accountId, at.region, "tg", at.name);
export const targetKey = (tg: Place, id: string, port: number): Key =>
  key("elbv2", tg.accountId, tg.region, "target", tg.name, id, port);
export const targetsOf = (tg: Place) => keysUnder("elbv2", tg.accountId, tg.region, "target", tg.name);
export const allOf = (at: Omit<Place, "name">, noun: "lb" | "tg") => keysUnder("elbv2", at.accountId, at.region, noun);
export const addressKey = (label: string): Key => key("elbv2-dns", label);
export const openPortKey = (lb: Place, listener: Listener): Key =>
  key("elbv2-port", listener.port, listener.createdMs, lb.accountId, lb.region, lb.name, listener.id);
export const ALL_PORTS = keysUnder("elbv2-port");

const make = (at: Omit<Place, "name">, resource: string): string =>
  arn("elasticloadbalancing", at.region, at.accountId, resource);
export const loadBalancerArn = (lb: LoadBalancer): string => make(lb, `loadbalancer/app/${lb.name}/${lb.id}`);
export const listenerArn = (lb: LoadBalancer, id: string): string => make(lb, `listener/app/${lb.name}/${lb.id}/${id}`);
export const ruleArn = (lb: LoadBalancer, listener: string, id: string): string =>
  make(lb, `listener-rule/app/${lb.name}/${lb.id}/${listener}/${id}`);
export const targetGroupArn = (tg: TargetGroup): string => make(tg, `targetgroup/${tg.name}/${tg.id}`);

/** What an ARN names; the ids must be compared with what is kept. */
export type Named =
  | { readonly kind: "loadbalancer"; readonly at: Place; readonly id: string }
  | { readonly kind: "listener"; readonly at: Place; readonly id: string; readonly listener: string }
  | { readonly kind: "rule"; readonly at: Place; readonly id: string; readonly listener: string; readonly rule: string }
  | { readonly kind: "targetgroup"; readonly at: Place; readonly id: string };

/** Undefined for what is no ARN of this service. */
export function parseName(text: string | undefined): Named | undefined {
  const parsed = parseArn(text ?? "");
  if (parsed?.service !== "elasticloadbalancing") return undefined;
  const [kind, ...rest] = parsed.resource.split("/");
  const at = (name: string): Place => ({
    accountId: parsed.accountId as AccountId,
    region: parsed.region as Region,
    name,
  });
  if (kind === "targetgroup" && rest.length === 2) return { kind, at: at(rest[0]!), id: rest[1]! };
  const [, name, id, listener, rule] = rest;
  if (name === undefined || id === undefined) return undefined;
  if (kind === "loadbalancer" && rest.length === 3) return { kind, at: at(name), id };
  if (kind === "listener" && rest.length === 4) return { kind, at: at(name), id, listener: listener! };
  if (kind === "listener-rule" && rest.length === 5)
    return { kind: "rule", at: at(name), id, listener: listener!, rule: rule! };
  return undefined;
}

/** The first label of a load balancer's host name, unique over all accounts: `web-0123456789`. */
export function hostLabel(lb: Pick<LoadBalancer, "name" | "id" | "scheme">): string {
  const number = (BigInt(`0x${lb.id}`) % 10_000_000_000n).toString().padStart(10, "0");
  return `${lb.scheme === "internal" ? "internal-" : ""}${lb.name}-${number}`.toLowerCase();
}

export const dnsName = (lb: LoadBalancer): string => `${hostLabel(lb)}.${lb.region}.elb.localhost`;
