/** ListMetrics: what was written in the last two weeks. */
import { notImplemented } from "../../kernel/errors.ts";
import { after, type Key } from "../../storage/keys.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { invalidNextToken, invalidValue, missingParameter } from "./errors.ts";
import { LIMITS } from "./rules.ts";
import { type MetricName, Metrics, metricRange } from "./state.ts";

/** Without new data for longer, a metric is not listed. */
const LISTED_MS = 14 * 86400_000;
const RECENTLY_ACTIVE_MS = 3 * 3600_000;
/** How many metrics one page looks at; a page may be short, or empty, and more follow. */
const LOOKED_AT_MAX = 10_000;

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html */
export const listMetrics: Operation<InputOf<"cloudwatch", "ListMetrics">, OutputOf<"cloudwatch", "ListMetrics">> = (
  tx,
  input,
  context,
) => {
  if (input.RecentlyActive !== undefined && input.RecentlyActive !== "PT3H")
    throw invalidValue("The parameter RecentlyActive must be a value in the set [ PT3H ].");
  if (input.IncludeLinkedAccounts) throw notImplemented("IncludeLinkedAccounts of cloudwatch:ListMetrics");
  if ((input.Dimensions?.length ?? 0) > LIMITS.dimensions)
    throw invalidValue(`The collection Dimensions must not have a size greater than ${LIMITS.dimensions}.`);
  for (const [index, { Name }] of (input.Dimensions ?? []).entries()) {
    if (!Name) throw missingParameter(`Dimensions.member.${index + 1}.Name`);
  }
  const sinceMs = context.nowMs - (input.RecentlyActive ? RECENTLY_ACTIVE_MS : LISTED_MS);
  const under =
    input.Namespace === undefined
      ? []
      : input.MetricName === undefined
        ? [input.Namespace]
        : [input.Namespace, input.MetricName];
  const whole = metricRange(context, ...under);
  const found: MetricName[] = [];
  let looked = 0;
  let last: Key | undefined;
  for (const [place, metric] of Metrics.range(tx, from(input.NextToken, whole), whole.end)) {
    if (found.length === LIMITS.listPage || looked === LOOKED_AT_MAX) return page(found, last);
    looked++;
    last = place;
    if (metric.seenMs < sinceMs || (input.MetricName !== undefined && metric.name !== input.MetricName)) continue;
    const carries = (input.Dimensions ?? []).every(({ Name, Value }) =>
      metric.dimensions.some((own) => own.Name === Name && (Value === undefined || own.Value === Value)),
    );
    if (carries) found.push(metric);
  }
  return page(found, undefined);
};

function page(found: readonly MetricName[], last: Key | undefined): OutputOf<"cloudwatch", "ListMetrics"> {
  return {
    Metrics: found.map(({ namespace, name, dimensions }) => ({
      Namespace: namespace,
      MetricName: name,
      Dimensions: [...dimensions],
    })),
    ...(last === undefined ? {} : { NextToken: Buffer.from(last, "latin1").toString("base64url") }),
  };
}

function from(token: string | undefined, { start, end }: { start: Key; end: Key }): Key {
  if (token === undefined) return start;
  const last = after(Buffer.from(token, "base64url").toString("latin1") as Key);
  if (last < start || last > end) throw invalidNextToken();
  return last;
}
