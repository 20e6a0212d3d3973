/** Cost: what was used came to, hour by hour and day by day, for which service and resource; what a month of it will, against a server that never sleeps. */
import { call, send } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { type Liveness, useLoaded } from "../live/use-call.ts";
import { Chart } from "../parts/chart.tsx";
import { count, dollars, nameOf, quantity } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { Empty, Failure, Page, Section } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { placeOfArn } from "../resources.ts";
import { href, refine, useRoute } from "../routes.ts";

interface Metric {
  readonly Amount: string;
  readonly Unit: string;
}

interface ResultByTime {
  readonly TimePeriod: { readonly Start: string; readonly End: string };
  readonly Groups?: readonly {
    readonly Keys: readonly string[];
    readonly Metrics: { readonly UnblendedCost: Metric; readonly UsageQuantity?: Metric };
  }[];
}

interface Row {
  readonly name: string;
  readonly cost: number;
}

/** What `/_virga/always-on` tells. */
interface Compared {
  readonly prices: { readonly region: string; readonly asOf: string };
  readonly monthHours: number;
  readonly total: number;
  readonly observedHours?: number;
  readonly dollarsPerMonth?: number;
  readonly replacedPerMonth?: number;
  readonly requests?: number;
  readonly server?: {
    readonly tasks: number;
    readonly cpu: number;
    readonly memoryGb: number;
    readonly dollarsPerMonth: number;
  };
  readonly cheaperAboveRequestsPerSecond?: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const hour = (ms: number): string => new Date(ms - (ms % HOUR_MS)).toISOString().replace(".000Z", "Z");

const WINDOWS = { month: "This month", days: "14 days", hours: "24 hours" } as const;
type WindowName = keyof typeof WINDOWS;

function spanOf(window: WindowName): { TimePeriod: { Start: string; End: string }; Granularity: string } {
  const now = Date.now();
  if (window === "hours")
    return { TimePeriod: { Start: hour(now - 23 * HOUR_MS), End: hour(now + HOUR_MS) }, Granularity: "HOURLY" };
  const date = new Date(now);
  const from = window === "days" ? now - 13 * DAY_MS : Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  return { TimePeriod: { Start: day(from), End: day(now + DAY_MS) }, Granularity: "DAILY" };
}

const SERVICE = [{ Type: "DIMENSION", Key: "SERVICE" }];
const RESOURCE = [{ Type: "DIMENSION", Key: "RESOURCE_ID" }];
const USAGE = [{ Type: "DIMENSION", Key: "USAGE_TYPE" }];
/** Costs by resource want a filter; this one leaves nothing out. */
const EVERYTHING = { Not: { Dimensions: { Key: "RECORD_TYPE", Values: ["Credit"] } } };

const byService = (window: WindowName) => ({ ...spanOf(window), Metrics: ["UnblendedCost"], GroupBy: SERVICE });

/** AWS looks back two weeks where it tells resources apart. */
const byResource = (window: WindowName) => ({
  ...spanOf(window === "month" && new Date().getUTCDate() > 14 ? "days" : window),
  Metrics: ["UnblendedCost"],
  Filter: EVERYTHING,
  GroupBy: RESOURCE,
});

const ofResource = (window: WindowName, resource: string) => ({
  ...byResource(window),
  Metrics: ["UnblendedCost", "UsageQuantity"],
  Filter: { Dimensions: { Key: "RESOURCE_ID", Values: [resource] } },
  GroupBy: USAGE,
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

const costs = async (operation: string, input: Readonly<Record<string, unknown>>): Promise<ResultByTime[]> =>
  (await call<{ ResultsByTime: ResultByTime[] }>("ce", operation, input)).ResultsByTime;

/** Whatever is called is metered; sums need not be made again for every call. */
const LIVE: Liveness = { concerns: () => true, pauseMs: 1500 };

export function Cost() {
  const route = useRoute();
  const asked = route.query.get("of") ?? "month";
  const window = (Object.hasOwn(WINDOWS, asked) ? asked : "month") as WindowName;
  const selected = route.query.get("resource") ?? undefined;
  const month = useLoaded(() => costs("GetCostAndUsage", byService("month")), [], LIVE);
  const services = useLoaded(
    window === "month" ? undefined : () => costs("GetCostAndUsage", byService(window)),
    [window],
    LIVE,
  );
  const resources = useLoaded(() => costs("GetCostAndUsageWithResources", byResource(window)), [window], LIVE);
  const forecast = useLoaded(
    async () => (await call<{ Total: Metric }>("ce", "GetCostForecast", forecastInput())).Total,
    [],
    { ...LIVE, pauseMs: 5000 },
  );
  const compared = useLoaded(
    async () => (await (await send("virga", { method: "GET", path: "/_virga/always-on" })).json()) as Compared,
    [],
    { ...LIVE, pauseMs: 5000 },
  );
  const shown = window === "month" ? month : services;
  const rows = shown.data && totals(shown.data);
  const soFar = month.data && sumOf(totals(month.data));
  const results = shown.data ?? [];
  const prices = compared.data?.prices;
  const name = new Date().toLocaleString("en", { month: "long", timeZone: "UTC" });
  return (
    <Page
      title="Cost"
      icon="cost"
      error={shown.error}
      commands={[
        "npx virga bill --project month",
        command("ce", "GetCostAndUsage", byService(window)),
        command("ce", "GetCostAndUsageWithResources", byResource(window)),
        command("ce", "GetCostForecast", forecastInput()),
        ...(selected ? [command("ce", "GetCostAndUsageWithResources", ofResource(window, selected))] : []),
      ]}
      facts={
        <span>
          What the same work costs on AWS
          {prices ? `, by its public prices for ${prices.region} of ${prices.asOf}` : ""}, before any free tier.
        </span>
      }
      actions={
        <select
          aria-label="Time"
          value={window}
          onChange={(event) => refine(route, { of: event.target.value === "month" ? undefined : event.target.value })}
        >
          {Object.entries(WINDOWS).map(([key, title]) => (
            <option key={key} value={key}>
              {title}
            </option>
          ))}
        </select>
      }
    >
      <div className="depths">
        <Sum title={`${name} so far`} value={soFar} />
        {forecast.data && soFar !== undefined && (
          <Sum title={`by the end of ${name}, as it goes`} value={soFar + Number(forecast.data.Amount)} />
        )}
        {rows && window !== "month" && <Sum title={WINDOWS[window].toLowerCase()} value={sumOf(rows)} />}
      </div>
      {compared.data && <AlwaysOn compared={compared.data} />}
      {compared.error && <Failure error={compared.error} />}
      {results.length > 0 && (
        <div className="panel">
          <Chart
            label={window === "hours" ? "Hour by hour" : "Day by day"}
            whole={false}
            unit={dollars}
            seconds={results.map(({ TimePeriod }) => Date.parse(TimePeriod.Start) / 1000)}
            series={[
              {
                name: window === "hours" ? "this hour" : "today",
                colour: "--accent",
                kind: "bars",
                values: results.map((result) => sumOf(totals([result]))),
              },
            ]}
          />
        </div>
      )}
      <div className="columns">
        <div className="stacked">
          <Section title="By service">
            <Table
              label="Cost by service"
              rows={rows}
              rowKey={(row) => row.name}
              columns={columns("Service", rows ? sumOf(rows) : 0)}
              empty="Nothing was used yet."
            />
          </Section>
          {selected && <Usage key={selected} window={window} resource={selected} />}
        </div>
        <Section title={window === "month" ? "By resource, of the last 14 days at most" : "By resource"}>
          {resources.error ? (
            <Failure error={resources.error} />
          ) : (
            <Table
              label="Cost by resource"
              filter
              rows={resources.data && totals(resources.data)}
              rowKey={(row) => row.name}
              selected={selected}
              onOpen={(row) => refine(route, { resource: row.name === selected ? undefined : row.name })}
              columns={columns("Resource", resources.data ? sumOf(totals(resources.data)) : 0)}
              empty="Nothing was used yet."
            />
          )}
        </Section>
      </div>
      {forecast.error && <Empty>There is no projection yet: {forecast.error.message}</Empty>}
    </Page>
  );
}

function Sum({ title, value }: { title: string; value: number | undefined }) {
  return (
    <div className="depth">
      <b>{value === undefined ? "…" : dollars(value)}</b>
      <span className="soft">{title}</span>
    </div>
  );
}

/** Two lengths, drawn to the same scale. */
function AlwaysOn({ compared }: { compared: Compared }) {
  const {
    dollarsPerMonth: month,
    replacedPerMonth: replaced = 0,
    observedHours = 0,
    server,
    monthHours,
    cheaperAboveRequestsPerSecond: from,
  } = compared;
  if (month === undefined) return null;
  const most = Math.max(month, server?.dollarsPerMonth ?? 0);
  const bars = [
    [
      "A month of this",
      month,
      `${monthHours} hours at the pace of the ${observedHours.toFixed(1)} hours observed`,
      "used",
    ],
    ...(server
      ? [
          [
            "A server that never sleeps",
            server.dollarsPerMonth,
            `${server.tasks} × ${server.cpu} vCPU, ${server.memoryGb} GB on Fargate, for the same peak`,
            "always",
          ] as const,
        ]
      : []),
  ] as const;
  return (
    <section className="panel compared" aria-label="Against a server that never sleeps">
      {bars.map(([title, value, why, kind]) => (
        <div key={kind}>
          <div className="compared-words">
            <b>{title}</b>
            <span className="soft">{why}</span>
            <b className="number">{dollars(value)}</b>
          </div>
          <div className={`compared-bar ${kind}`} style={{ width: `max(3px, ${(100 * value) / most}%)` }}>
            {kind === "used" && <div style={{ width: `${month > 0 ? (100 * replaced) / month : 0}%` }} />}
          </div>
        </div>
      ))}
      <p className="soft">
        {server
          ? from === undefined
            ? "Nobody called a function yet."
            : `Of a month of this it would replace ${dollars(replaced)}, the darker part: functions, tasks and API requests; the rest it needs too. It would be cheaper above ${from < 10 ? from.toFixed(2) : count(Math.round(from))} requests a second, day and night.`
          : "Nothing ran that a server would have to run."}
      </p>
    </section>
  );
}

interface Used {
  readonly type: string;
  readonly amount: number;
  readonly unit: string;
  readonly cost: number;
}

function used(results: readonly ResultByTime[]): Used[] {
  const sums = new Map<string, Used>();
  for (const { Groups = [] } of results)
    for (const { Keys, Metrics } of Groups) {
      const type = Keys[0] ?? "?";
      const before = sums.get(type);
      sums.set(type, {
        type,
        amount: (before?.amount ?? 0) + Number(Metrics.UsageQuantity?.Amount ?? 0),
        unit: Metrics.UsageQuantity?.Unit ?? "",
        cost: (before?.cost ?? 0) + Number(Metrics.UnblendedCost.Amount),
      });
    }
  return [...sums.values()].sort((a, b) => b.cost - a.cost);
}

/** Of what a resource's cost is made. */
function Usage({ window, resource }: { window: WindowName; resource: string }) {
  const route = useRoute();
  const ask = () => costs("GetCostAndUsageWithResources", ofResource(window, resource));
  const { data, error } = useLoaded(ask, [window, resource], LIVE);
  const place = placeOfArn(resource);
  return (
    <Section
      title={`What ${nameOf(resource)} used`}
      actions={
        <>
          {place && (
            <a className="button" href={href(place)}>
              Open
            </a>
          )}
          <button
            type="button"
            className="quiet"
            aria-label="Close"
            onClick={() => refine(route, { resource: undefined })}
          >
            <Icon name="close" />
          </button>
        </>
      }
    >
      {error && <Failure error={error} />}
      <Table
        label={`What ${resource} used`}
        rows={data && used(data)}
        rowKey={({ type }) => type}
        columns={[
          { key: "type", title: "Usage type", value: ({ type }) => type, cell: ({ type }) => <code>{type}</code> },
          {
            key: "amount",
            title: "Quantity",
            width: "44%",
            end: true,
            value: ({ amount }) => amount,
            cell: ({ amount, unit }) => `${quantity(amount)} ${unit}`,
          },
          {
            key: "cost",
            title: "Cost",
            width: "112px",
            end: true,
            value: ({ cost }) => cost,
            cell: ({ cost }) => dollars(cost),
          },
        ]}
      />
    </Section>
  );
}

const columns = (title: string, total: number): readonly Column<Row>[] => [
  { key: "name", title, value: ({ name }) => name, cell: ({ name }) => <span title={name}>{nameOf(name)}</span> },
  {
    key: "share",
    title: "Share",
    width: "76px",
    end: true,
    less: true,
    value: ({ cost }) => cost,
    cell: ({ cost }) => (total > 0 ? share(cost / total) : "–"),
  },
  {
    key: "cost",
    title: "Cost",
    width: "112px",
    end: true,
    value: ({ cost }) => cost,
    cell: ({ cost }) => dollars(cost),
  },
];

const share = (part: number): string => (part > 0 && part < 0.01 ? "< 1 %" : `${Math.round(100 * part)} %`);
