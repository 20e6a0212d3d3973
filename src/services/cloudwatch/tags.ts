/** Tags of alarms and dashboards. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { tagsOf } from "./alarms/common.ts";
import { Alarms, alarmKey } from "./alarms/state.ts";
import { missingParameter, resourceNotFound } from "./errors.ts";
import { Dashboards, dashboardKey } from "./state.ts";

type Tags = Readonly<Record<string, string>>;

/** Reads a resource's tags and, given new ones, writes them. */
function tagged(
  tx: Transaction,
  resource: string | undefined,
  context: OperationContext,
  change?: (tags: Tags) => Tags,
): Tags {
  if (!resource) throw missingParameter("ResourceARN");
  const [, kind, name] = /^arn:[^:]*:cloudwatch:[^:]*:\d{12}:(alarm:|dashboard\/)(.+)$/s.exec(resource) ?? [];
  if (kind === "alarm:") {
    const alarm = Alarms.get(tx, alarmKey(context, name!));
    if (alarm) {
      if (change) Alarms.put(tx, alarmKey(context, name!), { ...alarm, tags: change(alarm.tags) });
      return alarm.tags;
    }
  } else if (kind) {
    const dashboard = Dashboards.get(tx, dashboardKey(context, name!));
    if (dashboard) {
      if (change) Dashboards.put(tx, dashboardKey(context, name!), { ...dashboard, tags: change(dashboard.tags) });
      return dashboard.tags;
    }
  }
  throw resourceNotFound(`The resource ${resource} does not exist.`);
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListTagsForResource.html */
export const listTagsForResource: Operation<
  InputOf<"cloudwatch", "ListTagsForResource">,
  OutputOf<"cloudwatch", "ListTagsForResource">
> = (tx, input, context) => ({
  Tags: Object.entries(tagged(tx, input.ResourceARN, context)).map(([Key, Value]) => ({ Key, Value })),
});

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html */
export const tagResource: Operation<InputOf<"cloudwatch", "TagResource">, OutputOf<"cloudwatch", "TagResource">> = (
  tx,
  input,
  context,
) => {
  if (!input.Tags) throw missingParameter("Tags");
  const added = tagsOf(input.Tags);
  tagged(tx, input.ResourceARN, context, (tags) => ({ ...tags, ...added }));
  return {};
};

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_UntagResource.html */
export const untagResource: Operation<
  InputOf<"cloudwatch", "UntagResource">,
  OutputOf<"cloudwatch", "UntagResource">
> = (tx, input, context) => {
  if (!input.TagKeys) throw missingParameter("TagKeys");
  tagged(tx, input.ResourceARN, context, (tags) =>
    Object.fromEntries(Object.entries(tags).filter(([name]) => !input.TagKeys!.includes(name))),
  );
  return {};
};
