/** One datapoint of a queue. */
import type { MeasurementUnit } from "../../kernel/measurements.ts";
import type { OperationContext } from "../service.ts";
import type { Queue } from "./state.ts";

export function measure(
  on: Pick<OperationContext, "measure">,
  queue: Pick<Queue, "name">,
  name: string,
  value: number,
  unit: MeasurementUnit = "Count",
): void {
  on.measure({ namespace: "AWS/SQS", name, dimensions: { QueueName: queue.name }, unit, value });
}
