/** Names and ARNs: how clusters, services, tasks and task definitions are referred to. */
import { arn, parseArn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { clientException, clusterNotFound, invalidParameter, serviceNotFound } from "./errors.ts";
import {
  type ClusterRecord,
  Clusters,
  clusterKey,
  type Definition,
  Definitions,
  definitionKey,
  Families,
  familyKey,
  type Place,
  type ServiceRecord,
  Services,
  serviceKey,
  type TaskRecord,
} from "./state.ts";

export const DEFAULT_CLUSTER = "default";
/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html#API_CreateCluster_RequestSyntax */
export const NAME = /^[A-Za-z0-9_-]{1,255}$/;

export const clusterArn = ({ accountId, region }: Place, name: string): string =>
  arn("ecs", region, accountId, `cluster/${name}`);
export const serviceArn = ({ accountId, region }: Place, cluster: string, name: string): string =>
  arn("ecs", region, accountId, `service/${cluster}/${name}`);
export const taskArn = ({
  accountId,
  region,
  cluster,
  id,
}: Pick<TaskRecord, "accountId" | "region" | "cluster" | "id">) =>
  arn("ecs", region, accountId, `task/${cluster}/${id}`);
export const definitionArn = ({ accountId, region }: Place, family: string, revision: number): string =>
  arn("ecs", region, accountId, `task-definition/${family}:${revision}`);

/** The cluster's name, from a name or an ARN. @throws InvalidParameterException */
export function clusterNameOf(reference: string | undefined): string {
  if (reference === undefined) return DEFAULT_CLUSTER;
  const parts = parseArn(reference);
  if (parts) {
    const match = /^cluster\/([A-Za-z0-9_-]{1,255})$/.exec(parts.resource);
    if (!match || parts.service !== "ecs")
      throw invalidParameter("Identifier is for cluster. Your identifier is invalid.");
    return match[1]!;
  }
  if (!NAME.test(reference)) {
    throw invalidParameter("Cluster name can have up to 255 letters, numbers, hyphens and underscores.");
  }
  return reference;
}

/** @throws ClusterNotFoundException */
export function clusterOf(tx: Transaction, at: Place, reference: string | undefined): ClusterRecord {
  const cluster = Clusters.read(tx, clusterKey(at, clusterNameOf(reference)));
  if (cluster?.status !== "ACTIVE") throw clusterNotFound();
  return cluster;
}

/** The name in `name`, `arn:…:service/NAME` or `arn:…:service/CLUSTER/NAME`. */
export const serviceNameOf = (reference: string): string => reference.split("/").at(-1)!;

/** @throws ClusterNotFoundException, ServiceNotFoundException */
export function serviceOf(
  tx: Transaction,
  at: Place,
  cluster: string | undefined,
  reference: string | undefined,
): ServiceRecord {
  const { name } = clusterOf(tx, at, cluster);
  const service = Services.get(tx, serviceKey(at, name, serviceNameOf(reference ?? "")));
  if (!service || service.status === "INACTIVE") throw serviceNotFound();
  return service;
}

/** The id in a task's id or ARN. */
export const taskIdOf = (reference: string): string => reference.split("/").at(-1)!;

/** `family`, `family:3` or an ARN. A family alone is its latest active revision. @throws ClientException */
export function definitionOf(tx: Transaction, at: Place, reference: string | undefined): Definition {
  const name = parseArn(reference ?? "")?.resource.replace(/^task-definition\//, "") ?? reference ?? "";
  const match = /^([A-Za-z0-9_-]{1,255})(?::(\d+))?$/.exec(name);
  if (!match) throw clientException("Unable to describe task definition.");
  const [, family, given] = match as unknown as [string, string, string | undefined];
  if (given !== undefined) {
    const found = Definitions.read(tx, definitionKey(at, family, Number(given)));
    if (!found) throw clientException("Unable to describe task definition.");
    return found;
  }
  const latest = Families.read(tx, familyKey(at, family))?.latest ?? 0;
  for (let revision = latest; revision > 0; revision--) {
    const found = Definitions.read(tx, definitionKey(at, family, revision));
    if (found?.shape.status === "ACTIVE") return found;
  }
  throw clientException("Unable to describe task definition.");
}

/** One that tasks can be started from. @throws ClientException */
export function activeDefinition(tx: Transaction, at: Place, reference: string | undefined): Definition {
  let found: Definition;
  try {
    found = definitionOf(tx, at, reference);
  } catch {
    throw clientException("TaskDefinition not found.");
  }
  if (found.shape.status !== "ACTIVE") throw clientException("TaskDefinition is inactive");
  return found;
}

/** Task ids are 32 hexadecimal digits. */
export const TASK_ID = /^[0-9a-f]{32}$/;
