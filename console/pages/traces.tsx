/** Traces: every request of late, and each from its beginning to its last effect. */
import { useEffect, useMemo, useRef, useState } from "react";
import { call } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { SERVICES, type ServiceName } from "../aws/services.ts";
import type { Span } from "../live/events.ts";
import { subjectOf } from "../live/graph.ts";
import { bringHistory, fetchTraces, knownTraces, lostSpans, summaries, useSpanRevision } from "../live/spans.ts";
import { inWords, isHandled, rowOf, rowOfSummary, type TraceRow, titleOf, waterfall } from "../live/trace-rows.ts";
import { useLoaded } from "../live/use-call.ts";
import { CommandLine } from "../parts/announce.tsx";
import { CopyButton } from "../parts/copy.tsx";
import { count, duration, nameOf, pretty, shortName, time } from "../parts/format.ts";
import { Icon, type IconName } from "../parts/icons.tsx";
import { Empty, Facts, Failure, Page, State } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { placeOf, kindOf as resourceKind } from "../resources.ts";
import { go, href, refine, useRoute } from "../routes.ts";

export function Traces({ path }: { path: readonly string[] }) {
  return path[0] === undefined ? <TraceList /> : <TraceView key={path[0]} id={path[0]} />;
}

/** X-Ray takes a day at most, and the request takes a while to be made. */
const RANGE_MS = 86_400_000 - 60_000;
/** Brought in at once; then a person asks for more. */
const PAGES_AT_ONCE = 5;
const OUTCOMES = {
  ok: ["good", "OK"],
  error: ["warn", "Error"],
  fault: ["bad", "Fault"],
  throttle: ["warn", "Throttled"],
} as const;

/** As many as there is room for. */
const THROUGH_MAX = 5;

const ICONS: Readonly<Record<string, IconName>> = {
  apigateway: "api",
  apigatewayv2: "api",
  dynamodb: "table",
  ecs: "container",
  events: "clock",
  lambda: "lambda",
  s3: "bucket",
  scheduler: "clock",
  secretsmanager: "key",
  ses: "mail",
  sesv2: "mail",
  sns: "topic",
  sqs: "queue",
  ssm: "parameter",
  sts: "role",
  iam: "role",
  logs: "log",
};

const COLUMNS: readonly Column<TraceRow>[] = [
  {
    key: "name",
    title: "Began with",
    value: ({ name }) => name,
    links: () => true,
    cell: ({ id, name }) => <a href={href(["traces", id])}>{name}</a>,
  },
  {
    key: "outcome",
    title: "Outcome",
    width: "200px",
    value: ({ outcome, error, status }) => `${outcome} ${error ?? ""} ${status ?? ""}`,
    cell: ({ outcome, error, status, handled, coldStarts }) => (
      <>
        <State tone={OUTCOMES[outcome][0]}>{OUTCOMES[outcome][1]}</State>{" "}
        <span className="soft">
          {[
            error ?? status,
            ...(handled > 0 ? [`${handled} handled`] : []),
            ...(coldStarts > 0 ? [coldStarts === 1 ? "cold" : `${coldStarts} cold`] : []),
          ]
            .filter(Boolean)
            .join(", ")}
        </span>
      </>
    ),
  },
  {
    key: "through",
    title: "Through",
    width: "132px",
    less: true,
    cell: ({ through }) => (
      <span className="through" role="img" aria-label={through.join(", ")} title={through.join(", ")}>
        {through.slice(0, THROUGH_MAX).map((service) => (
          <Icon key={service} name={ICONS[service] ?? "other"} size={15} />
        ))}
      </span>
    ),
  },
  {
    key: "response",
    title: "Answered in",
    width: "110px",
    end: true,
    less: true,
    value: ({ responseMs }) => responseMs,
    cell: ({ responseMs }) => duration(responseMs),
  },
  {
    key: "duration",
    title: "All done in",
    width: "110px",
    end: true,
    value: ({ durationMs }) => durationMs,
    cell: ({ durationMs }) => duration(durationMs),
  },
  {
    key: "spans",
    title: "Steps",
    width: "80px",
    end: true,
    less: true,
    value: ({ spans }) => spans,
    cell: ({ spans }) => count(spans),
  },
  {
    key: "start",
    title: "When",
    width: "130px",
    less: true,
    value: ({ startMs }) => startMs,
    cell: ({ startMs }) => time(startMs, true),
  },
];

