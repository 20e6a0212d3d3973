/** Services: a number of tasks that is held, and how they are replaced by newer ones. */
import type {
  CreateServiceCommandInput,
  DeleteServiceCommandInput,
  DeploymentConfiguration,
  DescribeServicesCommandInput,
  ListServicesCommandInput,
  LoadBalancer,
  Service,
  UpdateServiceCommandInput,
} from "@aws-sdk/client-ecs";
import { notImplemented } from "../../kernel/errors.ts";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { DEPLOYMENT_CHANGED } from "./changes.ts";
import { invalidParameter, notIdempotent, serviceNotActive } from "./errors.ts";
import {
  activeDefinition,
  clusterArn,
  clusterOf,
  definitionArn,
  NAME,
  serviceArn,
  serviceNameOf,
  serviceOf,
} from "./names.ts";
import { checkNetwork, PLATFORM_VERSION, platformVersionOf } from "./network.ts";
import { page } from "./paging.ts";
import { newDeploymentId, refOfService } from "./reconcile.ts";
import {
  type Definition,
  type DeploymentRecord,
  type DeploymentSettings,
  SERVICE_DUE,
  type ServiceRecord,
  Services,
  serviceKey,
  type TaskRecord,
} from "./state.ts";
import { checkStrategy, chosenStrategy } from "./strategy.ts";
import { checkTags } from "./tags.ts";
import { tasksOfGroup } from "./tasks.ts";

const DESCRIBE_MAX = 10;
const LIST_DEFAULT = 10;
const COUNT_MAX = 5000;
const GRACE_SECONDS_MAX = 2_147_483_647;

function settingsOf(
  given: DeploymentConfiguration | undefined,
  before: DeploymentSettings = {
    maximumPercent: 200,
    minimumHealthyPercent: 100,
    circuitBreaker: { enable: false, rollback: false },
  },
): DeploymentSettings {
  if (!given) return before;
  const { strategy, bakeTimeInMinutes, deploymentCircuitBreaker } = given;
  if (strategy !== undefined && strategy !== "ROLLING") throw notImplemented(`the deployment strategy ${strategy}`);
  if (bakeTimeInMinutes) throw notImplemented("bakeTimeInMinutes of a deployment configuration");
  const maximumPercent = given.maximumPercent ?? before.maximumPercent;
  const minimumHealthyPercent = given.minimumHealthyPercent ?? before.minimumHealthyPercent;
  if (minimumHealthyPercent < 0 || minimumHealthyPercent > 100) {
    throw invalidParameter("minimumHealthyPercent must be between 0 and 100.");
  }
  if (maximumPercent < 100 || maximumPercent > 200)
    throw invalidParameter("maximumPercent must be between 100 and 200.");
  if (maximumPercent === 100 && minimumHealthyPercent === 100) {
    throw invalidParameter(
      "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
    );
  }
  const circuitBreaker = deploymentCircuitBreaker
    ? { enable: deploymentCircuitBreaker.enable ?? false, rollback: deploymentCircuitBreaker.rollback ?? false }
    : before.circuitBreaker;
  if (circuitBreaker.rollback && !circuitBreaker.enable) {
    throw invalidParameter("Deployment circuit breaker rollback cannot be enabled without the circuit breaker.");
  }
  return { maximumPercent, minimumHealthyPercent, circuitBreaker };
}

/** @throws InvalidParameterException, and what elbv2 says of the target groups */
function checkBalancers(
  balancers: readonly LoadBalancer[] | undefined,
  { shape }: Definition,
  context: OperationContext,
): LoadBalancer[] {
  const checked = (balancers ?? []).map(({ targetGroupArn, loadBalancerName, containerName, containerPort }) => {
    if (loadBalancerName !== undefined) throw notImplemented("Classic Load Balancers (loadBalancerName)");
    if (targetGroupArn === undefined) throw invalidParameter("TargetGroupArn cannot be blank.");
    const container = shape.containerDefinitions!.find(({ name }) => name === containerName);
    if (!container) throw invalidParameter(`The container ${containerName} does not exist in the task definition.`);
    if (!container.portMappings?.some((mapping) => mapping.containerPort === containerPort)) {
      throw invalidParameter(`The container ${containerName} did not have a container port ${containerPort} defined.`);
    }
    return { targetGroupArn, containerName, containerPort };
  });
  if (checked.length > 0) {
    const { TargetGroups = [] } = context.call("elbv2", "DescribeTargetGroups", {
      TargetGroupArns: checked.map(({ targetGroupArn }) => targetGroupArn),
    });
    for (const { TargetGroupArn, TargetType, LoadBalancerArns = [] } of TargetGroups) {
      if (TargetType !== "ip") {
        throw invalidParameter(
          `The provided target group ${TargetGroupArn} has target type ${TargetType}, which is incompatible with the awsvpc network mode specified in the task definition.`,
        );
      }
      if (LoadBalancerArns.length === 0) {
        throw invalidParameter(
          `The target group with targetGroupArn ${TargetGroupArn} does not have an associated load balancer.`,
        );
      }
    }
  }
  return checked;
}

