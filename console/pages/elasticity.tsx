/** Elasticity: how the platform breathes. Workers by state against load, cold starts, throttles; tasks, and why they were scaled. */
import { useEffect, useMemo, useState } from "react";
import { all, call } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { type FunctionLoad, loadOf, workersOf } from "../live/load.ts";
import { bringHistory, knownTraces, useSpanRevision } from "../live/spans.ts";
import { useLoaded } from "../live/use-call.ts";
import { useWorkerSamples } from "../live/workers.ts";
import { Chart } from "../parts/chart.tsx";
import { count, duration, time } from "../parts/format.ts";
import { Page, Section, State } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { href, refine, useRoute } from "../routes.ts";
import { useServices } from "../shell/services.ts";

const WINDOWS = { "2 minutes": 120_000, "10 minutes": 600_000, "1 hour": 3_600_000 };
type WindowName = keyof typeof WINDOWS;

/** Time goes on even when nothing happens, but only while somebody looks. */
function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function Elasticity() {
  const route = useRoute();
  const services = useServices();
  const only = route.query.get("function") ?? undefined;
  const [span, setSpan] = useState<WindowName>("10 minutes");
  const now = useNow(1000);
  const revision = useSpanRevision();
  const samples = useWorkerSamples();
  useEffect(() => void bringHistory(), []);
  const fromMs = now - WINDOWS[span];
  // biome-ignore lint/correctness/useExhaustiveDependencies: the revision stands for the spans that are known
  const { load, workers, names } = useMemo(() => {
    const spans = [...knownTraces().values()].flatMap((trace) => [...trace.spans.values()]);
    const found = loadOf(spans, fromMs, now, only);
    return {
      load: found,
      workers: workersOf(samples, found.seconds, only),
      names: [...new Set([...(only ? [only] : []), ...loadOf(spans, fromMs, now).functions.keys()])].sort(),
    };
  }, [revision, samples, only, now]);
  const rows = [...load.functions.values()];
  const current = samples.at(-1)?.functions ?? {};
  return (
    <Page
      title="Elasticity"
      icon="elastic"
      commands={[
        command("cloudwatch", "ListMetrics", { Namespace: "AWS/Lambda" }),
        ...(services.includes("applicationautoscaling")
          ? [command("applicationautoscaling", "DescribeScalingActivities", { ServiceNamespace: "ecs" })]
          : []),
      ]}
      actions={
        <>
          <select
            aria-label="Function"
            value={only ?? ""}
            onChange={(event) => refine(route, { function: event.target.value })}
          >
            <option value="">all functions</option>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
          <select aria-label="Time" value={span} onChange={(event) => setSpan(event.target.value as WindowName)}>
            {Object.keys(WINDOWS).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </>
      }
    >
      <div className="panel">
        <Chart
          label="Workers by state"
          stacked
          seconds={load.seconds}
          series={[
            { name: "frozen", colour: "--line-strong", kind: "area", values: workers.frozen },
            { name: "ready", colour: "--good", kind: "area", values: workers.ready },
            { name: "starting", colour: "--warn", kind: "area", values: workers.initialising },
            { name: "busy", colour: "--accent", kind: "area", values: workers.busy },
            { name: "running at once", colour: "--ink", kind: "line", dash: true, values: load.running },
          ]}
        />
      </div>
      <div className="columns">
        <div className="panel">
          <Chart
            label="Invocations a second"
            height={150}
            seconds={load.seconds}
            series={[{ name: "begun", colour: "--accent", kind: "bars", values: load.started }]}
          />
        </div>
        <div className="panel">
          <Chart
            label="Cold starts and throttles a second"
            height={150}
            seconds={load.seconds}
            series={[
              { name: "cold starts", colour: "--warn", kind: "bars", values: load.coldStarts },
              { name: "throttled", colour: "--bad", kind: "line", values: load.throttles },
            ]}
          />
        </div>
      </div>
      <Section title="Functions">
        <Table
          label="Functions"
          rows={rows}
          rowKey={({ name }) => name}
          empty="No function ran in this time. None has a process then."
          columns={functionColumns(current)}
        />
      </Section>
      {services.includes("ecs") && <Tasks />}
      {services.includes("applicationautoscaling") && <Activities />}
    </Page>
  );
}

const functionColumns = (
  current: Readonly<Record<string, Readonly<Record<string, number | undefined>>>>,
): readonly Column<FunctionLoad>[] => [
  {
    key: "name",
    title: "Function",
    value: ({ name }) => name,
    cell: ({ name }) => <a href={href(["functions", name])}>{name}</a>,
  },
  {
    key: "now",
    title: "Workers now",
    width: "190px",
    value: ({ name }) => Object.values(current[name] ?? {}).reduce<number>((sum, value) => sum + (value ?? 0), 0),
    cell: ({ name }) => {
      const counts = Object.entries(current[name] ?? {});
      return counts.length === 0 ? (
        <span className="soft">none</span>
      ) : (
        counts.map(([state, much]) => `${much} ${state}`).join(", ")
      );
    },
  },
  {
    key: "invocations",
    title: "Invocations",
    width: "100px",
    end: true,
    value: ({ invocations }) => invocations,
    cell: ({ invocations }) => count(invocations),
  },
  {
    key: "cold",
    title: "Cold starts",
    width: "110px",
    end: true,
    value: ({ coldStarts }) => coldStarts,
    cell: ({ coldStarts, invocations }) =>
      `${count(coldStarts)}${invocations > 0 ? ` (${Math.round((100 * coldStarts) / invocations)} %)` : ""}`,
  },
  {
    key: "init",
    title: "Each took",
    width: "90px",
    end: true,
    less: true,
    value: ({ initMs, coldStarts }) => (coldStarts > 0 ? initMs / coldStarts : 0),
    cell: ({ initMs, coldStarts }) => (coldStarts > 0 ? duration(initMs / coldStarts) : "–"),
  },
  {
    key: "throttles",
    title: "Throttled",
    width: "90px",
    end: true,
    less: true,
    value: ({ throttles }) => throttles,
    cell: ({ throttles }) => count(throttles),
  },
  {
    key: "errors",
    title: "Errors",
    width: "80px",
    end: true,
    less: true,
    value: ({ errors }) => errors,
    cell: ({ errors }) => count(errors),
  },
  {
    key: "average",
    title: "On average",
    width: "100px",
    end: true,
    less: true,
    value: ({ busyMs, invocations }) => busyMs / Math.max(1, invocations),
    cell: ({ busyMs, invocations }) => (invocations > 0 ? duration(busyMs / invocations) : "–"),
  },
];

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
  return found;
}

function Tasks() {
  const { data } = useLoaded(listServices, [], { services: ["ecs", "applicationautoscaling"], everyMs: 5000 });
  const events = data?.flatMap(({ serviceName, events: list = [] }) =>
    list.map((event) => ({ ...event, serviceName })),
  );
  return (
    <>
      <Section title="Tasks">
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
    </>
  );
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

function Activities() {
  const { data } = useLoaded(listActivities, [], {
    services: ["applicationautoscaling", "cloudwatch", "ecs"],
    everyMs: 5000,
  });
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
