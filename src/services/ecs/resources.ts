/** AWS::ECS::Cluster, AWS::ECS::TaskDefinition and AWS::ECS::Service. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ECS.html */
import type { Deployment, Tag } from "@aws-sdk/client-ecs";
import { sleep } from "../../kernel/clock.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { PropertySpec, ResourceContext, ResourceProperties, ResourceType } from "../resources.ts";

const TAGS: PropertySpec = [{ object: { Key: "string", Value: "string" } }];
const NAMED_VALUE: PropertySpec = { object: { Name: "string", Value: "string" } };

/** How long CloudFormation waits for a service to become steady. */
const STEADY_MS_MAX = 3 * 60 * 60_000;
const POLL_MS_MIN = 250;
const POLL_MS_MAX = 10_000;

/** Properties whose keys are the template's own. */
const FREE = new Set(["DockerLabels", "Options"]);

/** The API's names: as CloudFormation's, but for the first letter. */
function lower(value: unknown): any {
  if (Array.isArray(value)) return value.map(lower);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.charAt(0).toLowerCase() + name.slice(1),
      FREE.has(name) ? member : lower(member),
    ]),
  );
}

function tagsOf(context: ResourceContext, properties: ResourceProperties): Tag[] {
  const own = Object.fromEntries(
    ((properties.Tags ?? []) as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]),
  );
  return Object.entries({ ...context.tags, ...own }).map(([key, value]) => ({ key, value }));
}

async function retag(context: ResourceContext, resourceArn: string, properties: ResourceProperties): Promise<void> {
  const wanted = tagsOf(context, properties);
  const { tags = [] } = await context.call("ecs", "ListTagsForResource", { resourceArn });
  const dropped = tags.map(({ key }) => key!).filter((key) => !wanted.some((tag) => tag.key === key));
  if (dropped.length > 0) await context.call("ecs", "UntagResource", { resourceArn, tagKeys: dropped });
  if (wanted.length > 0) await context.call("ecs", "TagResource", { resourceArn, tags: wanted });
}

const unless =
  (...codes: string[]) =>
  (error: unknown): undefined => {
    if (error instanceof AwsError && codes.includes(error.code)) return undefined;
    throw error;
  };

const STRATEGY: PropertySpec = [{ object: { CapacityProvider: "string", Base: "integer", Weight: "integer" } }];

const cluster: ResourceType = {
  properties: {
    ClusterName: "string",
    ClusterSettings: [NAMED_VALUE],
    CapacityProviders: ["string"],
    DefaultCapacityProviderStrategy: STRATEGY,
    Tags: TAGS,
  },
  replacement: ["ClusterName"],
  nameProperty: "ClusterName",
  attributes: ["Arn"],
  async create(context, properties) {
    const clusterName = properties.ClusterName ?? context.physicalName(255);
    const { cluster } = await context.call("ecs", "CreateCluster", {
      clusterName,
      settings: lower(properties.ClusterSettings),
      capacityProviders: properties.CapacityProviders,
      defaultCapacityProviderStrategy: lower(properties.DefaultCapacityProviderStrategy),
      tags: tagsOf(context, properties),
    });
    return { id: clusterName, attributes: { Arn: cluster!.clusterArn! } };
  },
  async update(context, id, properties) {
    const { cluster } = await context.call("ecs", "UpdateCluster", {
      cluster: id,
      settings: lower(properties.ClusterSettings) ?? [{ name: "containerInsights", value: "disabled" }],
    });
    await context.call("ecs", "PutClusterCapacityProviders", {
      cluster: id,
      capacityProviders: properties.CapacityProviders ?? [],
      defaultCapacityProviderStrategy: lower(properties.DefaultCapacityProviderStrategy ?? []),
    });
    await retag(context, cluster!.clusterArn!, properties);
    return { id, attributes: { Arn: cluster!.clusterArn! } };
  },
  async delete(context, id) {
    // Tasks of a service that was deleted may still be ending.
    for (let waitedMs = 0; ; waitedMs += POLL_MS_MIN) {
      try {
        await context.call("ecs", "DeleteCluster", { cluster: id });
        return;
      } catch (error) {
        if (error instanceof AwsError && error.code === "ClusterNotFoundException") return;
        const busy = error instanceof AwsError && /^ClusterContains/.test(error.code);
        if (!busy || waitedMs >= 150_000) throw error;
        await sleep(context.clock, POLL_MS_MIN, context.signal);
        if (context.signal.aborted) throw error;
      }
    }
  },
};

