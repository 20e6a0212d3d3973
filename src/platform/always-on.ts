/**
 * `/_virga/always-on`: what the last hours cost, against a server that never sleeps, for the console; what `virga bill` says of it. The figures come
 * from Cost Explorer, asked in the name of whoever asks here.
 *
 *     GET /_virga/always-on?hours=24
 */

import { AwsError } from "../kernel/errors.ts";
import { compare, type Step } from "../metering/always-on.ts";
import { MONTH_HOURS, PRICE_LIST } from "../metering/prices.ts";
import type { HttpFront } from "../services/service.ts";

const HOUR_MS = 3_600_000;
const HOURS_DEFAULT = 24;
/** Cost Explorer tells hours of the last two weeks. */
const HOURS_MAX = 14 * 24 - 1;
/** Everything that is not a credit: the whole bill, for an API that wants a filter. */
const EVERYTHING = { Not: { Dimensions: { Key: "RECORD_TYPE", Values: ["Credit"] } } } as const;

export function alwaysOnFront(): HttpFront {
  return {
    name: "always-on",
    untraced: true,
    method: /^GET$/,
    path: /^\/_virga\/always-on$/,
    async handle(flow, { query }) {
      if (flow.principal.type === "anonymous") {
        throw new AwsError("MissingAuthenticationToken", "Sign the request: costs are shown to known keys only.", 403);
      }
      const asked = new URLSearchParams(query).get("hours") ?? String(HOURS_DEFAULT);
      const hours = Number(asked);
      if (!Number.isInteger(hours) || hours < 1 || hours > HOURS_MAX)
        throw new AwsError("ValidationException", `hours is a whole number from 1 to ${HOURS_MAX}, not ${asked}.`, 400);
      const nowMs = flow.clock.nowMs();
      const endMs = nowMs - (nowMs % HOUR_MS) + HOUR_MS;
      const window = { start: hour(endMs - hours * HOUR_MS), end: hour(endMs) };
      const { ResultsByTime = [] } = await flow.call("ce", "GetCostAndUsageWithResources", {
        TimePeriod: { Start: window.start, End: window.end },
        Granularity: "HOURLY",
        Metrics: ["UnblendedCost", "UsageQuantity"],
        Filter: EVERYTHING as never,
        GroupBy: [{ Type: "DIMENSION", Key: "USAGE_TYPE" }],
      });
      const groups = ResultsByTime.flatMap(({ Groups = [] }) => Groups);
      const total = groups.reduce((sum, { Metrics }) => sum + Number(Metrics?.["UnblendedCost"]?.Amount ?? 0), 0);
      const steps = ResultsByTime.map(
        ({ TimePeriod, Groups = [] }): Step => ({
          startMs: Date.parse(TimePeriod!.Start!),
          usage: Groups.map(({ Keys, Metrics }) => ({
            usageType: Keys![0]!,
            quantity: Number(Metrics?.["UsageQuantity"]?.Amount ?? 0),
            dollars: Number(Metrics?.["UnblendedCost"]?.Amount ?? 0),
          })),
        }),
      );
      const body = {
        prices: PRICE_LIST,
        monthHours: MONTH_HOURS,
        window,
        total,
        ...compare(steps, HOUR_MS, nowMs),
      };
      return {
        status: 200,
        headers: { "content-type": "application/json", "cache-control": "no-store" },
        body: JSON.stringify(body),
      };
    },
  };
}

const hour = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");
