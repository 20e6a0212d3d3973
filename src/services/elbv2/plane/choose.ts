/** Which target group, and which target of it, gets a request. Decides, and changes nothing but the turn of the rotation. */
import { attribute } from "../attributes.ts";
import type { Action, Target } from "../state.ts";
import { APPLICATION_COOKIE, cookieOf, GROUP_COOKIE, TARGET_COOKIE, tokenOf } from "./cookies.ts";
import type { HealthBook } from "./health.ts";
import type { Group } from "./snapshot.ts";

/** By weight, unless a cookie says which. @param chance in [0, 1) */
export function chooseGroup(
  action: Action,
  groups: ReadonlyMap<string, Group>,
  cookies: string | undefined,
  chance: number,
): Group | undefined {
  const { TargetGroups = [], TargetGroupStickinessConfig } = action.ForwardConfig!;
  const weighted = TargetGroups.filter(({ Weight }) => Weight! > 0);
  if (TargetGroupStickinessConfig?.Enabled) {
    const token = cookieOf(cookies, GROUP_COOKIE);
    const kept = weighted.find(({ TargetGroupArn }) => tokenOf(TargetGroupArn!) === token);
    if (kept !== undefined) return groups.get(kept.TargetGroupArn!);
  }
  let left = chance * weighted.reduce((sum, { Weight }) => sum + Weight!, 0);
  for (const { TargetGroupArn, Weight } of weighted) {
    left -= Weight!;
    if (left < 0) return groups.get(TargetGroupArn!);
  }
  return undefined;
}

export const targetName = (target: Target): string => `${target.id}:${target.port}`;

/** How busy targets are, and whose turn it is. */
export class Turns {
  readonly #turns = new Map<string, number>();
  readonly #outstanding = new Map<string, number>();

  next(group: string): number {
    const turn = this.#turns.get(group) ?? 0;
    this.#turns.set(group, (turn + 1) % Number.MAX_SAFE_INTEGER);
    return turn;
  }

  outstanding = (target: Target): number => this.#outstanding.get(targetName(target)) ?? 0;

  /** @returns to be called once, when the request is over */
  begin(target: Target): () => void {
    const name = targetName(target);
    this.#outstanding.set(name, this.outstanding(target) + 1);
    return () => {
      const left = this.outstanding(target) - 1;
      if (left > 0) this.#outstanding.set(name, left);
      else this.#outstanding.delete(name);
    };
  }

  clear(): void {
    this.#turns.clear();
  }
}

export type Choice =
  | { readonly kind: "target"; readonly target: Target; readonly healthy: number }
  /** Not known yet, or none registered: worth waiting for. */
  | { readonly kind: "unknown" }
  | { readonly kind: "none" };

/**
 * A healthy target in its turn, or the one that a cookie names. When all are known to be unhealthy, any of them, as AWS does ("fail open").
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health.html
 */
export function chooseTarget(group: Group, book: HealthBook, turns: Turns, cookies: string | undefined): Choice {
  const registered = group.targets.filter(({ drainingUntilMs }) => drainingUntilMs === undefined);
  const set = group.record.attributes;
  if (attribute("ip", set, "stickiness.enabled") === "true") {
    const byApplication = attribute("ip", set, "stickiness.type") === "app_cookie";
    const token = cookieOf(cookies, byApplication ? APPLICATION_COOKIE : TARGET_COOKIE);
    // Who stays with a target may stay while it drains.
    const kept = group.targets.find((target) => tokenOf(`${group.arn} ${targetName(target)}`) === token);
    if (kept !== undefined && (kept.drainingUntilMs !== undefined || book.of(group.arn, kept).state === "healthy"))
      return { kind: "target", target: kept, healthy: Math.max(1, registered.length) };
  }
  if (registered.length === 0) return { kind: "none" };
  const healthy = registered.filter((target) => book.of(group.arn, target).state === "healthy");
  if (healthy.length === 0 && registered.some((target) => book.of(group.arn, target).state === "initial"))
    return { kind: "unknown" };
  const able = healthy.length > 0 ? healthy : registered;
  const from = turns.next(group.arn) % able.length;
  let chosen = able[from]!;
  if (attribute("ip", set, "load_balancing.algorithm.type") === "least_outstanding_requests")
    for (let step = 1; step < able.length; step++) {
      const other = able[(from + step) % able.length]!;
      if (turns.outstanding(other) < turns.outstanding(chosen)) chosen = other;
    }
  return { kind: "target", target: chosen, healthy: able.length };
}
