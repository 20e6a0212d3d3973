/**
 * Amazon ECS on the Fargate launch type: clusters, task definitions, tasks and services. Tasks are run by a port (`ports.ts`).
 *
 * `state.ts` says what is kept; `clusters.ts`, `definitions.ts`, `run.ts`, `tasks.ts`, `services.ts` and `tags.ts` hold the operations; `fargate.ts` what Fargate
 * takes. `schedule.ts` decides what a service's tasks should be and `reconcile.ts` carries it out; `machine.ts` stands between store and machine;
 * `balancing.ts` between services and load balancers. `agent.ts` answers to tasks.
 */
import { arn } from "../../kernel/arn.ts";
import { defineService, type OperationContext, type Permission, type Service } from "../service.ts";
import { fronts } from "./agent.ts";
import { BALANCER_DUE, look, TARGETS_WANTED, wake } from "./balancing.ts";
import { DEPLOYMENT_CHANGED, tellDeployment, tellTask } from "./changes.ts";
import {
  createCluster,
  deleteCluster,
  describeClusters,
  listClusters,
  putClusterCapacityProviders,
  updateCluster,
} from "./clusters.ts";
import {
  deleteTaskDefinitions,
  deregisterTaskDefinition,
  describeTaskDefinition,
  listTaskDefinitionFamilies,
  listTaskDefinitions,
  registerTaskDefinition,
} from "./definitions.ts";
import { targetNotConnected } from "./errors.ts";
import { Machine, TASK_JOINING, TASK_OVER } from "./machine.ts";
import { clusterArn, clusterNameOf, serviceArn, serviceNameOf, taskIdOf } from "./names.ts";
import type { EcsPorts } from "./ports.ts";
import { reconcile } from "./reconcile.ts";
import { resources } from "./resources.ts";
import { forgetRun, RUN_FORGOTTEN, runTask } from "./run.ts";
import { createService, deleteService, describeServices, listServices, updateService } from "./services.ts";
import { SERVICE_DUE } from "./state.ts";
import { listTagsForResource, tagResource, untagResource } from "./tags.ts";
import {
  describeTasks,
  forgetTask,
  listTasks,
  stopTask,
  TASK_CHANGED,
  TASK_ENDING,
  TASK_FORGOTTEN,
  TASK_PLACED,
} from "./tasks.ts";
import { meter, USAGE_DUE } from "./usage.ts";

type Where = Pick<OperationContext, "accountId" | "region">;
interface Clustered {
  readonly cluster?: string | undefined;
}

/** Tasks being placed or ended at once. */
const TASKS_AT_ONCE = 64;

const named = (reference: string | undefined, name: (reference: string | undefined) => string): string => {
  try {
    return name(reference);
  } catch {
    // Input that names nothing is refused by the operation itself.
    return "*";
  }
};

const onCluster =
  (action: string) =>
  (input: { cluster?: string | undefined; clusterName?: string | undefined }, at: Where): Permission => ({
    action: `ecs:${action}`,
    resource: clusterArn(at, named(input.cluster ?? input.clusterName, clusterNameOf)),
  });

const onService =
  (action: string) =>
  (input: Clustered & { service?: string | undefined; serviceName?: string | undefined }, at: Where): Permission => ({
    action: `ecs:${action}`,
    resource: serviceArn(
      at,
      named(input.cluster, clusterNameOf),
      serviceNameOf(input.service ?? input.serviceName ?? "*"),
    ),
  });

const onTask =
  (action: string) =>
  (input: Clustered & { task?: string | undefined }, { accountId, region }: Where): Permission => ({
    action: `ecs:${action}`,
    resource: arn(
      "ecs",
      region,
      accountId,
      `task/${named(input.cluster, clusterNameOf)}/${taskIdOf(input.task ?? "*")}`,
    ),
  });

const onResource =
  (action: string) =>
  (input: { readonly resourceArn?: string | undefined }): Permission => ({
    action: `ecs:${action}`,
    resource: input.resourceArn ?? "*",
  });

