/** Secrets of containers, read by the execution role before a task starts. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html */
import type { TaskDefinition } from "@aws-sdk/client-ecs";
import { parseArn } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { FlowContext, Principal } from "../service.ts";

/** @returns values by container and variable. @throws AwsError with what could not be read */
export async function readSecrets(
  flow: FlowContext,
  shape: TaskDefinition,
  principal: Principal,
): Promise<Record<string, Record<string, string>>> {
  const values: Record<string, Record<string, string>> = {};
  for (const { name: container, secrets = [] } of shape.containerDefinitions!) {
    const found: Record<string, string> = {};
    for (const { name, valueFrom } of secrets) found[name!] = await readSecret(flow, valueFrom!, principal);
    values[container!] = found;
  }
  return values;
}

async function readSecret(flow: FlowContext, valueFrom: string, principal: Principal): Promise<string> {
  const parts = parseArn(valueFrom);
  if (parts?.service === "secretsmanager") {
    const [, name, key = "", stage = "", version = ""] = parts.resource.split(":");
    const { SecretString } = await flow.call(
      "secretsmanager",
      "GetSecretValue",
      {
        SecretId: `arn:${parts.partition}:secretsmanager:${parts.region}:${parts.accountId}:secret:${name}`,
        ...(stage ? { VersionStage: stage } : {}),
        ...(version ? { VersionId: version } : {}),
      },
      { principal },
    );
    if (!key) return SecretString ?? "";
    const value = fieldOf(SecretString ?? "", key);
    if (value === undefined) {
      throw new AwsError(
        "ResourceInitializationError",
        `retrieved secret from Secrets Manager did not contain json key ${key}`,
      );
    }
    return value;
  }
  const Name =
    parts?.service === "ssm" ? parts.resource.replace(/^parameter(?=\/)/, "").replace(/^\/([^/]+)$/, "$1") : valueFrom;
  const { Parameter } = await flow.call("ssm", "GetParameter", { Name, WithDecryption: true }, { principal });
  return Parameter?.Value ?? "";
}

function fieldOf(text: string, key: string): string | undefined {
  try {
    const value = (JSON.parse(text) as Record<string, unknown>)[key];
    return value === undefined ? undefined : typeof value === "string" ? value : JSON.stringify(value);
  } catch {
    return undefined;
  }
}