/** Rows of whole traces, made again only for those that grew. */
function useRows(older: readonly TraceRow[]): readonly TraceRow[] {
  const cache = useRef(new Map<string, { revision: number; row: TraceRow }>());
  const revision = useSpanRevision();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the revision stands for what is known
  return useMemo(() => {
    const rows = new Map(older.map((row) => [row.id, row]));
    for (const trace of knownTraces().values()) {
      const kept = cache.current.get(trace.id);
      const row = kept?.revision === trace.revision ? kept.row : rowOf(trace);
      cache.current.set(trace.id, { revision: trace.revision, row });
      rows.set(trace.id, row);
    }
    return [...rows.values()].sort((a, b) => b.startMs - a.startMs);
  }, [older, revision]);
}

function TraceList() {
  const route = useRoute();
  const query = route.query.get("q") ?? "";
  const outcome = route.query.get("outcome") ?? "";
  const control = route.query.get("control") === "yes";
  const [older, setOlder] = useState<readonly TraceRow[]>([]);
  const [next, setNext] = useState<string>();
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState<Error>();
  const rows = useRows(older);

  const more = async (token?: string) => {
    setLoading(true);
    try {
      for (let page = 0; page < PAGES_AT_ONCE; page++) {
        const found = await summaries(Date.now() - RANGE_MS, token);
        setOlder((before) => [...before, ...found.page.map(rowOfSummary)]);
        token = found.next;
        setNext(token);
        if (!token) break;
      }
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setLoading(false);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once; then a person asks
  useEffect(() => {
    void more();
    void bringHistory();
  }, []);

  const shown = useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter(
      (row) =>
        (control || words.length > 0 || !row.control) &&
        (outcome === "" || (outcome === "bad" ? row.outcome !== "ok" || row.handled > 0 : row.outcome === outcome)) &&
        words.every((word) => row.text.includes(word)),
    );
  }, [rows, query, outcome, control]);
  const lost = lostSpans();
  return (
    <Page
      title="Traces"
      icon="trace"
      fill
      error={error as never}
      commands={[
        command("xray", "GetTraceSummaries", {
          StartTime: Math.floor(Date.now() / 1000) - 3600,
          EndTime: Math.floor(Date.now() / 1000),
        }),
      ]}
    >
      <Table
        label="Traces"
        rows={loading && rows.length === 0 ? undefined : shown}
        rowKey={({ id }) => id}
        columns={COLUMNS}
        empty={query || outcome ? "No trace matches." : "Nothing happened yet. Call something, and it appears here."}
        onOpen={({ id }) => go(["traces", id])}
        tools={
          <>
            <input
              type="search"
              className="filter"
              data-key="/"
              aria-label="Search traces by id, resource or error"
              placeholder="Id, resource, error…"
              value={query}
              onChange={(event) => refine(route, { q: event.target.value })}
            />
            <select
              aria-label="Outcome"
              value={outcome}
              onChange={(event) => refine(route, { outcome: event.target.value })}
            >
              <option value="">every outcome</option>
              <option value="bad">anything wrong</option>
              <option value="fault">faults</option>
              <option value="error">errors</option>
              <option value="throttle">throttled</option>
            </select>
            <label className="check" title="Deployments, and looking at what is there">
              <input
                type="checkbox"
                checked={control}
                onChange={(event) => refine(route, { control: event.target.checked ? "yes" : undefined })}
              />{" "}
              Control plane
            </label>
            {next && (
              <button type="button" disabled={loading} onClick={() => more(next)}>
                Older
              </button>
            )}
            {lost > 0 && <span className="soft">{count(lost)} steps came too quickly to be shown</span>}
          </>
        }
      />
    </Page>
  );
}

const isWait = ({ service, name }: Span): boolean => service === "sqs" && name === "in the queue";

