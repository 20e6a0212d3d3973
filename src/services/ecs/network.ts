/** The awsvpc network configuration of tasks and services, and Fargate's platform versions. */
import type { NetworkConfiguration } from "@aws-sdk/client-ecs";
import { invalidParameter } from "./errors.ts";

/** What LATEST is. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-fargate.html */
export const PLATFORM_VERSION = "1.4.0";
const SUBNETS_MAX = 16;
const GROUPS_MAX = 5;

/** @throws InvalidParameterException */
export function checkNetwork(configuration: NetworkConfiguration | undefined): NetworkConfiguration {
  const vpc = configuration?.awsvpcConfiguration;
  if (!vpc) throw invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  const { subnets = [], securityGroups = [], assignPublicIp = "DISABLED" } = vpc;
  if (subnets.length === 0) throw invalidParameter("subnets can not be empty.");
  if (subnets.length > SUBNETS_MAX) throw invalidParameter(`subnets can have at most ${SUBNETS_MAX} items.`);
  if (securityGroups.length > GROUPS_MAX)
    throw invalidParameter(`securityGroups can have at most ${GROUPS_MAX} items.`);
  if (assignPublicIp !== "ENABLED" && assignPublicIp !== "DISABLED") {
    throw invalidParameter("assignPublicIp is ENABLED or DISABLED.");
  }
  return { awsvpcConfiguration: { subnets: [...subnets], securityGroups: [...securityGroups], assignPublicIp } };
}

/** @throws InvalidParameterException */
export function platformVersionOf(version: string | undefined): string {
  if (version === undefined || version === "LATEST") return "LATEST";
  if (version !== PLATFORM_VERSION && version !== "1.3.0") {
    throw invalidParameter(`The platform version ${version} does not exist: LATEST, 1.4.0 and 1.3.0 do.`);
  }
  return version;
}
