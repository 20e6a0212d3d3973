/** Elasticity: how the platform breathes. Workers by state against load, cold starts, throttles; tasks, and why they were scaled. */
import { useEffect, useMemo, useState } from "react";
import { command } from "../aws/command.ts";
import { type FunctionLoad, loadOf, workersOf } from "../live/load.ts";
import { bringHistory, knownTraces, useSpanRevision } from "../live/spans.ts";
import { useWorkerSamples } from "../live/workers.ts";
import { Chart } from "../parts/chart.tsx";
import { count, duration } from "../parts/format.ts";
import { Page, Section } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { href, refine, useRoute } from "../routes.ts";
import { useServices } from "../shell/services.ts";
import { Tasks } from "./tasks.tsx";

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
          ? [
              command("ecs", "DescribeServices", { cluster: "CLUSTER", services: ["SERVICE"] }),
              command("applicationautoscaling", "DescribeScalingActivities", { ServiceNamespace: "ecs" }),
            ]
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
      {services.includes("ecs") && (
        <Tasks scaled={services.includes("applicationautoscaling")} fromMs={fromMs} untilMs={now} />
      )}
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