function TraceView({ id }: { id: string }) {
  const route = useRoute();
  const selected = route.query.get("span") ?? undefined;
  const { error, loading } = useLoaded(() => fetchTraces([id]), [id]);
  useSpanRevision();
  const trace = knownTraces().get(id);
  const row = trace ? rowOf(trace) : undefined;
  const branches = useMemo(() => (trace ? waterfall(trace.spans.values()) : []), [trace, trace?.revision]);
  const chosen = selected ? trace?.spans.get(selected) : undefined;
  const total = Math.max(row?.durationMs ?? 0, 0.001);
  return (
    <Page
      title={row?.name ?? id}
      icon="trace"
      fill
      trail={[["Traces", ["traces"]]]}
      error={error}
      commands={[command("xray", "BatchGetTraces", { TraceIds: [id] })]}
      facts={
        row && (
          <>
            <State tone={OUTCOMES[row.outcome][0]}>{OUTCOMES[row.outcome][1]}</State>
            <span>{time(row.startMs, true)}</span>
            <span>answered in {duration(row.responseMs)}</span>
            <span>all done in {duration(row.durationMs)}</span>
            {row.handled > 0 && (
              <span>{row.handled === 1 ? "one refusal handled" : `${row.handled} refusals handled`}</span>
            )}
            {row.coldStarts > 0 && (
              <span>{row.coldStarts === 1 ? "a cold start" : `${row.coldStarts} cold starts`}</span>
            )}
            <span className="mono">
              {id} <CopyButton text={id} label="Copy trace id" />
            </span>
          </>
        )
      }
    >
      {!trace && !loading && !error && <Empty>Nobody remembers this trace. Only the latest are kept, in memory.</Empty>}
      {row && (
        <div className={chosen ? "split" : "split whole"}>
          <section className="waterfall" aria-label="Steps of this trace">
            <div className="ruler" aria-hidden="true">
              {[0, 0.25, 0.5, 0.75, 1].map((part) => (
                <span key={part} style={{ left: `${part * 100}%` }}>
                  {duration(total * part)}
                </span>
              ))}
            </div>
            <ol>
              {branches.map(({ span, depth }) => (
                <Step
                  key={span.id}
                  span={span}
                  handled={isHandled(span, trace!.spans)}
                  depth={depth}
                  selected={span.id === selected}
                  left={(span.startMs - row.startMs) / total}
                  width={span.durationMs / total}
                  onOpen={() => refine(route, { span: span.id === selected ? undefined : span.id })}
                />
              ))}
            </ol>
          </section>
          {chosen && <SpanView key={chosen.id} span={chosen} onClose={() => refine(route, { span: undefined })} />}
        </div>
      )}
    </Page>
  );
}

interface StepProps {
  readonly span: Span;
  readonly handled: boolean;
  readonly depth: number;
  readonly selected: boolean;
  readonly left: number;
  readonly width: number;
  onOpen(): void;
}

function Step({ span, handled, depth, selected, left, width, onOpen }: StepProps) {
  const wait = isWait(span);
  const { attributes = {} } = span;
  const receives = Number(attributes["receives"] ?? attributes["attempt"] ?? 1);
  const init = Number(attributes["initMs"] ?? 0);
  const marks = [
    ...(attributes["coldStart"] === true ? [`cold start${init > 0 ? ` ${duration(init)}` : ""}`] : []),
    ...(receives > 1 ? [`attempt ${receives}`] : []),
    ...(span.error ? [span.error.code] : []),
  ];
  const end = left + width;
  const place = end <= 0.7 ? "after" : left >= 0.35 ? "before" : "inside";
  const textStyle =
    place === "after"
      ? { left: `${end * 100}%` }
      : { right: `${(1 - (place === "before" ? left : Math.min(end, 1))) * 100}%` };
  const label = wait ? `waited in ${shortName(nameOf(span.resource ?? ""))}` : shortName(titleOf(span));
  return (
    <li>
      <button
        type="button"
        className={`step${selected ? " chosen" : ""}`}
        aria-expanded={selected}
        title={wait ? span.resource : titleOf(span)}
        aria-label={`${label}, ${duration(span.durationMs)}${marks.length > 0 ? `, ${marks.join(", ")}` : ""}`}
        onClick={onOpen}
      >
        <span className="step-name" style={{ paddingLeft: `${Math.min(depth, 12) * 14}px` }}>
          <Icon name={wait ? "clock" : (ICONS[span.service] ?? "other")} size={14} />
          <span>{label}</span>
        </span>
        <span className="step-lane">
          <span
            className={`step-bar${wait ? " wait" : ""}${span.error ? (span.error.fault ? " fault" : " error") : ""}`}
            style={{ left: `${Math.min(left, 0.998) * 100}%`, width: `max(2px, ${Math.min(width, 1) * 100}%)` }}
          >
            {init > 0 && (
              <span
                className="step-init"
                style={{ width: `${(Math.min(init, span.durationMs) / span.durationMs) * 100}%` }}
              />
            )}
          </span>
          <span className={`step-text ${place}${wait ? " wait" : ""}`} style={textStyle}>
            {duration(span.durationMs)}
            {marks.map((mark) => (
              <span
                key={mark}
                className={span.error && mark === span.error.code && !handled ? "state bad" : "state warn"}
                title={mark === span.error?.code ? span.error.message : undefined}
              >
                {mark}
              </span>
            ))}
          </span>
        </span>
      </button>
    </li>
  );
}