function checkCount(desiredCount: number): number {
  if (desiredCount < 0 || desiredCount > COUNT_MAX)
    throw invalidParameter(`desiredCount must be between 0 and ${COUNT_MAX}.`);
  return desiredCount;
}

function checkGrace(seconds: number | undefined, balancers: readonly LoadBalancer[]): number | undefined {
  if (seconds === undefined) return undefined;
  if (balancers.length === 0 && seconds > 0) {
    throw invalidParameter("Health check grace period is only valid for services configured to use load balancers");
  }
  if (seconds < 0 || seconds > GRACE_SECONDS_MAX)
    throw invalidParameter("healthCheckGracePeriodSeconds is out of range.");
  return seconds;
}

const callerOf = ({ principal }: OperationContext): string => ("arn" in principal ? principal.arn : "ecs");

/**
 * Creates a service. Errors: InvalidParameterException, ClusterNotFoundException, ClientException, and elbv2's of target groups.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
 */
export function createService(
  tx: Transaction,
  input: CreateServiceCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "CreateService"> {
  const cluster = clusterOf(tx, context, input.cluster);
  const name = input.serviceName ?? "";
  if (!NAME.test(name))
    throw invalidParameter("Service name can have up to 255 letters, numbers, hyphens and underscores.");
  const place = serviceKey(context, cluster.name, name);
  const existing = Services.get(tx, place);
  if (existing && existing.status !== "INACTIVE") {
    if (existing.status === "DRAINING") throw invalidParameter("Unable to Start a service that is still Draining.");
    if (input.clientToken !== undefined && existing.clientToken === input.clientToken) {
      return { service: describeService(tx, existing) };
    }
    throw notIdempotent();
  }
  if (input.taskDefinition === undefined) throw invalidParameter("TaskDefinition can not be blank.");
  const definition = activeDefinition(tx, context, input.taskDefinition);
  if ((input.schedulingStrategy ?? "REPLICA") !== "REPLICA") {
    throw invalidParameter("The DAEMON scheduling strategy is not supported on Fargate.");
  }
  if ((input.deploymentController?.type ?? "ECS") !== "ECS") {
    throw notImplemented(`the deployment controller ${input.deploymentController!.type}`);
  }
  if (input.enableExecuteCommand)
    throw notImplemented("enableExecuteCommand: containers of tasks are entered with the engine's own exec");
  const strategy = chosenStrategy(input, cluster);
  const networkConfiguration = checkNetwork(input.networkConfiguration);
  const loadBalancers = checkBalancers(input.loadBalancers, definition, context);
  const gracePeriodSeconds = checkGrace(input.healthCheckGracePeriodSeconds, loadBalancers);
  checkTags(input.tags);
  const deployment = newDeployment(context, definition, networkConfiguration, platformVersionOf(input.platformVersion));
  const service: ServiceRecord = {
    accountId: context.accountId,
    region: context.region,
    name,
    cluster: cluster.name,
    status: "ACTIVE",
    desiredCount: checkCount(input.desiredCount ?? 1),
    createdMs: context.nowMs,
    createdBy: callerOf(context),
    ...(strategy.length > 0 ? {} : { launchType: "FARGATE" as const }),
    strategy,
    loadBalancers,
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    deploymentSettings: settingsOf(input.deploymentConfiguration),
    propagateTags: input.propagateTags ?? "NONE",
    managedTags: input.enableECSManagedTags ?? false,
    tags: input.tags ?? [],
    deployments: [deployment],
    events: [],
    ...(input.clientToken === undefined ? {} : { clientToken: input.clientToken }),
    steady: false,
    failures: 0,
    startNotBeforeMs: 0,
  };
  Services.put(tx, place, service);
  announce(tx, service, deployment);
  return { service: describeService(tx, service) };
}

function newDeployment(
  context: OperationContext,
  { shape }: Definition,
  networkConfiguration: DeploymentRecord["networkConfiguration"],
  platformVersion: string,
): DeploymentRecord {
  const id = newDeploymentId(context);
  return {
    id,
    status: "PRIMARY",
    taskDefinition: definitionArn(context, shape.family!, shape.revision!),
    createdMs: context.nowMs,
    updatedMs: context.nowMs,
    failedTasks: 0,
    rolloutState: "IN_PROGRESS",
    rolloutStateReason: `ECS deployment ${id} in progress.`,
    networkConfiguration,
    platformVersion,
  };
}

function announce(tx: Transaction, service: ServiceRecord, { id, rolloutStateReason }: DeploymentRecord): void {
  const ref = refOfService(service);
  tx.emit({ type: SERVICE_DUE, detail: ref });
  tx.emit({
    type: DEPLOYMENT_CHANGED,
    detail: { ...ref, id, name: "SERVICE_DEPLOYMENT_IN_PROGRESS", reason: rolloutStateReason },
  });
}

/**
 * Changes a service; what its tasks are made of begins a new deployment.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
 */
export function updateService(
  tx: Transaction,
  input: UpdateServiceCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "UpdateService"> {
  const service = serviceOf(tx, context, input.cluster, input.service);
  if (service.status !== "ACTIVE") throw serviceNotActive();
  if ((input.deploymentController?.type ?? "ECS") !== "ECS") {
    throw notImplemented(`the deployment controller ${input.deploymentController!.type}`);
  }
  if (input.enableExecuteCommand)
    throw notImplemented("enableExecuteCommand: containers of tasks are entered with the engine's own exec");
  const [primary] = service.deployments as readonly [DeploymentRecord];
  const wanted = input.taskDefinition ?? primary.taskDefinition;
  const replaces =
    input.forceNewDeployment === true ||
    input.taskDefinition !== undefined ||
    input.networkConfiguration !== undefined ||
    input.platformVersion !== undefined ||
    input.capacityProviderStrategy !== undefined ||
    input.loadBalancers !== undefined;
  const definition = replaces ? activeDefinition(tx, context, wanted) : undefined;
  const loadBalancers = definition
    ? input.loadBalancers === undefined
      ? service.loadBalancers
      : checkBalancers(input.loadBalancers, definition, context)
    : service.loadBalancers;
  const strategy = input.capacityProviderStrategy ? checkStrategy(input.capacityProviderStrategy) : service.strategy;
  const gracePeriodSeconds =
    checkGrace(input.healthCheckGracePeriodSeconds, loadBalancers) ?? service.gracePeriodSeconds;
  const { launchType: _, ...rest } = service;
  let changed: ServiceRecord = {
    ...rest,
    ...(strategy.length > 0 ? {} : { launchType: "FARGATE" as const }),
    desiredCount: input.desiredCount === undefined ? service.desiredCount : checkCount(input.desiredCount),
    strategy,
    loadBalancers,
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    deploymentSettings: settingsOf(input.deploymentConfiguration, service.deploymentSettings),
    propagateTags: input.propagateTags ?? service.propagateTags,
    managedTags: input.enableECSManagedTags ?? service.managedTags,
  };
  const deployment =
    definition &&
    newDeployment(
      context,
      definition,
      input.networkConfiguration ? checkNetwork(input.networkConfiguration) : primary.networkConfiguration,
      input.platformVersion === undefined ? primary.platformVersion : platformVersionOf(input.platformVersion),
    );
  if (deployment) {
    const older = service.deployments
      .map((one): DeploymentRecord => ({ ...one, status: "ACTIVE" }))
      // What never got a task is not waited for.
      .filter(
        (one) => tasksOf(tx, service).some((task) => task.startedBy === one.id) || one.rolloutState === "COMPLETED",
      );
    changed = { ...changed, deployments: [deployment, ...older], failures: 0, startNotBeforeMs: 0, steady: false };
  }
  Services.put(tx, serviceKey(context, service.cluster, service.name), changed);
  if (deployment) announce(tx, changed, deployment);
  else tx.emit({ type: SERVICE_DUE, detail: refOfService(changed) });
  return { service: describeService(tx, changed) };
}

/** A service with tasks wanted is deleted by force alone. @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html */
export function deleteService(
  tx: Transaction,
  input: DeleteServiceCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "DeleteService"> {
  const service = serviceOf(tx, context, input.cluster, input.service);
  if (service.desiredCount > 0 && !input.force) {
    throw invalidParameter("The service cannot be stopped while it is scaled above 0.");
  }
  const status = tasksOf(tx, service).length === 0 ? "INACTIVE" : "DRAINING";
  const deleted: ServiceRecord = { ...service, status, desiredCount: 0 };
  Services.put(tx, serviceKey(context, service.cluster, service.name), deleted);
  tx.emit({ type: SERVICE_DUE, detail: refOfService(deleted) });
  return { service: describeService(tx, { ...deleted, status: "DRAINING" }) };
}

const tasksOf = (tx: Transaction, service: ServiceRecord): TaskRecord[] =>
  tasksOfGroup(tx, service, service.cluster, `service:${service.name}`);

const isPending = ({ lastStatus, desiredStatus }: TaskRecord): boolean =>
  desiredStatus === "RUNNING" && ["PROVISIONING", "PENDING", "ACTIVATING"].includes(lastStatus);
const isRunning = ({ lastStatus }: TaskRecord): boolean => lastStatus === "RUNNING";

export function describeService(tx: Transaction, service: ServiceRecord, includeTags = true): Service {
  const tasks = tasksOf(tx, service);
  const { deploymentSettings: settings } = service;
  const [primary] = service.deployments as readonly [DeploymentRecord];
  const platform = (version: string) => (version === "LATEST" ? PLATFORM_VERSION : version);
  const common = {
    ...(service.launchType ? { launchType: service.launchType } : {}),
    ...(service.strategy.length > 0 ? { capacityProviderStrategy: [...service.strategy] } : {}),
  };
  return {
    serviceArn: serviceArn(service, service.cluster, service.name),
    serviceName: service.name,
    clusterArn: clusterArn(service, service.cluster),
    loadBalancers: [...service.loadBalancers],
    serviceRegistries: [],
    status: service.status,
    desiredCount: service.desiredCount,
    runningCount: tasks.filter(isRunning).length,
    pendingCount: tasks.filter(isPending).length,
    ...common,
    platformVersion: primary.platformVersion,
    platformFamily: "Linux",
    taskDefinition: primary.taskDefinition,
    deploymentConfiguration: {
      deploymentCircuitBreaker: { ...settings.circuitBreaker },
      maximumPercent: settings.maximumPercent,
      minimumHealthyPercent: settings.minimumHealthyPercent,
      strategy: "ROLLING",
      bakeTimeInMinutes: 0,
    },
    deployments: service.deployments.map((deployment) => {
      const own = tasks.filter(({ startedBy }) => startedBy === deployment.id);
      return {
        id: deployment.id,
        status: deployment.status,
        taskDefinition: deployment.taskDefinition,
        desiredCount:
          deployment.status === "PRIMARY"
            ? service.desiredCount
            : own.filter(({ desiredStatus }) => desiredStatus === "RUNNING").length,
        pendingCount: own.filter(isPending).length,
        runningCount: own.filter(isRunning).length,
        failedTasks: deployment.failedTasks,
        createdAt: new Date(deployment.createdMs),
        updatedAt: new Date(deployment.updatedMs),
        ...common,
        platformVersion: platform(deployment.platformVersion),
        platformFamily: "Linux",
        networkConfiguration: deployment.networkConfiguration,
        rolloutState: deployment.rolloutState,
        rolloutStateReason: deployment.rolloutStateReason,
      };
    }),
    events: service.events.map(({ id, createdMs, message }) => ({ id, createdAt: new Date(createdMs), message })),
    createdAt: new Date(service.createdMs),
    placementConstraints: [],
    placementStrategy: [],
    networkConfiguration: primary.networkConfiguration,
    ...(service.gracePeriodSeconds === undefined && service.loadBalancers.length === 0
      ? {}
      : { healthCheckGracePeriodSeconds: service.gracePeriodSeconds ?? 0 }),
    schedulingStrategy: "REPLICA",
    deploymentController: { type: "ECS" },
    createdBy: service.createdBy,
    enableECSManagedTags: service.managedTags,
    propagateTags: service.propagateTags,
    enableExecuteCommand: false,
    availabilityZoneRebalancing: "DISABLED",
    ...(includeTags && service.tags.length > 0 ? { tags: [...service.tags] } : {}),
  };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html */
export function describeServices(
  tx: Transaction,
  input: DescribeServicesCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "DescribeServices"> {
  const cluster = clusterOf(tx, context, input.cluster);
  const references = input.services ?? [];
  if (references.length === 0) throw invalidParameter("Services cannot be empty.");
  if (references.length > DESCRIBE_MAX)
    throw invalidParameter(`Services cannot have more than ${DESCRIBE_MAX} elements.`);
  const services: Service[] = [];
  const failures: { arn: string; reason: string }[] = [];
  for (const reference of references) {
    const name = serviceNameOf(reference);
    const found = Services.get(tx, serviceKey(context, cluster.name, name));
    if (found) services.push(describeService(tx, found, input.include?.includes("TAGS")));
    else failures.push({ arn: serviceArn(context, cluster.name, name), reason: "MISSING" });
  }
  return { services, failures };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServices.html */
export function listServices(
  tx: Transaction,
  input: ListServicesCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "ListServices"> {
  const cluster = clusterOf(tx, context, input.cluster);
  const { start, end } = keysUnder("ecs", context.accountId, context.region, "service", cluster.name);
  const other = (input.launchType ?? "FARGATE") !== "FARGATE" || (input.schedulingStrategy ?? "REPLICA") !== "REPLICA";
  const arns = other
    ? []
    : [...Services.range(tx, start, end)]
        .filter(([, { status }]) => status !== "INACTIVE")
        .map(([, { name }]) => serviceArn(context, cluster.name, name));
  const { items, nextToken } = page(arns, { maxResults: input.maxResults ?? LIST_DEFAULT, nextToken: input.nextToken });
  return { serviceArns: [...items], ...(nextToken ? { nextToken } : {}) };
}
