/**
 * Measured use of tasks as metrics: per service against what its tasks reserve, as AWS publishes them, and with Container Insights in absolute
 * units.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
 */
import type { FlowContext } from "../service.ts";
import type { TaskSample } from "./ports.ts";
import type { TaskRecord } from "./state.ts";

export interface Observer {
  /** A task is going to be sampled. @param insights its cluster has Container Insights */
  expect(task: TaskRecord, insights: boolean): void;
  forget(key: string): void;
  sample(sample: TaskSample): void;
}

const MIB = 1024 ** 2;

interface Observed {
  readonly flow: FlowContext;
  readonly task: TaskRecord;
  readonly insights: boolean;
  readonly cpus: number;
  readonly memoryBytes: number;
}

export function createObserver(flow: FlowContext): Observer {
  const tasks = new Map<string, Observed>();
  return {
    expect(task, insights) {
      tasks.set(task.id, {
        flow: flow.as({ accountId: task.accountId, region: task.region }),
        task,
        insights,
        cpus: Number(task.cpu) / 1024,
        memoryBytes: Number(task.memory) * MIB,
      });
    },
    forget: (key) => void tasks.delete(key),
    sample(sample) {
      const observed = tasks.get(sample.key);
      if (!observed) return;
      const { task, cpus, memoryBytes, insights } = observed;
      const service = task.group.startsWith("service:") ? task.group.slice("service:".length) : undefined;
      if (service !== undefined) {
        const dimensions = { ClusterName: task.cluster, ServiceName: service };
        const percent = (name: string, value: number) =>
          observed.flow.measure({ namespace: "AWS/ECS", name, dimensions, unit: "Percent", value: round(value * 100) });
        percent("CPUUtilization", sample.cores / cpus);
        percent("MemoryUtilization", sample.memoryBytes / memoryBytes);
        if (insights) absolute(observed.flow, dimensions, sample);
      }
      if (insights)
        absolute(observed.flow, { TaskDefinitionFamily: task.definition.family, ClusterName: task.cluster }, sample);
    },
  };
}

/** Few different values: percentiles stay exact. */
const round = (value: number): number => Math.round(value * 10) / 10;

function absolute(flow: FlowContext, dimensions: Readonly<Record<string, string>>, sample: TaskSample): void {
  const measure = (name: string, unit: "None" | "Megabytes" | "Bytes/Second", value: number) =>
    flow.measure({ namespace: "ECS/ContainerInsights", name, dimensions, unit, value });
  measure("CpuUtilized", "None", round(sample.cores * 1024));
  measure("MemoryUtilized", "Megabytes", Math.round(sample.memoryBytes / MIB));
  measure("NetworkRxBytes", "Bytes/Second", Math.round(sample.receivedBytesPerSecond));
  measure("NetworkTxBytes", "Bytes/Second", Math.round(sample.sentBytesPerSecond));
}
