/** Scaling activities: what was done, and why what was wanted was not. They are kept for six weeks. */
import type { Key } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { pageOf } from "./pages.ts";
import { checkFilter, createConstraints } from "./rules.ts";
import { type ActivityRecord, activities, activityKey, nounRange, ofTarget, type Place } from "./state.ts";

const KEPT_MS = 42 * 24 * 3_600_000;
/** Old ones that go whenever a new one comes. */
const DROPPED_MAX = 10;

/** Writes an activity. One that tells why nothing was done is not repeated while it stays the same. */
export function recordActivity(
  tx: Transaction,
  place: Place,
  context: Pick<OperationContext, "nowMs" | "random">,
  given: Omit<ActivityRecord, "id">,
): ActivityRecord {
  const activity: ActivityRecord = { ...given, id: context.random.uuid() };
  const { start, end } = ofTarget(place, "activity", given);
  if (given.notScaled) {
    const [[, last] = []] = [...activities.range(tx, start, end, { limit: 1, reverse: true })];
    if (last && last.cause === given.cause && last.notScaled?.Code === given.notScaled.Code) return last;
  }
  const old: Key[] = [];
  for (const [key, { startMs }] of activities.range(tx, start, end, { limit: DROPPED_MAX })) {
    if (startMs >= context.nowMs - KEPT_MS) break;
    old.push(key);
  }
  for (const key of old) tx.delete(key);
  activities.put(tx, activityKey(place, activity), activity);
  return activity;
}

/** Brings an activity to its end. */
export function endActivity(
  tx: Transaction,
  place: Place,
  activity: ActivityRecord,
  end: Pick<ActivityRecord, "status" | "endMs" | "message">,
): void {
  if (tx.get(activityKey(place, activity)) === undefined) return;
  activities.put(tx, activityKey(place, activity), { ...activity, ...end });
}

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingActivities.html @throws ValidationException, InvalidNextTokenException */
export const describeScalingActivities: Operation<
  InputOf<"applicationautoscaling", "DescribeScalingActivities">,
  OutputOf<"applicationautoscaling", "DescribeScalingActivities">
> = (tx, input, context) => {
  checkFilter(createConstraints(), input);
  const range = nounRange(context, "activity", input.ServiceNamespace, input.ResourceId, input.ScalableDimension);
  const { rows, nextToken } = pageOf(tx, activities, range, {
    limit: input.MaxResults,
    token: input.NextToken,
    newestFirst: true,
    where: (row) =>
      (input.IncludeNotScaledActivities || row.notScaled === undefined) &&
      (input.ScalableDimension === undefined || row.dimension === input.ScalableDimension),
  });
  return {
    ScalingActivities: rows.map((row) => ({
      ActivityId: row.id,
      ServiceNamespace: row.namespace,
      ResourceId: row.resourceId,
      ScalableDimension: row.dimension,
      Description: row.description,
      Cause: row.cause,
      StartTime: new Date(row.startMs),
      ...(row.endMs !== undefined && { EndTime: new Date(row.endMs) }),
      StatusCode: row.status,
      ...(row.message !== undefined && { StatusMessage: row.message }),
      ...(row.details !== undefined && { Details: row.details }),
      ...(row.notScaled && { NotScaledReasons: [row.notScaled] }),
    })),
    ...(nextToken !== undefined && { NextToken: nextToken }),
  };
};
