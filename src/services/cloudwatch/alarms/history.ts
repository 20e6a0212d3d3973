/** The history of alarms: written with what it tells, kept for 30 days. */

import { after, decodeKey, type Key } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../../service.ts";
import { invalidNextToken, invalidValue } from "../errors.ts";
import type { Place } from "../state.ts";
import { type AlarmRecord, History, type HistoryItem, historyFrom, historyKey, historyRange } from "./state.ts";

const KEPT_MS = 30 * 86400_000;
const PAGE_MAX = 100;
const LOOKED_AT_MAX = 10_000;
/** Old items removed with each new one. */
const PRUNED_MAX = 4;

export function remember(
  tx: Transaction,
  at: Place,
  alarm: Pick<AlarmRecord, "name" | "type">,
  item: Pick<HistoryItem, "type" | "summary"> & { readonly data: object },
  context: Pick<OperationContext, "nowMs" | "random">,
): void {
  const { start, end } = historyRange(at);
  const old: Key[] = [];
  for (const [place] of tx.range(start, end, { limit: PRUNED_MAX })) {
    if ((decodeKey(place)[4] as number) < context.nowMs - KEPT_MS) old.push(place);
  }
  for (const place of old) tx.delete(place);
  History.put(tx, historyKey(at, context.nowMs, alarm.name, context.random.integer(2 ** 31)), {
    alarm: alarm.name,
    alarmType: alarm.type === "metric" ? "MetricAlarm" : "CompositeAlarm",
    type: item.type,
    summary: item.summary,
    data: JSON.stringify({ version: "1.0", ...item.data }),
  });
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html */
export const describeAlarmHistory: Operation<
  InputOf<"cloudwatch", "DescribeAlarmHistory">,
  OutputOf<"cloudwatch", "DescribeAlarmHistory">
> = (tx, input, context) => {
  const max = input.MaxRecords ?? PAGE_MAX;
  if (max < 1 || max > PAGE_MAX) throw invalidValue(`The parameter MaxRecords must be between 1 and ${PAGE_MAX}.`);
  const types: readonly string[] = input.AlarmTypes?.length ? input.AlarmTypes : ["MetricAlarm"];
  const ascending = input.ScanBy === "TimestampAscending";
  const oldestMs = Math.max(context.nowMs - KEPT_MS, input.StartDate?.getTime() ?? 0);
  let start = historyFrom(context, oldestMs);
  let end = input.EndDate ? after(historyFrom(context, input.EndDate.getTime())) : historyRange(context).end;
  if (input.NextToken !== undefined) {
    const last = Buffer.from(input.NextToken, "base64url").toString("latin1") as Key;
    if (last < start || last > end) throw invalidNextToken();
    if (ascending) start = after(last);
    else end = last;
  }
  const items: HistoryItem[] = [];
  const times: number[] = [];
  let looked = 0;
  let last: Key | undefined;
  let more = false;
  for (const [place, item] of History.range(tx, start, end, { reverse: !ascending })) {
    if (items.length === max || looked === LOOKED_AT_MAX) {
      more = true;
      break;
    }
    looked++;
    last = place;
    if (input.AlarmName !== undefined && item.alarm !== input.AlarmName) continue;
    if (input.HistoryItemType !== undefined && item.type !== input.HistoryItemType) continue;
    if (input.AlarmName === undefined && !types.includes(item.alarmType)) continue;
    if (input.AlarmName !== undefined && input.AlarmTypes?.length && !types.includes(item.alarmType)) continue;
    items.push(item);
    times.push(decodeKey(place)[4] as number);
  }
  return {
    AlarmHistoryItems: items.map(({ alarm, alarmType, type, summary, data }, index) => ({
      AlarmName: alarm,
      AlarmType: alarmType,
      Timestamp: new Date(times[index]!),
      HistoryItemType: type,
      HistorySummary: summary,
      HistoryData: data,
    })),
    ...(more ? { NextToken: Buffer.from(last!, "latin1").toString("base64url") } : {}),
  };
};
