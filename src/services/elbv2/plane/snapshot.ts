/** A load balancer as requests need it: read once, compiled, and read again when something has changed. */
import type { Transaction } from "../../../storage/transaction.ts";
import { groupsIn } from "../actions.ts";
import { attribute } from "../attributes.ts";
import { type Asked, compileConditions } from "../conditions.ts";
import { listenersIn } from "../listeners.ts";
import {
  type Action,
  type Listener,
  type LoadBalancer,
  loadBalancerKey,
  loadBalancers,
  type Place,
  type Target,
  type TargetGroup,
  targetGroupArn,
} from "../state.ts";
import { requireTargetGroup, rulesIn } from "../stored.ts";
import { targetsIn } from "../targets.ts";

export interface Group {
  readonly arn: string;
  readonly record: TargetGroup;
  readonly targets: readonly Target[];
}

export interface ListenerSnapshot {
  readonly listener: Listener;
  /** The default rule included. */
  readonly ruleCount: number;
  /** What to do with a request. */
  choose(asked: Asked): Action;
}

export interface Snapshot {
  readonly lb: LoadBalancer;
  readonly idleMs: number;
  readonly listeners: readonly ListenerSnapshot[];
  readonly groups: ReadonlyMap<string, Group>;
}

/** Undefined when there is no such load balancer any more. */
export function takeSnapshot(tx: Transaction, at: Place): Snapshot | undefined {
  const lb = loadBalancers.get(tx, loadBalancerKey(at));
  if (lb === undefined) return undefined;
  const groups = new Map<string, Group>();
  const learn = (actions: readonly Action[]) => {
    for (const arn of groupsIn(actions)) {
      if (groups.has(arn)) continue;
      const record = requireTargetGroup(tx, arn);
      groups.set(arn, { arn: targetGroupArn(record), record, targets: targetsIn(tx, record) });
    }
  };
  const listeners = listenersIn(tx, lb).map((listener): ListenerSnapshot => {
    learn(listener.defaultActions);
    const rules = rulesIn(tx, { lb, listener }).map(({ conditions, actions }) => {
      learn(actions);
      return { holds: compileConditions(conditions), action: actions[0]! };
    });
    return {
      listener,
      ruleCount: rules.length + 1,
      choose: (asked) => rules.find(({ holds }) => holds(asked))?.action ?? listener.defaultActions[0]!,
    };
  });
  const idleMs = Number(attribute("loadBalancer", lb.attributes, "idle_timeout.timeout_seconds")) * 1000;
  return { lb, idleMs, listeners, groups };
}

/** As metrics name them: `app/web/0123…` and `targetgroup/web/0123…`. */
export const metricName = (arn: string): string => arn.slice(arn.lastIndexOf(":") + 1).replace(/^loadbalancer\//, "");
