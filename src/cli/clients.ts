/** The official SDK's clients, loaded when a command first needs one, always aimed at a Virga. */
import type { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import type { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import type { CostExplorerClient } from "@aws-sdk/client-cost-explorer";
import type { LambdaClient } from "@aws-sdk/client-lambda";
import type { S3Client } from "@aws-sdk/client-s3";
import type { Target } from "./endpoint.ts";

const settings = ({ endpoint, region, credentials }: Target) => ({ endpoint, region, credentials });

export async function cloudformationClient(target: Target): Promise<CloudFormationClient> {
  const { CloudFormationClient } = await import("@aws-sdk/client-cloudformation");
  return new CloudFormationClient(settings(target));
}

export async function costExplorerClient(target: Target): Promise<CostExplorerClient> {
  const { CostExplorerClient } = await import("@aws-sdk/client-cost-explorer");
  return new CostExplorerClient(settings(target));
}

/** Attempts only once: an invocation that failed must not be run again behind the user's back; no limit on how long it takes. */
export async function lambdaClient(target: Target): Promise<LambdaClient> {
  const { LambdaClient } = await import("@aws-sdk/client-lambda");
  return new LambdaClient({ ...settings(target), maxAttempts: 1, requestHandler: { requestTimeout: 0 } });
}

export async function logsClient(target: Target): Promise<CloudWatchLogsClient> {
  const { CloudWatchLogsClient } = await import("@aws-sdk/client-cloudwatch-logs");
  return new CloudWatchLogsClient(settings(target));
}

export async function s3Client(target: Target): Promise<S3Client> {
  const { S3Client } = await import("@aws-sdk/client-s3");
  return new S3Client({ ...settings(target), forcePathStyle: true });
}

/** Whether an error came from AWS's API with this code. */
export const isCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && codes.includes(error.name);
