/** Clusters and their capacity providers, which are Fargate's two. */
import type {
  Cluster,
  ClusterSetting,
  CreateClusterCommandInput,
  DeleteClusterCommandInput,
  DescribeClustersCommandInput,
  ListClustersCommandInput,
  PutClusterCapacityProvidersCommandInput,
  UpdateClusterCommandInput,
  UpdateClusterSettingsCommandInput,
} from "@aws-sdk/client-ecs";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { clusterContainsServices, clusterContainsTasks, clusterNotFound, invalidParameter } from "./errors.ts";
import { clusterArn, clusterNameOf, clusterOf, DEFAULT_CLUSTER } from "./names.ts";
import { page } from "./paging.ts";
import { type ClusterRecord, Clusters, clusterKey, type Place, Services, Tasks } from "./state.ts";
import { checkStrategy } from "./strategy.ts";
import { checkTags } from "./tags.ts";

const DESCRIBE_MAX = 100;
const CONTAINER_INSIGHTS = ["enabled", "disabled", "enhanced"];

export function describeCluster(
  tx: Transaction,
  at: Place,
  cluster: ClusterRecord,
  include: readonly string[] = [],
): Cluster {
  const { start, end } = keysUnder("ecs", at.accountId, at.region, "task", cluster.name);
  let running = 0;
  let pending = 0;
  for (const [, { lastStatus }] of Tasks.range(tx, start, end)) {
    if (lastStatus === "RUNNING") running++;
    else if (["PROVISIONING", "PENDING", "ACTIVATING"].includes(lastStatus)) pending++;
  }
  const all = keysUnder("ecs", at.accountId, at.region, "service", cluster.name);
  const services = [...Services.range(tx, all.start, all.end)].filter(([, { status }]) => status === "ACTIVE").length;
  return {
    clusterArn: clusterArn(at, cluster.name),
    clusterName: cluster.name,
    status: cluster.status,
    registeredContainerInstancesCount: 0,
    runningTasksCount: running,
    pendingTasksCount: pending,
    activeServicesCount: services,
    statistics: include.includes("STATISTICS")
      ? [
          { name: "runningEC2TasksCount", value: "0" },
          { name: "runningFargateTasksCount", value: String(running) },
          { name: "pendingEC2TasksCount", value: "0" },
          { name: "pendingFargateTasksCount", value: String(pending) },
          { name: "activeEC2ServiceCount", value: "0" },
          { name: "activeFargateServiceCount", value: String(services) },
          { name: "drainingEC2ServiceCount", value: "0" },
          { name: "drainingFargateServiceCount", value: "0" },
        ]
      : [],
    tags: include.includes("TAGS") ? [...cluster.tags] : [],
    settings: include.includes("SETTINGS") ? [...cluster.settings] : [],
    capacityProviders: [...cluster.capacityProviders],
    defaultCapacityProviderStrategy: [...cluster.defaultStrategy],
  };
}

/** What CreateCluster and its like show at once. */
const shown = ["TAGS", "SETTINGS"];

function settingsOf(
  settings: readonly ClusterSetting[] | undefined,
  before: readonly ClusterSetting[],
): ClusterSetting[] {
  const out = new Map(before.map((setting) => [setting.name, setting]));
  for (const { name, value } of settings ?? []) {
    if (name !== "containerInsights" || !CONTAINER_INSIGHTS.includes(value ?? "")) {
      throw invalidParameter("Invalid cluster setting: containerInsights is enabled, enhanced or disabled.");
    }
    out.set(name, { name, value });
  }
  return [...out.values()];
}

