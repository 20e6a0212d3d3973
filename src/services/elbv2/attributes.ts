/**
 * Attributes of load balancers and target groups: their defaults, and what may be set. One whose other values Virga does not honour keeps its
 * default, and anything else is refused by name.
 *
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
 */
import { notImplemented } from "../../kernel/errors.ts";
import { validation } from "./errors.ts";
import type { Attributes } from "./state.ts";

interface Known {
  readonly default: string;
  /** What it may be; absent: its default alone. */
  readonly allowed?: RegExp | readonly [least: number, most: number];
}

const BOOLEAN = /^(?:true|false)$/;

const LOAD_BALANCER: Readonly<Record<string, Known>> = {
  "access_logs.s3.bucket": { default: "" },
  "access_logs.s3.enabled": { default: "false" },
  "access_logs.s3.prefix": { default: "" },
  "client_keep_alive.seconds": { default: "3600" },
  "connection_logs.s3.bucket": { default: "" },
  "connection_logs.s3.enabled": { default: "false" },
  "connection_logs.s3.prefix": { default: "" },
  "deletion_protection.enabled": { default: "false", allowed: BOOLEAN },
  "idle_timeout.timeout_seconds": { default: "60", allowed: [1, 4000] },
  "load_balancing.cross_zone.enabled": { default: "true" },
  "routing.http.desync_mitigation_mode": { default: "defensive" },
  "routing.http.drop_invalid_header_fields.enabled": { default: "false", allowed: BOOLEAN },
  "routing.http.preserve_host_header.enabled": { default: "false", allowed: BOOLEAN },
  "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": { default: "false" },
  "routing.http.xff_client_port.enabled": { default: "false" },
  "routing.http.xff_header_processing.mode": { default: "append", allowed: /^(?:append|preserve|remove)$/ },
  "routing.http2.enabled": { default: "true" },
  "waf.fail_open.enabled": { default: "false" },
  "zonal_shift.config.enabled": { default: "false" },
};

const FOR_TARGETS: Readonly<Record<string, Known>> = {
  "deregistration_delay.timeout_seconds": { default: "300", allowed: [0, 3600] },
  "load_balancing.algorithm.type": { default: "round_robin", allowed: /^(?:round_robin|least_outstanding_requests)$/ },
  "load_balancing.cross_zone.enabled": { default: "use_load_balancer_configuration" },
  "slow_start.duration_seconds": { default: "0" },
  "stickiness.app_cookie.cookie_name": { default: "", allowed: /^(?!AWSALB)[!#-+\--:<>-[\]-~]{0,256}$/ },
  "stickiness.app_cookie.duration_seconds": { default: "86400", allowed: [1, 604_800] },
  "stickiness.enabled": { default: "false", allowed: BOOLEAN },
  "stickiness.lb_cookie.duration_seconds": { default: "86400", allowed: [1, 604_800] },
  "stickiness.type": { default: "lb_cookie", allowed: /^(?:lb_cookie|app_cookie)$/ },
  "target_group_health.dns_failover.minimum_healthy_targets.count": { default: "1" },
  "target_group_health.dns_failover.minimum_healthy_targets.percentage": { default: "off" },
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": { default: "1" },
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": { default: "off" },
};

const FOR_FUNCTIONS: Readonly<Record<string, Known>> = {
  "lambda.multi_value_headers.enabled": { default: "false", allowed: BOOLEAN },
};

const KNOWN = { loadBalancer: LOAD_BALANCER, ip: FOR_TARGETS, lambda: FOR_FUNCTIONS } as const;
export type AttributeKind = keyof typeof KNOWN;

type Given = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[];

/** @throws ValidationError; NotImplemented naming the attribute */
export function withAttributes(kind: AttributeKind, previous: Attributes, given: Given): Attributes {
  const next: Record<string, string> = { ...previous };
  for (const { Key = "", Value = "" } of given) {
    const known = Object.hasOwn(KNOWN[kind], Key) ? KNOWN[kind][Key] : undefined;
    const noun = kind === "loadBalancer" ? "Load balancer" : "Target group";
    if (known === undefined) throw validation(`${noun} attribute key '${Key}' is not recognized`);
    const { allowed } = known;
    if (allowed === undefined && Value !== known.default) throw notImplemented(`the attribute ${Key} = ${Value}`);
    const fits =
      allowed === undefined ||
      (allowed instanceof RegExp
        ? allowed.test(Value)
        : /^\d+$/.test(Value) && Number(Value) >= allowed[0] && Number(Value) <= allowed[1]);
    if (!fits) throw validation(`${noun} attribute value '${Value}' for attribute '${Key}' is not valid`);
    next[Key] = Value;
  }
  return next;
}

export const attribute = (kind: AttributeKind, set: Attributes, name: string): string =>
  set[name] ?? KNOWN[kind][name]!.default;

export const shownAttributes = (kind: AttributeKind, set: Attributes) =>
  Object.keys(KNOWN[kind]).map((Key) => ({ Key, Value: attribute(kind, set, Key) }));
