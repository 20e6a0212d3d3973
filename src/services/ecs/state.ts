/**
 * What ECS keeps.
 *
 *     ("ecs")                                                         → Instance: whose containers are this data's
 *     ("ecs", account, region, "cluster", name)                       → Cluster
 *     ("ecs", account, region, "family", family)                      → Family: the latest revision
 *     ("ecs", account, region, "definition", family, revision)        → Definition
 *     ("ecs", account, region, "service", cluster, name)              → Service, its deployments and latest events
 *     ("ecs", account, region, "task", cluster, taskId)               → Task, until an hour after its end
 *     ("ecs", account, region, "group", cluster, group, taskId)       → 0, while the task lives
 *     ("ecs", account, region, "run", cluster, clientToken)           → Run: which tasks a RunTask has started, for a day
 *     ("ecs-live", taskId)                                            → Place of the task, while it lives
 *
 * A task that lives is in two indexes: by its service's group, for the scheduler; by its id alone, for reports of the machine.
 */
import type {
  CapacityProviderStrategyItem,
  ClusterSetting,
  Deployment as DeploymentShape,
  LoadBalancer,
  NetworkConfiguration,
  Tag,
  TaskDefinition,
  TaskOverride,
} from "@aws-sdk/client-ecs";
import type { AccountId, Region } from "../../kernel/arn.ts";
import { type Key, key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";

export interface Place {
  readonly accountId: AccountId;
  readonly region: Region;
}

export interface Instance {
  readonly id: string;
}
export const Instances = defineRecord<Instance>("ecs.Instance", 1);
export const instanceKey = (): Key => key("ecs");

export interface ClusterRecord {
  readonly name: string;
  readonly status: "ACTIVE" | "INACTIVE";
  readonly settings: readonly ClusterSetting[];
  readonly capacityProviders: readonly string[];
  readonly defaultStrategy: readonly CapacityProviderStrategyItem[];
  readonly tags: readonly Tag[];
}
export const Clusters = defineRecord<ClusterRecord>("ecs.Cluster", 1);
export const clusterKey = ({ accountId, region }: Place, name: string): Key =>
  key("ecs", accountId, region, "cluster", name);

export interface Family {
  readonly latest: number;
}
export const Families = defineRecord<Family>("ecs.Family", 1);
export const familyKey = ({ accountId, region }: Place, family: string): Key =>
  key("ecs", accountId, region, "family", family);

export interface Definition {
  /** As it is answered, but for its times. */
  readonly shape: Omit<TaskDefinition, "registeredAt" | "deregisteredAt" | "deleteRequestedAt">;
  readonly registeredMs: number;
  readonly deregisteredMs?: number;
  readonly tags: readonly Tag[];
}
export const Definitions = defineRecord<Definition>("ecs.Definition", 1);
export const definitionKey = ({ accountId, region }: Place, family: string, revision: number): Key =>
  key("ecs", accountId, region, "definition", family, revision);

export interface DeploymentRecord {
  /** `ecs-svc/1234567890123456789` */
  readonly id: string;
  readonly status: "PRIMARY" | "ACTIVE";
  readonly taskDefinition: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  /** Tasks that ended before they were of use, since the last that was. */
  readonly failedTasks: number;
  readonly rolloutState: NonNullable<DeploymentShape["rolloutState"]>;
  readonly rolloutStateReason: string;
  readonly networkConfiguration: NetworkConfiguration;
  readonly platformVersion: string;
  /** It brings back what ran before another one failed. */
  readonly rollback?: boolean;
}

export interface DeploymentSettings {
  readonly maximumPercent: number;
  readonly minimumHealthyPercent: number;
  readonly circuitBreaker: { readonly enable: boolean; readonly rollback: boolean };
}

export interface ServiceRecord extends Place {
  readonly name: string;
  readonly cluster: string;
  readonly status: "ACTIVE" | "DRAINING" | "INACTIVE";
  readonly desiredCount: number;
  readonly createdMs: number;
  readonly createdBy: string;
  /** Absent when a capacity provider strategy was given. */
  readonly launchType?: "FARGATE";
  readonly strategy: readonly CapacityProviderStrategyItem[];
  readonly loadBalancers: readonly LoadBalancer[];
  readonly gracePeriodSeconds?: number;
  readonly deploymentSettings: DeploymentSettings;
  readonly propagateTags: "NONE" | "SERVICE" | "TASK_DEFINITION";
  readonly managedTags: boolean;
  readonly tags: readonly Tag[];
  /** The primary one first. */
  readonly deployments: readonly DeploymentRecord[];
  /** The latest first. */
  readonly events: readonly { readonly id: string; readonly createdMs: number; readonly message: string }[];
  readonly clientToken?: string;
  /** "has reached a steady state" was said, and is still so. */
  readonly steady: boolean;
  /** Tasks that ended by themselves, one after the other: the next start waits. */
  readonly failures: number;
  readonly startNotBeforeMs: number;
  /** Its load balancers are asked about its tasks from time to time. */
  readonly looking?: boolean;
  /** When the scheduler looks again by itself. */
  readonly dueMs?: number;
}
export const Services = defineRecord<ServiceRecord>("ecs.Service", 1);
export const serviceKey = ({ accountId, region }: Place, cluster: string, name: string): Key =>
  key("ecs", accountId, region, "service", cluster, name);

export type TaskStatus =
  | "PROVISIONING"
  | "PENDING"
  | "ACTIVATING"
  | "RUNNING"
  | "DEACTIVATING"
  | "STOPPING"
  | "DEPROVISIONING"
  | "STOPPED";

export interface TaskContainerRecord {
  readonly name: string;
  readonly image: string;
  readonly lastStatus: "PENDING" | "RUNNING" | "STOPPED";
  readonly runtimeId?: string;
  readonly imageDigest?: string;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly healthStatus: "UNKNOWN" | "HEALTHY" | "UNHEALTHY";
  readonly cpu: string;
  readonly memory?: string;
  readonly memoryReservation?: string;
}

export interface TaskRecord extends Place {
  readonly id: string;
  readonly cluster: string;
  readonly definition: { readonly family: string; readonly revision: number };
  /** `service:NAME`, `family:NAME`, or what RunTask was given. */
  readonly group: string;
  readonly startedBy?: string;
  readonly overrides: TaskOverride;
  readonly cpu: string;
  readonly memory: string;
  readonly launchType?: "FARGATE";
  readonly capacityProvider?: "FARGATE" | "FARGATE_SPOT";
  readonly platformVersion: string;
  readonly networkConfiguration: NetworkConfiguration;
  readonly desiredStatus: "RUNNING" | "STOPPED";
  readonly lastStatus: TaskStatus;
  readonly version: number;
  readonly createdMs: number;
  readonly startedMs?: number;
  readonly pullStartedMs?: number;
  readonly pullStoppedMs?: number;
  readonly stoppingMs?: number;
  readonly executionStoppedMs?: number;
  readonly stoppedMs?: number;
  readonly stopCode?: "EssentialContainerExited" | "TaskFailedToStart" | "UserInitiated" | "ServiceSchedulerInitiated";
  readonly stoppedReason?: string;
  readonly containers: readonly TaskContainerRecord[];
  readonly attachmentId: string;
  readonly address?: string;
  readonly macAddress?: string;
  readonly published: Readonly<Record<string, number>>;
  readonly tags: readonly Tag[];
  /** The path under which its role's credentials are told: knowing it is being the task. */
  readonly credentialsId: string;
  /** Registered with its service's load balancers. */
  readonly balanced: boolean;
  /** What a load balancer says of it. */
  readonly balancerHealth?: "healthy" | "unhealthy" | "initial";
  /** Usage is counted up to here. */
  readonly meteredMs?: number;
}
export const Tasks = defineRecord<TaskRecord>("ecs.Task", 1);
export const taskKey = ({ accountId, region }: Place, cluster: string, id: string): Key =>
  key("ecs", accountId, region, "task", cluster, id);
export const groupKey = ({ accountId, region }: Place, cluster: string, group: string, id: string): Key =>
  key("ecs", accountId, region, "group", cluster, group, id);

/** A RunTask that may be asked again. */
export interface Run {
  /** What was asked for, but for the token itself. */
  readonly request: string;
  readonly taskIds: readonly string[];
}
export const Runs = defineRecord<Run>("ecs.Run", 1);
export const runKey = ({ accountId, region }: Place, cluster: string, clientToken: string): Key =>
  key("ecs", accountId, region, "run", cluster, clientToken);

export interface LiveTask extends Place {
  readonly cluster: string;
}
export const LiveTasks = defineRecord<LiveTask>("ecs.LiveTask", 1);
export const liveKey = (id: string): Key => key("ecs-live", id);

/** Emitted when a service, or one of its tasks, may want something done. */
export const SERVICE_DUE = "ecs.ServiceDue";

/** A task's place and name, as events carry it. */
export interface TaskRef extends Place {
  readonly cluster: string;
  readonly id: string;
}
export interface ServiceRef extends Place {
  readonly cluster: string;
  readonly service: string;
}
