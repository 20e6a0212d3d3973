/** Listeners: the ports of a load balancer, and what they do with requests that no rule wants. */
import { notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { checkedActions } from "./actions.ts";
import { duplicateListener, validation } from "./errors.ts";
import {
  type Listener,
  type LoadBalancer,
  listenerArn,
  listenerKey,
  listeners,
  listenersOf,
  loadBalancerArn,
  openPortKey,
  openPorts,
  ruleKey,
} from "./state.ts";
import { type ListenerOf, pageOf, requireListener, requireLoadBalancer, rulesIn } from "./stored.ts";
import { tagsOf } from "./tags.ts";

type Shown = NonNullable<OutputOf<"elbv2", "DescribeListeners">["Listeners"]>[number];

const shown = (lb: LoadBalancer, listener: Listener): Shown => ({
  ListenerArn: listenerArn(lb, listener.id),
  LoadBalancerArn: loadBalancerArn(lb),
  Port: listener.port,
  Protocol: "HTTP",
  DefaultActions: [...listener.defaultActions],
});

function checkProtocol(protocol: string | undefined): void {
  if (protocol === "HTTPS") throw notImplemented("listeners of protocol HTTPS (there are no certificates here)");
  if (protocol !== undefined && protocol !== "HTTP")
    throw validation(`Listener protocol '${protocol}' must be one of 'HTTPS, HTTP'`);
}

function checkPort(tx: Transaction, lb: LoadBalancer, port: number | undefined, own?: string): number {
  if (port === undefined) throw validation("A listener port must be specified");
  if (port < 1 || port > 65_535) throw validation(`Listener port '${port}' is out of range`);
  if (listenersIn(tx, lb).some((listener) => listener.port === port && listener.id !== own))
    throw duplicateListener(loadBalancerArn(lb));
  return port;
}

export function listenersIn(tx: Transaction, lb: LoadBalancer): Listener[] {
  const { start, end } = listenersOf(lb);
  return [...listeners.range(tx, start, end)].map(([, listener]) => listener);
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html */
export const createListener: Operation<InputOf<"elbv2", "CreateListener">, OutputOf<"elbv2", "CreateListener">> = (
  tx,
  input,
  context,
) => {
  const lb = requireLoadBalancer(tx, input.LoadBalancerArn);
  checkProtocol(input.Protocol ?? "");
  const listener: Listener = {
    id: context.random.bytes(8).toString("hex"),
    port: checkPort(tx, lb, input.Port),
    defaultActions: checkedActions(tx, lb, input.DefaultActions),
    createdMs: context.nowMs,
    tags: tagsOf(input.Tags),
  };
  listeners.put(tx, listenerKey(lb, listener.id), listener);
  openPorts.put(tx, openPortKey(lb, listener), 0);
  return { Listeners: [shown(lb, listener)] };
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html */
export const modifyListener: Operation<InputOf<"elbv2", "ModifyListener">, OutputOf<"elbv2", "ModifyListener">> = (
  tx,
  input,
) => {
  const { lb, listener } = requireListener(tx, input.ListenerArn);
  checkProtocol(input.Protocol);
  const next: Listener = {
    ...listener,
    ...(input.Port === undefined ? {} : { port: checkPort(tx, lb, input.Port, listener.id) }),
    ...(input.DefaultActions === undefined ? {} : { defaultActions: checkedActions(tx, lb, input.DefaultActions) }),
  };
  tx.delete(openPortKey(lb, listener));
  listeners.put(tx, listenerKey(lb, listener.id), next);
  openPorts.put(tx, openPortKey(lb, next), 0);
  return { Listeners: [shown(lb, next)] };
};

export function removeListener(tx: Transaction, { lb, listener }: ListenerOf): void {
  for (const { priority } of rulesIn(tx, { lb, listener })) tx.delete(ruleKey(lb, listener.id, priority));
  tx.delete(openPortKey(lb, listener));
  tx.delete(listenerKey(lb, listener.id));
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteListener.html */
export const deleteListener: Operation<InputOf<"elbv2", "DeleteListener">, OutputOf<"elbv2", "DeleteListener">> = (
  tx,
  input,
) => {
  removeListener(tx, requireListener(tx, input.ListenerArn));
  return {};
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeListeners.html */
export const describeListeners: Operation<
  InputOf<"elbv2", "DescribeListeners">,
  OutputOf<"elbv2", "DescribeListeners">
> = (tx, input) => {
  if ((input.LoadBalancerArn === undefined) === !input.ListenerArns?.length)
    throw validation("You must specify either listener ARNs or a load balancer ARN");
  const found: ListenerOf[] = input.ListenerArns?.length
    ? input.ListenerArns.map((arn) => requireListener(tx, arn))
    : inLoadBalancer(tx, requireLoadBalancer(tx, input.LoadBalancerArn));
  const { page, NextMarker } = pageOf(found, ({ listener }) => listener.id, input);
  return { Listeners: page.map(({ lb, listener }) => shown(lb, listener)), ...(NextMarker && { NextMarker }) };
};

const inLoadBalancer = (tx: Transaction, lb: LoadBalancer): ListenerOf[] =>
  listenersIn(tx, lb).map((listener) => ({ lb, listener }));