const CONTAINER: PropertySpec = {
  object: {
    Name: "string",
    Image: "string",
    Cpu: "integer",
    Memory: "integer",
    MemoryReservation: "integer",
    Essential: "boolean",
    EntryPoint: ["string"],
    Command: ["string"],
    Environment: [NAMED_VALUE],
    Secrets: [{ object: { Name: "string", ValueFrom: "string" } }],
    PortMappings: [
      {
        object: {
          ContainerPort: "integer",
          HostPort: "integer",
          Protocol: "string",
          Name: "string",
        },
      },
    ],
    MountPoints: [{ object: { SourceVolume: "string", ContainerPath: "string", ReadOnly: "boolean" } }],
    DependsOn: [{ object: { ContainerName: "string", Condition: "string" } }],
    StartTimeout: "integer",
    StopTimeout: "integer",
    User: "string",
    WorkingDirectory: "string",
    ReadonlyRootFilesystem: "boolean",
    Privileged: "boolean",
    Interactive: "boolean",
    PseudoTerminal: "boolean",
    DockerLabels: { map: "string" },
    Ulimits: [{ object: { Name: "string", SoftLimit: "integer", HardLimit: "integer" } }],
    SystemControls: [{ object: { Namespace: "string", Value: "string" } }],
    HealthCheck: {
      object: {
        Command: ["string"],
        Interval: "integer",
        Timeout: "integer",
        Retries: "integer",
        StartPeriod: "integer",
      },
    },
    LogConfiguration: { object: { LogDriver: "string", Options: { map: "string" } } },
    LinuxParameters: {
      object: {
        InitProcessEnabled: "boolean",
        Capabilities: { object: { Add: ["string"], Drop: ["string"] } },
        Tmpfs: [{ object: { ContainerPath: "string", Size: "integer", MountOptions: ["string"] } }],
      },
    },
  },
};

const taskDefinition: ResourceType = {
  properties: {
    Family: "string",
    ContainerDefinitions: [CONTAINER],
    Cpu: "string",
    Memory: "string",
    NetworkMode: "string",
    RequiresCompatibilities: ["string"],
    ExecutionRoleArn: "string",
    TaskRoleArn: "string",
    RuntimePlatform: { object: { CpuArchitecture: "string", OperatingSystemFamily: "string" } },
    Volumes: [{ object: { Name: "string", Host: { object: { SourcePath: "string" } } } }],
    Tags: TAGS,
  },
  replacement: [
    "Family",
    "ContainerDefinitions",
    "Cpu",
    "Memory",
    "NetworkMode",
    "RequiresCompatibilities",
    "ExecutionRoleArn",
    "TaskRoleArn",
    "RuntimePlatform",
    "Volumes",
  ],
  attributes: ["TaskDefinitionArn"],
  async create(context, { Tags, ...properties }) {
    const tags = tagsOf(context, { Tags });
    const { taskDefinition } = await context.call("ecs", "RegisterTaskDefinition", {
      ...lower(properties),
      family: properties.Family ?? context.physicalName(255),
      containerDefinitions: lower(properties.ContainerDefinitions ?? []),
      ...(tags.length > 0 ? { tags } : {}),
    });
    const id = taskDefinition!.taskDefinitionArn!;
    return { id, attributes: { TaskDefinitionArn: id } };
  },
  async update(context, id, properties) {
    await retag(context, id, properties);
    return { id, attributes: { TaskDefinitionArn: id } };
  },
  async delete(context, id) {
    await context.call("ecs", "DeregisterTaskDefinition", { taskDefinition: id }).catch(unless("ClientException"));
  },
};