/** Whoever gives tasks a role must be allowed to. */
const passing = (...roles: readonly (string | undefined)[]): Permission[] =>
  roles
    .filter((role) => role !== undefined)
    .map((role) => ({
      action: "iam:PassRole",
      resource: role,
      conditions: { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
    }));

const CONTAINERS = [
  "repositoryCredentials",
  "restartPolicy",
  "environmentFiles[]",
  "volumesFrom[]",
  "versionConsistency",
  "resourceRequirements[]",
  "firelensConfiguration",
  "credentialSpecs[]",
  "portMappings[].containerPortRange",
  "portMappings[].appProtocol",
  "linuxParameters.devices[]",
  "extraHosts[]",
].map((member) => `containerDefinitions[].${member}`);

const DEPLOYMENTS = [
  "alarms",
  "lifecycleHooks[]",
  "linearConfiguration",
  "canaryConfiguration",
  "earlySuccessCriteria",
  "deploymentCircuitBreaker.resetOnHealthyTask",
  "deploymentCircuitBreaker.thresholdConfiguration",
].map((member) => `deploymentConfiguration.${member}`);

const SERVICES = [
  ...DEPLOYMENTS,
  "loadBalancers[].advancedConfiguration",
  "serviceRegistries[]",
  "placementConstraints[]",
  "placementStrategy[]",
  "serviceConnectConfiguration",
  "volumeConfigurations[]",
  "vpcLatticeConfigurations[]",
  "gatewayConnectors[]",
  "monitoring",
  "availabilityZoneRebalancing",
];

const CLUSTERS = ["configuration", "serviceConnectDefaults"];

export function createEcs(ports: EcsPorts): Service<"ecs"> {
  const machine = new Machine(ports);
  return defineService<"ecs">({
    name: "ecs",
    operations: {
      CreateCluster: createCluster,
      CreateService: createService,
      DeleteCluster: deleteCluster,
      DeleteService: deleteService,
      DeleteTaskDefinitions: deleteTaskDefinitions,
      DeregisterTaskDefinition: deregisterTaskDefinition,
      DescribeClusters: describeClusters,
      DescribeServices: describeServices,
      DescribeTaskDefinition: describeTaskDefinition,
      DescribeTasks: describeTasks,
      /** Refused in AWS's own words: nothing here enables it. */
      ExecuteCommand: () => {
        throw targetNotConnected();
      },
      ListClusters: listClusters,
      ListServices: listServices,
      ListTagsForResource: listTagsForResource,
      ListTaskDefinitionFamilies: listTaskDefinitionFamilies,
      ListTaskDefinitions: listTaskDefinitions,
      ListTasks: listTasks,
      PutClusterCapacityProviders: putClusterCapacityProviders,
      RegisterTaskDefinition: registerTaskDefinition,
      StopTask: stopTask,
      TagResource: tagResource,
      UntagResource: untagResource,
      UpdateCluster: updateCluster,
      UpdateClusterSettings: updateCluster,
      UpdateService: updateService,
    },
    flows: { RunTask: runTask(() => machine.host) },
    unsupported: {
      CreateCluster: CLUSTERS,
      UpdateCluster: CLUSTERS,
      RegisterTaskDefinition: [
        ...CONTAINERS,
        "volumes[].dockerVolumeConfiguration",
        "volumes[].efsVolumeConfiguration",
        "volumes[].s3filesVolumeConfiguration",
        "volumes[].fsxWindowsFileServerVolumeConfiguration",
        "volumes[].configuredAtLaunch",
        "placementConstraints[]",
        "pidMode",
        "ipcMode",
        "proxyConfiguration",
        "inferenceAccelerators[]",
        "ephemeralStorage",
        "enableFaultInjection",
      ],
      RunTask: [
        "overrides.containerOverrides[].environmentFiles[]",
        "overrides.containerOverrides[].resourceRequirements[]",
        "overrides.inferenceAcceleratorOverrides[]",
        "overrides.ephemeralStorage",
        "placementConstraints[]",
        "placementStrategy[]",
        "volumeConfigurations[]",
        "referenceId",
        "enableExecuteCommand",
      ],
      CreateService: [...SERVICES, "role"],
      UpdateService: SERVICES,
      ListServices: ["resourceManagementType"],
      ListTasks: ["containerInstance", "daemonName"],
    },
    permissions: {
      CreateService: onService("CreateService"),
      DeleteCluster: onCluster("DeleteCluster"),
      DeleteService: onService("DeleteService"),
      DescribeServices: ({ services = [], cluster }, at) =>
        services.map((service) => onService("DescribeServices")({ service, cluster }, at)),
      DescribeTasks: ({ tasks = [], cluster }, at) =>
        tasks.map((task) => onTask("DescribeTasks")({ task, cluster }, at)),
      ExecuteCommand: onTask("ExecuteCommand"),
      ListTagsForResource: onResource("ListTagsForResource"),
      PutClusterCapacityProviders: onCluster("PutClusterCapacityProviders"),
      RegisterTaskDefinition: ({ taskRoleArn, executionRoleArn }) => [
        { action: "ecs:RegisterTaskDefinition", resource: "*" },
        ...passing(taskRoleArn, executionRoleArn),
      ],
      RunTask: ({ taskDefinition = "", overrides }, { accountId, region }) => [
        {
          action: "ecs:RunTask",
          resource: taskDefinition.startsWith("arn:")
            ? taskDefinition
            : arn(
                "ecs",
                region,
                accountId,
                `task-definition/${taskDefinition}${taskDefinition.includes(":") ? "" : ":*"}`,
              ),
        },
        ...passing(overrides?.taskRoleArn, overrides?.executionRoleArn),
      ],
      StopTask: onTask("StopTask"),
      TagResource: onResource("TagResource"),
      UntagResource: onResource("UntagResource"),
      UpdateCluster: onCluster("UpdateCluster"),
      UpdateClusterSettings: onCluster("UpdateClusterSettings"),
      UpdateService: onService("UpdateService"),
    },
    hears: {
      [BALANCER_DUE]: { flow: look },
      [DEPLOYMENT_CHANGED]: { flow: tellDeployment },
      [RUN_FORGOTTEN]: { operation: forgetRun },
      [SERVICE_DUE]: { operation: reconcile },
      [TARGETS_WANTED]: { flow: wake },
      [TASK_CHANGED]: { flow: tellTask },
      [TASK_ENDING]: { flow: (flow, ref) => machine.end(flow, ref), concurrency: TASKS_AT_ONCE },
      [TASK_FORGOTTEN]: { operation: forgetTask },
      [TASK_JOINING]: { flow: (flow, ref) => machine.join(flow, ref) },
      [TASK_OVER]: { flow: (flow, ref) => machine.bury(flow, ref) },
      [TASK_PLACED]: { flow: (flow, ref) => machine.place(flow, ref), concurrency: TASKS_AT_ONCE },
      [USAGE_DUE]: { operation: meter.count, untraced: true },
    },
    fronts,
    resources,
    start: (flow) => machine.open(flow),
  });
}
