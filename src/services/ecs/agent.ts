/**
 * What the container agent answers to a task at 169.254.170.2: its metadata and its role's credentials. The way there is open to running tasks
 * alone.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
 */
import { decodeKey, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, HttpFront, HttpResponse } from "../service.ts";
import { clusterArn, taskArn } from "./names.ts";
import { Definitions, definitionKey, LiveTasks, liveKey, type TaskRecord, Tasks, taskKey } from "./state.ts";

const isAgent = ({ host }: { readonly host: string }): boolean => host === "169.254.170.2";
const SESSION_SECONDS = 3600;

const answer = (body: unknown, status = 200): HttpResponse => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

function liveTask(tx: Transaction, id: string): TaskRecord | undefined {
  const place = LiveTasks.get(tx, liveKey(id));
  return place && Tasks.get(tx, taskKey(place, place.cluster, id));
}

function taskByCredentials(tx: Transaction, credentialsId: string): TaskRecord | undefined {
  const { start, end } = keysUnder("ecs-live");
  for (const [key] of LiveTasks.range(tx, start, end)) {
    const task = liveTask(tx, decodeKey(key)[1] as string);
    if (task?.credentialsId === credentialsId) return task;
  }
  return undefined;
}

const shapeOf = (tx: Transaction, { family, revision }: TaskRecord["definition"], task: TaskRecord) =>
  Definitions.get(tx, definitionKey(task, family, revision))!.shape;

export const fronts: readonly HttpFront[] = [
  {
    name: "ecs-metadata",
    untraced: true,
    when: isAgent,
    path: /^\/v4\/(?<task>[0-9a-f]{32})-(?<index>\d+)(?=\/|$)/,
    handle: metadata,
  },
  {
    name: "ecs-credentials",
    untraced: true,
    when: isAgent,
    path: /^\/v2\/credentials\/(?<id>[0-9a-f-]{36})$/,
    handle: credentials,
  },
];

async function metadata(
  flow: FlowContext,
  { path }: { readonly path: string },
  { task: id, index }: Readonly<Record<string, string>>,
): Promise<HttpResponse> {
  const found = await flow.write((tx) => {
    const task = liveTask(tx, id!);
    return task && { task, shape: shapeOf(tx, task.definition, task) };
  });
  if (!found) return answer({ message: "The task is not known." }, 404);
  const { task, shape } = found;
  const containers = task.containers.map((container, at) => containerOf(task, shape, container, at));
  if (path === "" || path === "/") {
    const own = containers[Number(index)];
    return own ? answer(own) : answer({ message: "The container is not known." }, 404);
  }
  if (path !== "/task")
    return answer({ message: `Virga does not answer ${path}: it has metadata of containers and tasks.` }, 404);
  return answer({
    Cluster: clusterArn(task, task.cluster),
    TaskARN: taskArn(task),
    Family: task.definition.family,
    Revision: String(task.definition.revision),
    DesiredStatus: task.desiredStatus,
    KnownStatus: task.lastStatus,
    Limits: { CPU: Number(task.cpu) / 1024, Memory: Number(task.memory) },
    ...(task.pullStartedMs === undefined ? {} : { PullStartedAt: new Date(task.pullStartedMs) }),
    ...(task.pullStoppedMs === undefined ? {} : { PullStoppedAt: new Date(task.pullStoppedMs) }),
    AvailabilityZone: `${task.region}a`,
    LaunchType: "FARGATE",
    Containers: containers,
    ...(task.group.startsWith("service:") ? { ServiceName: task.group.slice("service:".length) } : {}),
  });
}

function containerOf(
  task: TaskRecord,
  shape: ReturnType<typeof shapeOf>,
  { name, image, runtimeId, imageDigest, lastStatus }: TaskRecord["containers"][number],
  index: number,
): Record<string, unknown> {
  const definition = shape.containerDefinitions![index]!;
  const log = definition.logConfiguration;
  return {
    DockerId: runtimeId ?? "",
    Name: name,
    DockerName: name,
    Image: image,
    ImageID: imageDigest ?? "",
    Labels: {
      "com.amazonaws.ecs.cluster": clusterArn(task, task.cluster),
      "com.amazonaws.ecs.container-name": name,
      "com.amazonaws.ecs.task-arn": taskArn(task),
      "com.amazonaws.ecs.task-definition-family": task.definition.family,
      "com.amazonaws.ecs.task-definition-version": String(task.definition.revision),
      ...definition.dockerLabels,
    },
    DesiredStatus: task.desiredStatus,
    KnownStatus: lastStatus,
    Limits: { CPU: definition.cpu ?? 0, ...(definition.memory === undefined ? {} : { Memory: definition.memory }) },
    CreatedAt: new Date(task.createdMs),
    ...(task.startedMs === undefined ? {} : { StartedAt: new Date(task.startedMs) }),
    Type: "NORMAL",
    ...(log
      ? {
          LogDriver: log.logDriver,
          LogOptions: {
            "awslogs-group": log.options?.["awslogs-group"],
            "awslogs-region": log.options?.["awslogs-region"],
            "awslogs-stream": `${log.options?.["awslogs-stream-prefix"]}/${name}/${task.id}`,
          },
        }
      : {}),
    Networks: [
      {
        NetworkMode: "awsvpc",
        IPv4Addresses: task.address === undefined ? [] : [task.address],
        AttachmentIndex: 0,
        ...(task.macAddress === undefined ? {} : { MACAddress: task.macAddress }),
        IPv4SubnetCIDRBlock: "169.254.170.0/23",
        PrivateDNSName: `ip-${(task.address ?? "").replaceAll(".", "-")}.ec2.internal`,
        SubnetGatewayIpv4Address: "169.254.170.2/23",
      },
    ],
    ContainerARN: `${taskArn(task).replace(":task/", ":container/")}/${name}`,
  };
}

async function credentials(
  flow: FlowContext,
  _request: unknown,
  { id }: Readonly<Record<string, string>>,
): Promise<HttpResponse> {
  const found = await flow.write((tx) => {
    const task = taskByCredentials(tx, id!);
    return task && { task, role: task.overrides.taskRoleArn ?? shapeOf(tx, task.definition, task).taskRoleArn };
  });
  if (!found?.role) {
    return answer(
      { code: "InvalidIdInRequest", message: "CredentialsV2Request: Credentials not found", HTTPErrorCode: 400 },
      400,
    );
  }
  const { task, role } = found;
  const { Credentials } = await flow.call(
    "sts",
    "AssumeRole",
    { RoleArn: role, RoleSessionName: task.id, DurationSeconds: SESSION_SECONDS },
    {
      accountId: task.accountId,
      region: task.region,
      principal: { type: "service", service: "ecs-tasks.amazonaws.com", sourceAccount: task.accountId },
    },
  );
  return answer({
    RoleArn: role,
    AccessKeyId: Credentials!.AccessKeyId,
    SecretAccessKey: Credentials!.SecretAccessKey,
    Token: Credentials!.SessionToken,
    Expiration: Credentials!.Expiration,
  });
}
