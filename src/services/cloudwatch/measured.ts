/** Virga's own metrics: what was gathered in memory is stored a second after each minute in which there was anything, and when the platform closes. */
import type { Measured, Measurements } from "../../kernel/measurements.ts";
import type { FlowContext, Service } from "../service.ts";
import { store } from "./data.ts";
import type { Point } from "./points.ts";
import { metricOf } from "./state.ts";

const MINUTE_MS = 60_000;
/** Alarms look 5 seconds after the minute. */
const AFTER_MS = 1000;
/** Metrics stored in one transaction. */
const STEP = 500;

export function takeMeasurements(measurements: Measurements): NonNullable<Service["start"]> {
  return async (flow) => {
    const { clock } = flow;
    let timer: { cancel(): void } | undefined;
    const take = async (): Promise<void> => {
      timer = undefined;
      const taken = measurements.take();
      for (let at = 0; at < taken.length; at += STEP) await keep(flow, taken.slice(at, at + STEP));
    };
    const begin = () => {
      if (timer) return;
      const nowMs = clock.nowMs();
      const dueMs = nowMs - (nowMs % MINUTE_MS) + MINUTE_MS + AFTER_MS;
      timer = clock.at(dueMs, () => {
        take().catch((error) => flow.log.error("Metrics could not be stored", { error: String(error) }));
      });
    };
    measurements.onBegin(begin);
    if (!measurements.empty) begin();
    return async () => {
      timer?.cancel();
      await take();
    };
  };
}

function keep(flow: FlowContext, taken: readonly Measured[]): Promise<void> {
  return flow.write((tx, context) => {
    for (const measured of taken) {
      const dimensions = Object.entries(measured.dimensions).map(([Name, Value]) => ({ Name, Value }));
      const one = {
        metric: metricOf(measured.namespace, measured.name, dimensions),
        unit: measured.unit,
        atMs: measured.minuteMs,
        highResolution: false,
        point: pointOf(measured),
      };
      store(tx, measured, [one], context);
    }
  });
}

function pointOf({ count, sum, min, max, values }: Measured): Point {
  if (min === max) return { count, sum, min, max };
  return { count, sum, min, max, values: [...values].sort(([left], [right]) => left - right).flat() };
}
