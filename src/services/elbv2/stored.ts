/** Finding what an ARN names, and pages of what there is. */
import type { Transaction } from "../../storage/transaction.ts";
import { listenerNotFound, loadBalancerNotFound, ruleNotFound, targetGroupNotFound, validation } from "./errors.ts";
import {
  type Listener,
  type LoadBalancer,
  listenerKey,
  listeners,
  loadBalancerKey,
  loadBalancers,
  parseName,
  type Rule,
  rules,
  rulesOf,
  type TargetGroup,
  targetGroupKey,
  targetGroups,
} from "./state.ts";

/** @throws LoadBalancerNotFoundException, ValidationError */
export function requireLoadBalancer(tx: Transaction, arn: string | undefined): LoadBalancer {
  const named = parseName(arn);
  if (named?.kind !== "loadbalancer") throw validation(`'${arn}' is not a valid load balancer ARN`);
  const found = loadBalancers.get(tx, loadBalancerKey(named.at));
  if (found?.id !== named.id) throw loadBalancerNotFound();
  return found;
}

/** @throws TargetGroupNotFoundException, ValidationError */
export function requireTargetGroup(tx: Transaction, arn: string | undefined): TargetGroup {
  const named = parseName(arn);
  if (named?.kind !== "targetgroup") throw validation(`'${arn}' is not a valid target group ARN`);
  const found = targetGroups.get(tx, targetGroupKey(named.at));
  if (found?.id !== named.id) throw targetGroupNotFound();
  return found;
}

export interface ListenerOf {
  readonly lb: LoadBalancer;
  readonly listener: Listener;
}

/** @throws ListenerNotFoundException, ValidationError */
export function requireListener(tx: Transaction, arn: string | undefined): ListenerOf {
  const named = parseName(arn);
  if (named?.kind !== "listener") throw validation(`'${arn}' is not a valid listener ARN`);
  const lb = loadBalancers.get(tx, loadBalancerKey(named.at));
  const listener = lb?.id === named.id ? listeners.get(tx, listenerKey(named.at, named.listener)) : undefined;
  if (lb === undefined || listener === undefined) throw listenerNotFound();
  return { lb, listener };
}

/** @throws RuleNotFoundException, ValidationError */
export function requireRule(tx: Transaction, arn: string | undefined): ListenerOf & { readonly rule: Rule } {
  const named = parseName(arn);
  if (named?.kind !== "rule") throw validation(`'${arn}' is not a valid listener rule ARN`);
  const lb = loadBalancers.get(tx, loadBalancerKey(named.at));
  const listener = lb?.id === named.id ? listeners.get(tx, listenerKey(named.at, named.listener)) : undefined;
  if (lb === undefined || listener === undefined) throw ruleNotFound();
  const rule = rulesIn(tx, { lb, listener }).find(({ id }) => id === named.rule);
  if (rule === undefined) throw ruleNotFound();
  return { lb, listener, rule };
}

/** In the order in which they are tried, without the default one. */
export function rulesIn(tx: Transaction, { lb, listener }: ListenerOf): Rule[] {
  const { start, end } = rulesOf(lb, listener.id);
  return [...rules.range(tx, start, end)].map(([, rule]) => rule);
}

const PAGE_SIZE_MAX = 400;

/** One page of what was found; the marker is the name of the last one before it. */
export function pageOf<T>(
  found: readonly T[],
  nameOf: (one: T) => string,
  input: { readonly Marker?: string | undefined; readonly PageSize?: number | undefined },
): { readonly page: readonly T[]; readonly NextMarker?: string } {
  const size = input.PageSize ?? PAGE_SIZE_MAX;
  if (size < 1 || size > PAGE_SIZE_MAX) throw validation(`Page size must be between 1 and ${PAGE_SIZE_MAX}`);
  const from = input.Marker === undefined ? 0 : found.findIndex((one) => nameOf(one) === input.Marker) + 1;
  if (input.Marker !== undefined && from === 0) throw validation("The marker is not valid");
  const page = found.slice(from, from + size);
  return from + size < found.length ? { page, NextMarker: nameOf(page.at(-1)!) } : { page };
}
