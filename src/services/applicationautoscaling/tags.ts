/** Tags of scalable targets. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { resourceNotFound, tooManyTags } from "./errors.ts";
import { createConstraints, TAGS_MAX } from "./rules.ts";
import { nounRange, type Place, type TargetRecord, targetKey, targets } from "./state.ts";
import { targetArn } from "./targets.ts";

/** @throws ResourceNotFoundException */
function requireArn(tx: Transaction, place: Place, arn: string | undefined): TargetRecord {
  const constraints = createConstraints();
  constraints.notNull("resourceARN", arn);
  constraints.check();
  const { start, end } = nounRange(place, "target");
  for (const [, record] of targets.range(tx, start, end)) if (targetArn(place, record) === arn) return record;
  throw resourceNotFound(arn!);
}

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html */
export const tagResource: Operation<
  InputOf<"applicationautoscaling", "TagResource">,
  OutputOf<"applicationautoscaling", "TagResource">
> = (tx, input, context) => {
  const record = requireArn(tx, context, input.ResourceARN);
  const constraints = createConstraints();
  constraints.notNull("tags", input.Tags);
  constraints.check();
  const tags = { ...record.tags, ...input.Tags };
  if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags(input.ResourceARN!);
  targets.put(tx, targetKey(context, record), { ...record, tags });
  return {};
};

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_UntagResource.html */
export const untagResource: Operation<
  InputOf<"applicationautoscaling", "UntagResource">,
  OutputOf<"applicationautoscaling", "UntagResource">
> = (tx, input, context) => {
  const record = requireArn(tx, context, input.ResourceARN);
  const gone = new Set(input.TagKeys);
  const tags = Object.fromEntries(Object.entries(record.tags).filter(([name]) => !gone.has(name)));
  targets.put(tx, targetKey(context, record), { ...record, tags });
  return {};
};

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ListTagsForResource.html */
export const listTagsForResource: Operation<
  InputOf<"applicationautoscaling", "ListTagsForResource">,
  OutputOf<"applicationautoscaling", "ListTagsForResource">
> = (tx, input, context) => ({ Tags: { ...requireArn(tx, context, input.ResourceARN).tags } });
