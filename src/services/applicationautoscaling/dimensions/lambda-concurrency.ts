/** lambda:function:ProvisionedConcurrency, by `function:NAME:QUALIFIER`. */
import { AwsError } from "../../../kernel/errors.ts";
import type { Dimension, Metric } from "./dimension.ts";

const namesOf = (resourceId: string) => {
  const [, FunctionName, Qualifier] = resourceId.split(":") as [string, string, string];
  return { FunctionName, Qualifier };
};

export const lambdaConcurrency: Dimension = {
  namespace: "lambda",
  name: "lambda:function:ProvisionedConcurrency",
  resourceId: /^function:[a-zA-Z0-9_-]+:[a-zA-Z0-9_-]+$/,
  noun: "provisioned concurrency",
  cooldownSeconds: 0,
  takesSteps: false,
  missing: (resourceId) => `Lambda function version or alias does not exist: ${resourceId}`,

  async read(flow, resourceId) {
    try {
      const config = await flow.call("lambda", "GetProvisionedConcurrencyConfig", namesOf(resourceId));
      return { capacity: config.RequestedProvisionedConcurrentExecutions ?? 0, isDeploying: false };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      // The version is there, and has none yet.
      if (error.code === "ProvisionedConcurrencyConfigNotFoundException") return { capacity: 0, isDeploying: false };
      if (error.code === "ResourceNotFoundException") return undefined;
      throw error;
    }
  },

  async write(flow, resourceId, capacity) {
    if (capacity === 0) {
      await flow.call("lambda", "DeleteProvisionedConcurrencyConfig", namesOf(resourceId));
      return;
    }
    await flow.call("lambda", "PutProvisionedConcurrencyConfig", {
      ...namesOf(resourceId),
      ProvisionedConcurrentExecutions: capacity,
    });
  },

  metric(type, { resourceId }): Metric | undefined {
    if (type !== "LambdaProvisionedConcurrencyUtilization") return undefined;
    const { FunctionName, Qualifier } = namesOf(resourceId);
    return {
      Namespace: "AWS/Lambda",
      MetricName: "ProvisionedConcurrencyUtilization",
      Dimensions: [
        { Name: "FunctionName", Value: FunctionName },
        { Name: "Resource", Value: `${FunctionName}:${Qualifier}` },
      ],
      Statistic: "Average",
    };
  },
};