/** Creates a cluster, or answers with the active one of that name. @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html */
export function createCluster(
  tx: Transaction,
  input: CreateClusterCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "CreateCluster"> {
  const name = clusterNameOf(input.clusterName ?? DEFAULT_CLUSTER);
  const existing = Clusters.get(tx, clusterKey(context, name));
  if (existing?.status === "ACTIVE") return { cluster: describeCluster(tx, context, existing, shown) };
  checkTags(input.tags);
  const capacityProviders = checkProviders(input.capacityProviders ?? []);
  const cluster: ClusterRecord = {
    name,
    status: "ACTIVE",
    settings: settingsOf(input.settings, [{ name: "containerInsights", value: "disabled" }]),
    capacityProviders,
    defaultStrategy: checkStrategy(input.defaultCapacityProviderStrategy ?? [], capacityProviders),
    tags: input.tags ?? [],
  };
  Clusters.put(tx, clusterKey(context, name), cluster);
  return { cluster: describeCluster(tx, context, cluster, shown) };
}

function checkProviders(names: readonly string[]): string[] {
  const unknown = names.find((name) => name !== "FARGATE" && name !== "FARGATE_SPOT");
  if (unknown !== undefined) {
    throw invalidParameter(`The specified capacity provider '${unknown}' was not found.`);
  }
  return [...names];
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeClusters.html */
export function describeClusters(
  tx: Transaction,
  input: DescribeClustersCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "DescribeClusters"> {
  const references = input.clusters?.length ? input.clusters : [DEFAULT_CLUSTER];
  if (references.length > DESCRIBE_MAX)
    throw invalidParameter(`Clusters cannot have more than ${DESCRIBE_MAX} elements.`);
  const clusters: Cluster[] = [];
  const failures: { arn: string; reason: string }[] = [];
  for (const reference of references) {
    const name = clusterNameOf(reference);
    const cluster = Clusters.get(tx, clusterKey(context, name));
    if (cluster) clusters.push(describeCluster(tx, context, cluster, input.include));
    else failures.push({ arn: clusterArn(context, name), reason: "MISSING" });
  }
  return { clusters, failures };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListClusters.html */
export function listClusters(
  tx: Transaction,
  input: ListClustersCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "ListClusters"> {
  const { start, end } = keysUnder("ecs", context.accountId, context.region, "cluster");
  const names = [...Clusters.range(tx, start, end)]
    .filter(([, { status }]) => status === "ACTIVE")
    .map(([, { name }]) => name);
  const { items, nextToken } = page(names, input);
  return { clusterArns: items.map((name) => clusterArn(context, name)), ...(nextToken ? { nextToken } : {}) };
}

/** A deleted cluster is INACTIVE, and can still be described. @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteCluster.html */
export function deleteCluster(
  tx: Transaction,
  input: DeleteClusterCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "DeleteCluster"> {
  const name = clusterNameOf(input.cluster);
  const cluster = Clusters.get(tx, clusterKey(context, name));
  if (!cluster) throw clusterNotFound();
  const services = keysUnder("ecs", context.accountId, context.region, "service", name);
  for (const [, { status }] of Services.range(tx, services.start, services.end)) {
    if (status !== "INACTIVE") throw clusterContainsServices();
  }
  const tasks = keysUnder("ecs", context.accountId, context.region, "task", name);
  for (const [, { lastStatus }] of Tasks.range(tx, tasks.start, tasks.end)) {
    if (lastStatus !== "STOPPED") throw clusterContainsTasks();
  }
  const deleted: ClusterRecord = { ...cluster, status: "INACTIVE" };
  Clusters.put(tx, clusterKey(context, name), deleted);
  return { cluster: describeCluster(tx, context, deleted, shown) };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateCluster.html */
export function updateCluster(
  tx: Transaction,
  input: UpdateClusterCommandInput | UpdateClusterSettingsCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "UpdateCluster"> {
  const cluster = clusterOf(tx, context, input.cluster);
  const changed: ClusterRecord = { ...cluster, settings: settingsOf(input.settings, cluster.settings) };
  Clusters.put(tx, clusterKey(context, cluster.name), changed);
  return { cluster: describeCluster(tx, context, changed, shown) };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html */
export function putClusterCapacityProviders(
  tx: Transaction,
  input: PutClusterCapacityProvidersCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "PutClusterCapacityProviders"> {
  const cluster = clusterOf(tx, context, input.cluster);
  const capacityProviders = checkProviders(input.capacityProviders ?? []);
  const defaultStrategy = checkStrategy(input.defaultCapacityProviderStrategy ?? [], capacityProviders);
  const changed: ClusterRecord = { ...cluster, capacityProviders, defaultStrategy };
  Clusters.put(tx, clusterKey(context, cluster.name), changed);
  return { cluster: describeCluster(tx, context, changed, shown) };
}
