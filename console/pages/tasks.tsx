/** Services of containers: tasks wanted and running against what they use, what happened to them, and why they were scaled. */
import { all, call } from "../aws/client.ts";
import { heldFor, rememberTasks, tasksOf } from "../live/tasks.ts";
import { useLoaded } from "../live/use-call.ts";
import { Chart } from "../parts/chart.tsx";
import { shortName, time } from "../parts/format.ts";
import { Section, State } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";

interface EcsService {
  readonly serviceName: string;
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly status: string;
  readonly desiredCount: number;
  readonly runningCount: number;
  readonly pendingCount: number;
  readonly events?: readonly { readonly id: string; readonly createdAt: number; readonly message: string }[];
}

/** As many as DescribeServices takes at once. */
const SERVICES_AT_ONCE = 10;

async function listServices(): Promise<EcsService[]> {
  const clusters = await all<string>("ecs", "ListClusters", {}, "clusterArns", "nextToken");
  const found: EcsService[] = [];
  for (const cluster of clusters) {
    const arns = await all<string>("ecs", "ListServices", { cluster }, "serviceArns", "nextToken");
    for (let at = 0; at < arns.length; at += SERVICES_AT_ONCE) {
      const services = arns.slice(at, at + SERVICES_AT_ONCE);
      found.push(...((await call("ecs", "DescribeServices", { cluster, services }))["services"] ?? []));
    }
  }
  const now = Date.now();
  for (const { serviceArn, desiredCount: desired, runningCount: running, pendingCount: pending } of found)
    rememberTasks(serviceArn, { desired, running, pending }, now);
  return found;
}

const LOOKED_MS = 5000;
const LIVE = { services: ["ecs", "applicationautoscaling", "cloudwatch"], everyMs: LOOKED_MS };
/** More charts than this nobody looks at. */
const CHARTS_MAX = 6;
const POINTS = 120;

interface TasksProps {
  /** There is Application Auto Scaling. */
  readonly scaled: boolean;
  readonly fromMs: number;
  readonly untilMs: number;
}

export function Tasks({ scaled, fromMs, untilMs }: TasksProps) {
  const { data } = useLoaded(listServices, [], LIVE);
  const activities = useLoaded(scaled ? listActivities : undefined, [], LIVE);
  const step = Math.max(1, Math.round((untilMs - fromMs) / 1000 / POINTS));
  const last = Math.floor(untilMs / 1000 / step) * step;
  const seconds = Array.from({ length: POINTS + 1 }, (_, i) => last - (POINTS - i) * step);
  const events = data?.flatMap(({ serviceName, events: list = [] }) =>
    list.map((event) => ({ ...event, serviceName })),
  );
  return (
    <>
      <Section title="Tasks">
        {data?.slice(0, CHARTS_MAX).map((service) => (
          <TaskCharts
            key={service.serviceArn}
            service={service}
            activities={(activities.data ?? []).filter(({ ResourceId }) => service.serviceArn.endsWith(ResourceId))}
            seconds={seconds}
          />
        ))}
        <Table
          label="Services"
          rows={data}
          rowKey={({ serviceArn }) => serviceArn}
          empty="No service of containers."
          columns={[
            {
              key: "name",
              title: "Service",
              value: ({ serviceName }) => serviceName,
              cell: ({ serviceName }) => serviceName,
            },
            {
              key: "status",
              title: "Status",
              width: "120px",
              cell: ({ status }) => <State tone={status === "ACTIVE" ? "good" : "warn"}>{status}</State>,
            },
            { key: "desired", title: "Desired", width: "90px", end: true, cell: ({ desiredCount }) => desiredCount },
            { key: "running", title: "Running", width: "90px", end: true, cell: ({ runningCount }) => runningCount },
            { key: "pending", title: "Pending", width: "90px", end: true, cell: ({ pendingCount }) => pendingCount },
          ]}
        />
      </Section>
      {events && events.length > 0 && (
        <Section title="What happened to services">
          <Table
            label="Events of services"
            filter
            rows={[...events].sort((a, b) => b.createdAt - a.createdAt)}
            rowKey={({ id }) => id}
            columns={[
              {
                key: "when",
                title: "When",
                width: "150px",
                value: ({ createdAt }) => createdAt,
                cell: ({ createdAt }) => time(createdAt),
              },
              {
                key: "message",
                title: "What",
                value: ({ message }) => message,
                cell: ({ message }) => <span title={message}>{message}</span>,
              },
            ]}
          />
        </Section>
      )}
      {scaled && <Activities data={activities.data} />}
    </>
  );
}

const PERIOD_SECONDS = 60;
/** There is a new minute to be seen no later than this. */
const MEASURED_MS = 15_000;