const service: ResourceType = {
  properties: {
    ServiceName: "string",
    Cluster: "string",
    TaskDefinition: "string",
    DesiredCount: "integer",
    LaunchType: "string",
    CapacityProviderStrategy: STRATEGY,
    PlatformVersion: "string",
    SchedulingStrategy: "string",
    DeploymentController: { object: { Type: "string" } },
    DeploymentConfiguration: {
      object: {
        MaximumPercent: "integer",
        MinimumHealthyPercent: "integer",
        DeploymentCircuitBreaker: { object: { Enable: "boolean", Rollback: "boolean" } },
      },
    },
    NetworkConfiguration: {
      object: {
        AwsvpcConfiguration: { object: { Subnets: ["string"], SecurityGroups: ["string"], AssignPublicIp: "string" } },
      },
    },
    LoadBalancers: [{ object: { TargetGroupArn: "string", ContainerName: "string", ContainerPort: "integer" } }],
    HealthCheckGracePeriodSeconds: "integer",
    PropagateTags: "string",
    EnableECSManagedTags: "boolean",
    Tags: TAGS,
  },
  required: ["TaskDefinition"],
  replacement: ["ServiceName", "Cluster", "LaunchType", "SchedulingStrategy"],
  nameProperty: "ServiceName",
  attributes: ["Name", "ServiceArn"],
  async create(context, { Tags, ...properties }) {
    const serviceName = properties.ServiceName ?? context.physicalName(255);
    const tags = tagsOf(context, { Tags });
    const { service } = await context.call("ecs", "CreateService", {
      ...lower(properties),
      serviceName,
      ...(tags.length > 0 ? { tags } : {}),
    });
    await steady(context, properties.Cluster, service!.serviceArn!, service!.deployments![0]!);
    return stateOf(service!.serviceArn!, serviceName);
  },
  async update(context, id, { Tags, ...properties }, { Tags: _, ...previous }) {
    const changed = Object.fromEntries(
      Object.entries(lower(properties)).filter(
        ([name, value]) => JSON.stringify(value) !== JSON.stringify(lower(previous)[name]),
      ),
    );
    const { service } = await context.call("ecs", "UpdateService", {
      ...changed,
      cluster: properties.Cluster,
      service: id,
    });
    await retag(context, id, { Tags });
    await steady(context, properties.Cluster, id, service!.deployments![0]!);
    return stateOf(id, id.split("/").at(-1)!);
  },
  async delete(context, id, properties) {
    const gone = unless("ServiceNotFoundException", "ClusterNotFoundException", "ServiceNotActiveException");
    await context.call("ecs", "DeleteService", { cluster: properties.Cluster, service: id, force: true }).catch(gone);
    for (let delayMs = POLL_MS_MIN, endMs = context.clock.nowMs() + STEADY_MS_MAX; ; ) {
      const found = await context
        .call("ecs", "DescribeServices", { cluster: properties.Cluster, services: [id] })
        .catch(gone);
      const status = found?.services?.[0]?.status;
      if (status === undefined || status === "INACTIVE" || context.clock.nowMs() > endMs) return;
      await sleep(context.clock, delayMs, context.signal);
      if (context.signal.aborted) throw new Error("The platform is closing");
      delayMs = Math.min(delayMs * 2, POLL_MS_MAX);
    }
  },
};

const stateOf = (id: string, name: string) => ({ id, attributes: { Name: name, ServiceArn: id } });

/** Waits until a deployment is over, as CloudFormation does. @throws AwsError when it failed or was replaced */
async function steady(
  context: ResourceContext,
  cluster: string | undefined,
  id: string,
  { id: deployment }: Deployment,
): Promise<void> {
  const endMs = context.clock.nowMs() + STEADY_MS_MAX;
  for (let delayMs = POLL_MS_MIN; ; delayMs = Math.min(delayMs * 1.5, POLL_MS_MAX)) {
    const { services } = await context.call("ecs", "DescribeServices", {
      ...(cluster ? { cluster } : {}),
      services: [id],
    });
    const found = services?.[0];
    const own = found?.deployments?.find((one) => one.id === deployment);
    if (
      own?.rolloutState === "COMPLETED" &&
      found!.deployments!.length === 1 &&
      found!.runningCount === found!.desiredCount
    )
      return;
    if (own?.rolloutState === "FAILED" || !own) {
      throw new AwsError(
        "GeneralServiceException",
        "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.",
      );
    }
    if (context.clock.nowMs() > endMs) {
      throw new AwsError("NotStabilized", `Service ${id} did not stabilize. ${found!.events?.[0]?.message ?? ""}`);
    }
    await sleep(context.clock, delayMs, context.signal);
    if (context.signal.aborted) throw new Error("The platform is closing");
  }
}

export const resources = {
  "AWS::ECS::Cluster": cluster,
  "AWS::ECS::TaskDefinition": taskDefinition,
  "AWS::ECS::Service": service,
} as const;
