/**
 * What a rule does with a request: forward it, redirect it, answer it. Checked and completed with what is implied.
 *
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html
 */
import { notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { associationLimit, validation } from "./errors.ts";
import {
  type Action,
  allOf,
  type LoadBalancer,
  listeners,
  listenersOf,
  loadBalancers,
  type TargetGroup,
  targetGroupArn,
} from "./state.ts";
import { requireTargetGroup, rulesIn } from "./stored.ts";

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html */
const GROUPS_PER_ACTION_MAX = 5;
const WEIGHT_MAX = 999;
const BODY_CHARACTERS_MAX = 1024;
const CONTENT_TYPES = ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];
const STICKY_SECONDS_MAX = 604_800;

/**
 * @param lb whose rule it is to be
 * @throws ValidationError, TargetGroupNotFoundException, TargetGroupAssociationLimitException; NotImplemented naming the kind of action
 */
export function checkedActions(
  tx: Transaction,
  lb: LoadBalancer,
  given: readonly Action[] | undefined,
): readonly Action[] {
  const actions = given ?? [];
  for (const { Type } of actions)
    if (!["forward", "redirect", "fixed-response"].includes(Type!)) throw notImplemented(`the listener action ${Type}`);
  if (actions.length !== 1) throw validation("A rule must have exactly one forward, redirect or fixed-response action");
  const [action] = actions as [Action];
  if (action.Type === "forward") return [forward(tx, lb, action)];
  return [action.Type === "redirect" ? redirect(action) : fixedResponse(action)];
}

function forward(tx: Transaction, lb: LoadBalancer, action: Action): Action {
  const tuples = action.ForwardConfig?.TargetGroups ?? [{ TargetGroupArn: action.TargetGroupArn }];
  if (
    action.TargetGroupArn !== undefined &&
    (tuples.length !== 1 || tuples[0]!.TargetGroupArn !== action.TargetGroupArn)
  )
    throw validation(
      "If both a target group ARN and a forward configuration are given, they must name the same target group",
    );
  if (tuples.length < 1 || tuples.length > GROUPS_PER_ACTION_MAX)
    throw validation(`A forward action must have between 1 and ${GROUPS_PER_ACTION_MAX} target groups`);
  const TargetGroups = tuples.map(({ TargetGroupArn, Weight = 1 }) => {
    const group = requireTargetGroup(tx, TargetGroupArn);
    if (Weight < 0 || Weight > WEIGHT_MAX) throw validation(`Target group weight must be between 0 and ${WEIGHT_MAX}`);
    const user = usersOf(tx, group)[0];
    if (user !== undefined && user.name !== lb.name) throw associationLimit(TargetGroupArn!);
    return { TargetGroupArn, Weight };
  });
  const sticky = action.ForwardConfig?.TargetGroupStickinessConfig ?? { Enabled: false };
  const seconds = sticky.DurationSeconds;
  if (sticky.Enabled && (seconds === undefined || seconds < 1 || seconds > STICKY_SECONDS_MAX))
    throw validation(`Target group stickiness duration must be between 1 and ${STICKY_SECONDS_MAX} seconds`);
  return {
    Type: "forward",
    ...(action.Order === undefined ? {} : { Order: action.Order }),
    ...(TargetGroups.length === 1 ? { TargetGroupArn: TargetGroups[0]!.TargetGroupArn } : {}),
    ForwardConfig: {
      TargetGroups,
      TargetGroupStickinessConfig: { Enabled: sticky.Enabled ?? false, ...(seconds && { DurationSeconds: seconds }) },
    },
  };
}

function redirect({ Order, RedirectConfig }: Action): Action {
  if (!["HTTP_301", "HTTP_302"].includes(RedirectConfig?.StatusCode ?? ""))
    throw validation("A redirect action must have a status code of HTTP_301 or HTTP_302");
  const {
    Protocol = "#{protocol}",
    Port = "#{port}",
    Host = "#{host}",
    Path = "/#{path}",
    Query = "#{query}",
    StatusCode,
  } = RedirectConfig!;
  if (!/^(?:HTTPS?|#\{protocol\})$/.test(Protocol))
    throw validation(`The redirect protocol '${Protocol}' is not valid`);
  if (!/^(?:\d{1,5}|#\{port\})$/.test(Port)) throw validation(`The redirect port '${Port}' is not valid`);
  if (!Path.startsWith("/")) throw validation("The redirect path must start with '/'");
  if (Protocol === "#{protocol}" && Port === "#{port}" && Host === "#{host}" && Path === "/#{path}")
    throw validation("A redirect must change at least one of protocol, port, host and path, or it would never end");
  return {
    Type: "redirect",
    ...(Order === undefined ? {} : { Order }),
    RedirectConfig: { Protocol, Port, Host, Path, Query, StatusCode },
  };
}

function fixedResponse({ Order, FixedResponseConfig }: Action): Action {
  const { StatusCode, ContentType, MessageBody } = FixedResponseConfig ?? {};
  if (!/^[245]\d\d$/.test(StatusCode ?? ""))
    throw validation(`The fixed response status code '${StatusCode}' is not valid`);
  if (ContentType !== undefined && !CONTENT_TYPES.includes(ContentType))
    throw validation(`The fixed response content type '${ContentType}' is not valid`);
  if ((MessageBody ?? "").length > BODY_CHARACTERS_MAX)
    throw validation(`A fixed response body has at most ${BODY_CHARACTERS_MAX} characters`);
  return {
    Type: "fixed-response",
    ...(Order === undefined ? {} : { Order }),
    FixedResponseConfig: { StatusCode, ...(ContentType && { ContentType }), ...(MessageBody && { MessageBody }) },
  };
}

/** The target groups that actions forward to, by ARN. */
export const groupsIn = (actions: readonly Action[]): string[] =>
  actions.flatMap(({ ForwardConfig }) => (ForwardConfig?.TargetGroups ?? []).map((group) => group.TargetGroupArn!));

/** The load balancers whose listeners or rules forward to a target group. AWS allows one. */
export function usersOf(tx: Transaction, group: TargetGroup): LoadBalancer[] {
  const arn = targetGroupArn(group);
  const { start, end } = allOf(group, "lb");
  const users: LoadBalancer[] = [];
  for (const [, lb] of loadBalancers.range(tx, start, end)) {
    const range = listenersOf(lb);
    for (const [, listener] of listeners.range(tx, range.start, range.end)) {
      const all = [listener.defaultActions, ...rulesIn(tx, { lb, listener }).map(({ actions }) => actions)];
      if (!all.some((actions) => groupsIn(actions).includes(arn))) continue;
      users.push(lb);
      break;
    }
  }
  return users;
}
