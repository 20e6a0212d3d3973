/** Tags of load balancers, listeners, rules and target groups. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { validation } from "./errors.ts";
import {
  listenerKey,
  listeners,
  loadBalancerKey,
  loadBalancers,
  parseName,
  ruleKey,
  rules,
  type Tags,
  targetGroupKey,
  targetGroups,
} from "./state.ts";
import { requireListener, requireLoadBalancer, requireRule, requireTargetGroup } from "./stored.ts";

const TAGS_MAX = 50;

type Given = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined;

/** @throws TooManyTagsException, DuplicateTagKeysException, ValidationError */
export function tagsOf(given: Given, previous: Tags = {}): Tags {
  const next: Record<string, string> = { ...previous };
  for (const { Key = "", Value = "" } of given ?? []) {
    if (Key === "" || Key.length > 128) throw validation("Tag keys must have between 1 and 128 characters");
    if (Value.length > 256) throw validation("Tag values must have at most 256 characters");
    if (Key.startsWith("aws:")) throw validation("Tag keys must not begin with 'aws:'");
    next[Key] = Value;
  }
  if (Object.keys(next).length > TAGS_MAX) throw validation(`A resource has at most ${TAGS_MAX} tags`);
  return next;
}

/** Reads the tags of whatever the ARN names, or writes what `change` makes of them. */
function tagged(tx: Transaction, arn: string, change?: (tags: Tags) => Tags): Tags {
  const named = parseName(arn);
  if (named === undefined) throw validation(`'${arn}' is not a valid ARN`);
  switch (named.kind) {
    case "loadbalancer": {
      const record = requireLoadBalancer(tx, arn);
      if (change) loadBalancers.put(tx, loadBalancerKey(record), { ...record, tags: change(record.tags) });
      return record.tags;
    }
    case "targetgroup": {
      const record = requireTargetGroup(tx, arn);
      if (change) targetGroups.put(tx, targetGroupKey(record), { ...record, tags: change(record.tags) });
      return record.tags;
    }
    case "listener": {
      const { lb, listener } = requireListener(tx, arn);
      if (change) listeners.put(tx, listenerKey(lb, listener.id), { ...listener, tags: change(listener.tags) });
      return listener.tags;
    }
    case "rule": {
      const { lb, listener, rule } = requireRule(tx, arn);
      if (change) rules.put(tx, ruleKey(lb, listener.id, rule.priority), { ...rule, tags: change(rule.tags) });
      return rule.tags;
    }
  }
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html */
export const addTags: Operation<InputOf<"elbv2", "AddTags">, OutputOf<"elbv2", "AddTags">> = (tx, input) => {
  for (const arn of input.ResourceArns ?? []) tagged(tx, arn, (tags) => tagsOf(input.Tags, tags));
  return {};
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RemoveTags.html */
export const removeTags: Operation<InputOf<"elbv2", "RemoveTags">, OutputOf<"elbv2", "RemoveTags">> = (tx, input) => {
  const gone = new Set(input.TagKeys);
  for (const arn of input.ResourceArns ?? [])
    tagged(tx, arn, (tags) => Object.fromEntries(Object.entries(tags).filter(([name]) => !gone.has(name))));
  return {};
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html */
export const describeTags: Operation<InputOf<"elbv2", "DescribeTags">, OutputOf<"elbv2", "DescribeTags">> = (
  tx,
  input,
) => ({
  TagDescriptions: (input.ResourceArns ?? []).map((ResourceArn) => ({
    ResourceArn,
    Tags: Object.entries(tagged(tx, ResourceArn)).map(([Key, Value]) => ({ Key, Value })),
  })),
});
