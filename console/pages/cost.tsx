/** Cost: what this month came to, for which service and resource, day by day, and what it will have come to at its end. */
import { call } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { useLoaded } from "../live/use-call.ts";
import { Chart } from "../parts/chart.tsx";
import { dollars, nameOf } from "../parts/format.ts";
import { Empty, Failure, Page, Section } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";

interface Metric {
  readonly Amount: string;
  readonly Unit: string;
}

interface ResultByTime {
  readonly TimePeriod: { readonly Start: string; readonly End: string };
  readonly Total?: { readonly UnblendedCost?: Metric };
  readonly Groups?: readonly {
    readonly Keys: readonly string[];
    readonly Metrics: { readonly UnblendedCost: Metric };
  }[];
}

interface Row {
  readonly name: string;
  readonly cost: number;
}

const DAY_MS = 86_400_000;
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const METRICS = ["UnblendedCost"];

function period(): { Start: string; End: string } {
  const now = new Date();
  return { Start: day(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)), End: day(now.getTime() + DAY_MS) };
}

const byService = () => ({
  TimePeriod: period(),
  Granularity: "DAILY",
  Metrics: METRICS,
  GroupBy: [{ Type: "DIMENSION", Key: "SERVICE" }],
});

/** AWS looks back two weeks where it tells resources apart. */
const byResource = () => ({
  TimePeriod: { Start: day(Date.now() - 13 * DAY_MS), End: day(Date.now() + DAY_MS) },
  Granularity: "DAILY",
  Metrics: METRICS,
  Filter: { Dimensions: { Key: "REGION", Values: ["us-east-1"] } },
  GroupBy: [{ Type: "DIMENSION", Key: "RESOURCE_ID" }],
});

const forecastInput = () => {
  const now = new Date();
  return {
    TimePeriod: { Start: day(now.getTime()), End: day(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)) },
    Granularity: "MONTHLY",
    Metric: "UNBLENDED_COST",
  };
};

function totals(results: readonly ResultByTime[]): Row[] {
  const sums = new Map<string, number>();
  for (const { Groups = [] } of results)
    for (const { Keys, Metrics } of Groups) {
      const name = Keys[0] ?? "?";
      sums.set(name, (sums.get(name) ?? 0) + Number(Metrics.UnblendedCost.Amount));
    }
  return [...sums].map(([name, cost]) => ({ name, cost })).sort((a, b) => b.cost - a.cost);
}

const sumOf = (rows: readonly Row[]): number => rows.reduce((sum, { cost }) => sum + cost, 0);

/** Whatever is called is metered. */
const LIVE = { concerns: () => true };

export function Cost() {
  const services = useLoaded(
    async () => (await call<{ ResultsByTime: ResultByTime[] }>("ce", "GetCostAndUsage", byService())).ResultsByTime,
    [],
    LIVE,
  );
  const resources = useLoaded(
    async () =>
      (await call<{ ResultsByTime: ResultByTime[] }>("ce", "GetCostAndUsageWithResources", byResource())).ResultsByTime,
    [],
    LIVE,
  );
  const forecast = useLoaded(
    async () => (await call<{ Total: Metric }>("ce", "GetCostForecast", forecastInput())).Total,
    [],
    { everyMs: 30_000 },
  );
  const rows = services.data ? totals(services.data) : undefined;
  const total = rows ? sumOf(rows) : 0;
  const days = services.data ?? [];
  const perDay = days.map((result) => sumOf(totals([result])));
  return (
    <Page
      title="Cost"
      icon="cost"
      error={services.error}
      commands={[
        command("ce", "GetCostAndUsage", byService()),
        command("ce", "GetCostForecast", forecastInput()),
        "npx virga bill --project month",
      ]}
      facts={<span>What the same work costs on AWS, by its public prices, before any free tier.</span>}
    >
      <div className="depths">
        <div className="depth">
          <b>{rows ? dollars(total) : "…"}</b>
          <span className="soft">this month so far</span>
        </div>
        {forecast.data && (
          <div className="depth">
            <b>{dollars(total + Number(forecast.data.Amount))}</b>
            <span className="soft">projected for the month</span>
          </div>
        )}
      </div>
      {days.length > 0 && (
        <div className="panel">
          <Chart
            label="Day by day"
            whole={false}
            unit={dollars}
            seconds={days.map(({ TimePeriod }) => Date.parse(TimePeriod.Start) / 1000)}
            series={[{ name: "cost", colour: "--accent", kind: "bars", values: perDay }]}
          />
        </div>
      )}
      <div className="columns">
        <Section title="By service">
          <Table
            label="Cost by service"
            rows={rows}
            rowKey={({ name }) => name}
            columns={columns("Service", total)}
            empty="Nothing was used yet."
          />
        </Section>
        <Section title="By resource">
          {resources.error ? (
            <Failure error={resources.error} />
          ) : (
            <Table
              label="Cost by resource"
              filter
              rows={resources.data && totals(resources.data)}
              rowKey={({ name }) => name}
              columns={columns("Resource", total)}
              empty="Nothing was used yet."
            />
          )}
        </Section>
      </div>
      {forecast.error && <Empty>There is no projection yet: {forecast.error.message}</Empty>}
    </Page>
  );
}

const columns = (title: string, total: number): readonly Column<Row>[] => [
  { key: "name", title, value: ({ name }) => name, cell: ({ name }) => <span title={name}>{nameOf(name)}</span> },
  {
    key: "share",
    title: "Share",
    width: "80px",
    end: true,
    less: true,
    value: ({ cost }) => cost,
    cell: ({ cost }) => (total > 0 ? `${Math.round((100 * cost) / total)} %` : "–"),
  },
  {
    key: "cost",
    title: "Cost",
    width: "140px",
    end: true,
    value: ({ cost }) => cost,
    cell: ({ cost }) => dollars(cost),
  },
];