interface LogLine {
  readonly eventId: string;
  readonly timestamp: number;
  readonly message: string;
}

/** Lines of one invocation: between its START and its REPORT, or with its id in them. */
async function linesOf(span: Span): Promise<LogLine[]> {
  const group = `/aws/lambda/${subjectOf(span)?.name ?? span.name}`;
  const { events = [] } = await call<{ events?: LogLine[] }>("logs", "FilterLogEvents", {
    logGroupName: group,
    startTime: Math.floor(span.startMs) - 1000,
    endTime: Math.ceil(span.startMs + span.durationMs) + 5000,
    filterPattern: `"${span.requestId}"`,
  });
  return events;
}

/** `memoryUsedMb` and 42 → "Memory used" and "42 MB" */
function factOf(key: string, value: string | number | boolean): readonly [string, string] {
  const [, name = key, unit] = /^(.+?)(Ms|Mb)?$/.exec(key) ?? [];
  const words = inWords(name).replace(/^init$/, "start took");
  const text =
    unit === "Ms" ? duration(Number(value)) : unit === "Mb" ? `${value} MB` : value === true ? "yes" : String(value);
  return [words.charAt(0).toUpperCase() + words.slice(1), text];
}

/** What was asked for, as a command; undefined where only a part of it was written down. */
function commandOf({ service, name, attributes }: Span): string | undefined {
  const payload = attributes?.["payload"];
  if (!/^[A-Z]\w+$/.test(name) || !Object.hasOwn(SERVICES, service) || typeof payload !== "string") return undefined;
  if (/…|"<(?:stream|redacted|\d+ bytes)>"/.test(payload)) return undefined;
  try {
    const text = command(service as ServiceName, name, JSON.parse(payload));
    return name === "GetObject" ? `${text} /dev/stdout` : text;
  } catch {
    return undefined;
  }
}

function SpanView({ span, onClose }: { span: Span; onClose(): void }) {
  const subject = subjectOf(span);
  const place = subject && placeOf(subject.type, subject.name);
  const ran = span.service === "lambda" && span.requestId !== undefined && subject?.type === "AWS::Lambda::Function";
  const logs = useLoaded(ran ? () => linesOf(span) : undefined, [span.id]);
  const { payload, ...attributes } = span.attributes ?? {};
  const again = commandOf(span);
  return (
    <aside className="detail" aria-label="The step">
      <header>
        <h2>
          <Icon name={subject ? resourceKind(subject.type).icon : (ICONS[span.service] ?? "other")} /> {titleOf(span)}
        </h2>
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {span.error && (
        <p className="failure">
          <Icon name="bad" />
          <span>
            <strong>{span.error.code}: </strong>
            {span.error.message}
          </span>
        </p>
      )}
      {place && (
        <div className="actions">
          <a className="button" href={href(place)} title={subject.name}>
            {resourceKind(subject.type).word} {shortName(subject.name)}
          </a>
        </div>
      )}
      <Facts
        entries={[
          ["Began", time(span.startMs, true)],
          ["Took", duration(span.durationMs)],
          ...Object.entries(attributes)
            .filter(([key]) => key !== "ran" && key !== "front")
            .map(([key, value]) => factOf(key, value)),
          ["Resource", span.resource],
          ["Request id", span.requestId],
        ]}
      />
      {payload !== undefined && (
        <>
          <h3>Input</h3>
          <pre className="code">{pretty(String(payload))}</pre>
        </>
      )}
      {again && (
        <>
          <h3>The same again</h3>
          <CommandLine text={again} />
        </>
      )}
      {ran && (
        <>
          <h3>Log</h3>
          {logs.error && <Failure error={logs.error} />}
          {logs.data?.length === 0 && <p className="soft">It wrote nothing.</p>}
          {logs.data && logs.data.length > 0 && (
            <pre className="code">{logs.data.map(({ message }) => message.trimEnd()).join("\n")}</pre>
          )}
        </>
      )}
    </aside>
  );
}