/** Tasks over time, and beside them what they were measured by. */
function TaskCharts({
  service,
  activities,
  seconds,
}: {
  service: EcsService;
  activities: readonly Activity[];
  seconds: readonly number[];
}) {
  const { serviceArn, serviceName, clusterArn } = service;
  const span = seconds.at(-1)! - seconds[0]!;
  const use = useLoaded(() => measured(service, seconds[0]!, seconds.at(-1)!), [serviceArn, span], {
    everyMs: MEASURED_MS,
  });
  const tasks = tasksOf(serviceArn, activities, seconds);
  const of = (id: string) => {
    const { Timestamps = [], Values = [] } = use.data?.find(({ Id }) => Id === id) ?? {};
    return heldFor(PERIOD_SECONDS, Timestamps, Values, seconds);
  };
  return (
    <div className="columns task-charts" title={`${serviceName} in ${clusterArn.split("/").pop()}`}>
      <div className="panel">
        <Chart
          label={`Tasks of ${shortName(serviceName)}`}
          stacked
          height={150}
          seconds={seconds}
          series={[
            { name: "starting", colour: "--warn", kind: "area", values: tasks.pending },
            { name: "running", colour: "--accent", kind: "area", values: tasks.running },
            { name: "wanted", colour: "--ink", kind: "line", dash: true, values: tasks.desired },
          ]}
        />
      </div>
      <div className="panel">
        <Chart
          label="Use of what is reserved"
          height={150}
          seconds={seconds}
          unit={(value) => `${Math.round(value)} %`}
          series={[
            { name: "CPU", colour: "--accent", values: of("cpu") },
            { name: "memory", colour: "--warn", values: of("memory") },
          ]}
        />
      </div>
    </div>
  );
}

interface MetricData {
  readonly Id: string;
  readonly Timestamps?: readonly number[];
  readonly Values?: readonly number[];
}

async function measured({ clusterArn, serviceName }: EcsService, from: number, until: number): Promise<MetricData[]> {
  const Dimensions = [
    { Name: "ClusterName", Value: clusterArn.split("/").pop() },
    { Name: "ServiceName", Value: serviceName },
  ];
  const query = (Id: string, MetricName: string) => ({
    Id,
    MetricStat: { Metric: { Namespace: "AWS/ECS", MetricName, Dimensions }, Period: PERIOD_SECONDS, Stat: "Average" },
  });
  const { MetricDataResults = [] } = await call<{ MetricDataResults?: MetricData[] }>("cloudwatch", "GetMetricData", {
    StartTime: from - PERIOD_SECONDS,
    EndTime: until,
    MetricDataQueries: [query("cpu", "CPUUtilization"), query("memory", "MemoryUtilization")],
  });
  return MetricDataResults;
}

interface Activity {
  readonly ActivityId: string;
  readonly ResourceId: string;
  readonly Description: string;
  readonly Cause: string;
  readonly StartTime: number;
  readonly StatusCode: string;
  readonly StatusMessage?: string;
}

const NAMESPACES = ["ecs", "lambda", "dynamodb"];

const listActivities = async (): Promise<Activity[]> =>
  (
    await Promise.all(
      NAMESPACES.map((ServiceNamespace) =>
        all<Activity>("applicationautoscaling", "DescribeScalingActivities", { ServiceNamespace }, "ScalingActivities"),
      ),
    )
  )
    .flat()
    .sort((a, b) => b.StartTime - a.StartTime);

function Activities({ data }: { data: readonly Activity[] | undefined }) {
  return (
    <Section title="Scaling activities">
      <Table
        label="Scaling activities"
        filter
        rows={data}
        rowKey={({ ActivityId }) => ActivityId}
        empty="Nothing was scaled yet."
        columns={[
          {
            key: "when",
            title: "When",
            width: "150px",
            value: ({ StartTime }) => StartTime,
            cell: ({ StartTime }) => time(StartTime),
          },
          {
            key: "what",
            title: "What",
            width: "30%",
            value: ({ Description }) => Description,
            cell: ({ Description }) => <span title={Description}>{Description}</span>,
          },
          {
            key: "why",
            title: "Why",
            value: ({ Cause }) => Cause,
            cell: ({ Cause }) => <span title={Cause}>{Cause}</span>,
          },
          {
            key: "status",
            title: "Status",
            width: "120px",
            value: ({ StatusCode }) => StatusCode,
            cell: ({ StatusCode }) => (
              <State tone={StatusCode === "Successful" ? "good" : StatusCode === "Failed" ? "bad" : "busy"}>
                {StatusCode}
              </State>
            ),
          },
        ]}
      />
    </Section>
  );
}
