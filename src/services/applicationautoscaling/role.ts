/**
 * In whose name capacity is read and set. AWS has a service-linked role for it, which is there by itself and may do just that; whoever registers a
 * target consents to it. Here the account itself stands for that role.
 */
import type { CallAs, FlowContext } from "../service.ts";
import type { Place } from "./state.ts";

export const linkedRole = ({ accountId, region }: Place): CallAs => ({
  principal: { type: "root", accountId, arn: `arn:aws:iam::${accountId}:root` },
  accountId,
  region,
});

export const asLinkedRole = (flow: FlowContext): FlowContext => flow.as(linkedRole(flow));
