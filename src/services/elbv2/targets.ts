/** Targets of a group: registered, drained, and how they are. */
import { isIP } from "node:net";
import { parseArn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { usersOf } from "./actions.ts";
import { attribute } from "./attributes.ts";
import { invalidTarget, validation } from "./errors.ts";
import type { HealthBook } from "./plane/health.ts";
import { type Target, type TargetGroup, targetGroupArn, targetKey, targets, targetsOf } from "./state.ts";
import { requireTargetGroup } from "./stored.ts";

export const DRAINED = "elbv2.TargetDrained";
export interface Drained {
  readonly targetGroupArn: string;
  readonly id: string;
  readonly port: number;
}

/** Woken whenever a group has new targets, or one of them becomes healthy. */
export const targetsTopic = (targetGroup: string): string => `elbv2.Targets ${targetGroup}`;

type Description = {
  readonly Id?: string | undefined;
  readonly Port?: number | undefined;
  readonly AvailabilityZone?: string | undefined;
};

export function targetsIn(tx: Transaction, group: TargetGroup): Target[] {
  const { start, end } = targetsOf(group);
  return [...targets.range(tx, start, end)].map(([, target]) => target);
}

/** @throws ValidationError, InvalidTargetException */
function placeOf(group: TargetGroup, { Id, Port }: Description): Pick<Target, "id" | "port"> {
  if (Id === undefined) throw validation("A target ID must be specified");
  if (group.targetType === "lambda") {
    if (parseArn(Id)?.service !== "lambda") throw validation(`The Lambda function ARN '${Id}' is not valid`);
    return { id: Id, port: 0 };
  }
  if (isIP(Id) !== 4) throw validation(`The IP address '${Id}' is not a valid IPv4 address`);
  const port = Port ?? group.port!;
  if (port < 1 || port > 65_535) throw validation(`Target port '${port}' is out of range`);
  return { id: Id, port };
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html */
export const registerTargets: Operation<InputOf<"elbv2", "RegisterTargets">, OutputOf<"elbv2", "RegisterTargets">> = (
  tx,
  input,
  context,
) => {
  const group = requireTargetGroup(tx, input.TargetGroupArn);
  const given = input.Targets ?? [];
  if (given.length === 0) throw validation("At least one target must be specified");
  for (const description of given) {
    const place = placeOf(group, description);
    if (group.targetType === "lambda") checkFunction(tx, group, place.id, given.length, context);
    const previous = targets.get(tx, targetKey(group, place.id, place.port));
    if (previous !== undefined && previous.drainingUntilMs === undefined) continue;
    const zone = description.AvailabilityZone;
    targets.put(tx, targetKey(group, place.id, place.port), {
      ...place,
      ...(zone === undefined ? {} : { zone }),
      registeredMs: context.nowMs,
    });
  }
  context.wake(targetsTopic(targetGroupArn(group)));
  return {};
};

/** One function for each group, and the load balancer must be allowed to call it. */
function checkFunction(
  tx: Transaction,
  group: TargetGroup,
  id: string,
  given: number,
  context: OperationContext,
): void {
  const others = targetsIn(tx, group).filter((target) => target.id !== id && target.drainingUntilMs === undefined);
  if (given > 1 || others.length > 0) throw validation("A target group of type lambda has one target at most");
  const principal = {
    type: "service",
    service: "elasticloadbalancing.amazonaws.com",
    sourceArn: targetGroupArn(group),
    sourceAccount: group.accountId,
  } as const;
  if (!context.allows("lambda", { action: "lambda:InvokeFunction", resource: id }, principal))
    throw invalidTarget(
      "elasticloadbalancing principal does not have permission to invoke " +
        id +
        " from target group " +
        targetGroupArn(group),
    );
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html */
export const deregisterTargets: Operation<
  InputOf<"elbv2", "DeregisterTargets">,
  OutputOf<"elbv2", "DeregisterTargets">
> = (tx, input, context) => {
  const group = requireTargetGroup(tx, input.TargetGroupArn);
  const delayMs =
    group.targetType === "lambda" || usersOf(tx, group).length === 0
      ? 0
      : Number(attribute("ip", group.attributes, "deregistration_delay.timeout_seconds")) * 1000;
  for (const description of input.Targets ?? []) {
    const wanted = placeOf(group, description);
    // Without a port: on whichever it is registered.
    const found = targetsIn(tx, group).filter(
      ({ id, port }) => id === wanted.id && (description.Port === undefined || port === wanted.port),
    );
    if (found.length === 0) throw invalidTarget(`The following targets are not registered: ${wanted.id}`);
    for (const target of found) {
      const key = targetKey(group, target.id, target.port);
      if (delayMs === 0) tx.delete(key);
      else if (target.drainingUntilMs === undefined) {
        const dueMs = context.nowMs + delayMs;
        targets.put(tx, key, { ...target, drainingUntilMs: dueMs });
        const detail: Drained = { targetGroupArn: targetGroupArn(group), id: target.id, port: target.port };
        tx.emit({ type: DRAINED, detail, dueMs });
      }
    }
  }
  return {};
};

/** Heard when a target's deregistration delay is over; it may have been registered again meanwhile. */
export function endDraining(
  tx: Transaction,
  { targetGroupArn: arn, id, port }: Drained,
  context: OperationContext,
): void {
  let group: TargetGroup;
  try {
    group = requireTargetGroup(tx, arn);
  } catch {
    return;
  }
  const target = targets.get(tx, targetKey(group, id, port));
  if (target?.drainingUntilMs !== undefined && target.drainingUntilMs <= context.nowMs)
    tx.delete(targetKey(group, id, port));
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html */
export const describeTargetHealth =
  (book: HealthBook): Operation<InputOf<"elbv2", "DescribeTargetHealth">, OutputOf<"elbv2", "DescribeTargetHealth">> =>
  (tx, input) => {
    const group = requireTargetGroup(tx, input.TargetGroupArn);
    const registered = targetsIn(tx, group);
    const used = usersOf(tx, group).length > 0;
    const wanted = input.Targets?.length
      ? input.Targets.map((description) => {
          const place = placeOf(group, description);
          return registered.find(({ id, port }) => id === place.id && port === place.port) ?? place;
        })
      : registered;
    return {
      TargetHealthDescriptions: wanted.map((target) => ({
        Target: {
          Id: target.id,
          ...(group.targetType === "lambda" ? {} : { Port: target.port }),
          ...zoneOf(target),
        },
        ...(group.targetType === "lambda" ? {} : { HealthCheckPort: healthPort(group, target.port) }),
        TargetHealth: healthOf(book, group, target, used),
      })),
    };
  };

const zoneOf = (target: Partial<Target>) => (target.zone === undefined ? {} : { AvailabilityZone: target.zone });

const healthPort = (group: TargetGroup, port: number): string =>
  group.healthCheck.port === "traffic-port" ? String(port) : group.healthCheck.port;

type Health = NonNullable<
  NonNullable<OutputOf<"elbv2", "DescribeTargetHealth">["TargetHealthDescriptions"]>[number]["TargetHealth"]
>;

function healthOf(
  book: HealthBook,
  group: TargetGroup,
  target: Target | Pick<Target, "id" | "port">,
  used: boolean,
): Health {
  if (!("registeredMs" in target))
    return {
      State: "unused",
      Reason: "Target.NotRegistered",
      Description: "Target is not registered to the target group",
    };
  if (target.drainingUntilMs !== undefined)
    return {
      State: "draining",
      Reason: "Target.DeregistrationInProgress",
      Description: "Target deregistration is in progress",
    };
  if (!used)
    return {
      State: "unused",
      Reason: "Target.NotInUse",
      Description: "Target group is not configured to receive traffic from the load balancer",
    };
  if (!group.healthCheck.enabled)
    return {
      State: "unavailable",
      Reason: "Target.HealthCheckDisabled",
      Description: "Health checks are not enabled for this target",
    };
  const { state, reason, description } = book.of(targetGroupArn(group), target);
  return { State: state, ...(reason && { Reason: reason }), ...(description && { Description: description }) };
}
