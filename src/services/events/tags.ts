/** Tags of rules and event buses. */
import { parseArn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { resourceNotFound, ruleDoesNotExist, validation } from "./errors.ts";
import { requireBus, TAGS_MAX, tagsOf } from "./limits.ts";
import { Buses, busKey, DEFAULT_BUS, Rules, ruleKey } from "./state.ts";

type Tags = Readonly<Record<string, string>>;

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TagResource.html */
export function tagResource(
  tx: Transaction,
  input: InputOf<"events", "TagResource">,
  _context: OperationContext,
): OutputOf<"events", "TagResource"> {
  new Constraints().required("tags", input.Tags).check();
  const { tags, put } = holderOf(tx, input.ResourceARN);
  const changed = { ...tags, ...tagsOf(input.Tags) };
  if (Object.keys(changed).length > TAGS_MAX) throw validation(`A resource has at most ${TAGS_MAX} tags.`);
  put(changed);
  return {};
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_UntagResource.html */
export function untagResource(
  tx: Transaction,
  input: InputOf<"events", "UntagResource">,
  _context: OperationContext,
): OutputOf<"events", "UntagResource"> {
  new Constraints().required("tagKeys", input.TagKeys).check();
  const { tags, put } = holderOf(tx, input.ResourceARN);
  put(Object.fromEntries(Object.entries(tags).filter(([name]) => !input.TagKeys!.includes(name))));
  return {};
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTagsForResource.html */
export function listTagsForResource(
  tx: Transaction,
  input: InputOf<"events", "ListTagsForResource">,
  _context: OperationContext,
): OutputOf<"events", "ListTagsForResource"> {
  const { tags } = holderOf(tx, input.ResourceARN);
  return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
}

/** The rule or bus that an ARN names. */
function holderOf(tx: Transaction, resourceArn: string | undefined): { tags: Tags; put: (tags: Tags) => void } {
  new Constraints().required("resourceARN", resourceArn).length("resourceARN", resourceArn, 1, 1600).check();
  const at = parseArn(resourceArn!);
  const [kind, first, second] = at?.service === "events" ? at.resource.split("/") : [];
  if (!at || first === undefined) {
    throw validation(`Parameter ${resourceArn} is not valid. Reason: Provided Arn is not in correct format.`);
  }
  switch (kind) {
    case "event-bus": {
      const bus = requireBus(tx, at, first);
      return { tags: bus.tags, put: (tags) => Buses.put(tx, busKey(at, first), { ...bus, tags }) };
    }
    case "rule": {
      const [busName, name] = second === undefined ? [DEFAULT_BUS, first] : [first, second];
      const place = ruleKey(at, busName, name);
      const rule = Rules.get(tx, place);
      if (!rule) throw ruleDoesNotExist(name, busName);
      return { tags: rule.tags, put: (tags) => Rules.put(tx, place, { ...rule, tags }) };
    }
    default:
      throw resourceNotFound(`The resource ${resourceArn} does not exist.`);
  }
}
