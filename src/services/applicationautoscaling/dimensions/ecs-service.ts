/** ecs:service:DesiredCount, by `service/CLUSTER/SERVICE`. */
import { AwsError } from "../../../kernel/errors.ts";
import { validation } from "../errors.ts";
import type { Dimension, Metric } from "./dimension.ts";

const namesOf = (resourceId: string) => {
  const [, cluster, service] = resourceId.split("/") as [string, string, string];
  return { cluster, service };
};

/** Load balancer and target group: `app/web/0123456789abcdef/targetgroup/web/0123456789abcdef`. */
const RESOURCE_LABEL = /^((?:app|net)\/[^/]+\/[0-9a-f]+)\/(targetgroup\/[^/]+\/[0-9a-f]+)$/;

export const ecsService: Dimension = {
  namespace: "ecs",
  name: "ecs:service:DesiredCount",
  resourceId: /^service\/[^/]+\/[^/]+$/,
  noun: "desired count",
  cooldownSeconds: 300,
  takesSteps: true,
  missing: (resourceId) => `ECS service doesn't exist: ${resourceId}`,

  async read(flow, resourceId) {
    const { cluster, service } = namesOf(resourceId);
    try {
      const { services = [] } = await flow.call("ecs", "DescribeServices", { cluster, services: [service] });
      const found = services.find(({ status }) => status === "ACTIVE");
      if (!found) return undefined;
      // A rolling deployment has the old and the new one side by side.
      return { capacity: found.desiredCount!, isDeploying: (found.deployments?.length ?? 0) > 1 };
    } catch (error) {
      if (error instanceof AwsError && error.code === "ClusterNotFoundException") return undefined;
      throw error;
    }
  },

  async write(flow, resourceId, capacity) {
    await flow.call("ecs", "UpdateService", { ...namesOf(resourceId), desiredCount: capacity });
  },

  metric(type, { resourceId }, label): Metric | undefined {
    const { cluster, service } = namesOf(resourceId);
    const own = (MetricName: string): Metric => ({
      Namespace: "AWS/ECS",
      MetricName,
      Dimensions: [
        { Name: "ClusterName", Value: cluster },
        { Name: "ServiceName", Value: service },
      ],
      Statistic: "Average",
      Unit: "Percent",
    });
    switch (type) {
      case "ECSServiceAverageCPUUtilization":
        return own("CPUUtilization");
      case "ECSServiceAverageMemoryUtilization":
        return own("MemoryUtilization");
      case "ALBRequestCountPerTarget": {
        const [, balancer, group] = RESOURCE_LABEL.exec(label ?? "") ?? [];
        if (balancer === undefined || group === undefined) {
          throw validation(
            `Invalid resource label: ${label ?? "null"}, ALBRequestCountPerTarget needs app/NAME/ID/targetgroup/NAME/ID`,
          );
        }
        return {
          Namespace: "AWS/ApplicationELB",
          MetricName: "RequestCountPerTarget",
          Dimensions: [
            { Name: "LoadBalancer", Value: balancer },
            { Name: "TargetGroup", Value: group },
          ],
          Statistic: "Sum",
        };
      }
      default:
        return undefined;
    }
  },
};
