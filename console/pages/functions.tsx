/** Functions: run them with events that are kept, see what they said, change their environment. */
import { useState } from "react";
import { all, call, send } from "../aws/client.ts";
import { aws, command, quoted } from "../aws/command.ts";
import { encode } from "../aws/sign.ts";
import { useLoaded } from "../live/use-call.ts";
import { announce, attempt, confirm, messageOf } from "../parts/announce.tsx";
import { CopyButton } from "../parts/copy.tsx";
import { bytes, duration, pretty, time } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { Facts, Field, Page, Section, State, Tabs } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";
import { go, href, useRoute } from "../routes.ts";

interface FunctionConfiguration {
  readonly FunctionName: string;
  readonly FunctionArn: string;
  readonly Description?: string;
  readonly Runtime?: string;
  readonly Handler?: string;
  readonly MemorySize: number;
  readonly Timeout: number;
  readonly CodeSize: number;
  readonly LastModified: string;
  readonly State?: string;
  readonly Version: string;
  readonly Role: string;
  readonly RevisionId?: string;
  readonly Environment?: { readonly Variables?: Readonly<Record<string, string>> };
  readonly Layers?: readonly { readonly Arn: string }[];
  readonly [member: string]: unknown;
}

interface Mapping {
  readonly UUID: string;
  readonly EventSourceArn?: string;
  readonly State: string;
  readonly BatchSize?: number;
  readonly LastProcessingResult?: string;
}

const MARKER = ["NextMarker", "Marker"] as const;
const SERVICES = ["lambda", "cloudformation"];

export const listFunctions = (): Promise<FunctionConfiguration[]> =>
  all("lambda", "ListFunctions", {}, "Functions", MARKER);

export function Functions({ path }: { path: readonly string[] }) {
  return path[0] === undefined ? <FunctionList /> : <FunctionView key={path[0]} name={path[0]} />;
}

function FunctionList() {
  const { data, error } = useLoaded(listFunctions, [], { services: ["cloudformation"], concerns: () => true });
  return (
    <Page title="Functions" icon="lambda" fill error={error} commands={[command("lambda", "ListFunctions")]}>
      <Table
        label="Functions"
        filter
        rows={data}
        rowKey={({ FunctionArn }) => FunctionArn}
        columns={[
          {
            key: "name",
            title: "Name",
            value: ({ FunctionName }) => FunctionName,
            cell: ({ FunctionName }) => <a href={href(["functions", FunctionName])}>{FunctionName}</a>,
          },
          {
            key: "description",
            less: true,
            title: "Description",
            width: "32%",
            value: ({ Description }) => Description ?? "",
            cell: ({ Description }) => <span title={Description}>{Description}</span>,
          },
          {
            key: "runtime",
            less: true,
            title: "Runtime",
            width: "110px",
            value: (f) => f.Runtime ?? "",
            cell: (f) => f.Runtime,
          },
          {
            key: "memory",
            title: "Memory",
            width: "90px",
            end: true,
            value: ({ MemorySize }) => MemorySize,
            cell: ({ MemorySize }) => `${MemorySize} MB`,
          },
          {
            key: "changed",
            less: true,
            title: "Changed",
            width: "150px",
            value: ({ LastModified }) => LastModified,
            cell: ({ LastModified }) => time(LastModified),
          },
        ]}
      />
    </Page>
  );
}

async function load(FunctionName: string) {
  const [configuration, versions, aliases, mappings] = await Promise.all([
    call<FunctionConfiguration>("lambda", "GetFunctionConfiguration", { FunctionName }),
    all<FunctionConfiguration>("lambda", "ListVersionsByFunction", { FunctionName }, "Versions", MARKER),
    all<{ Name: string; FunctionVersion: string; AliasArn: string }>(
      "lambda",
      "ListAliases",
      { FunctionName },
      "Aliases",
      MARKER,
    ),
    all<Mapping>("lambda", "ListEventSourceMappings", { FunctionName }, "EventSourceMappings", MARKER),
  ]);
  return { configuration, versions, aliases, mappings };
}

function FunctionView({ name }: { name: string }) {
  const route = useRoute();
  const tab = route.query.get("tab") ?? "invoke";
  const { data, error, reload } = useLoaded(() => load(name), [name], { services: SERVICES, concerns: isConfiguring });
  const about = data?.configuration;
  const remove = async () => {
    const yes = await confirm({
      title: `Delete the function ${name}?`,
      body: <p>All of its versions go. This cannot be undone.</p>,
      command: command("lambda", "DeleteFunction", { FunctionName: name }),
      action: "Delete function",
    });
    const gone = () => call("lambda", "DeleteFunction", { FunctionName: name }, { traced: true });
    if (yes && (await attempt(`Deleted ${name}`, gone))) go(["functions"]);
  };
  return (
    <Page
      title={name}
      icon="lambda"
      error={error}
      trail={[["Functions", ["functions"]]]}
      facts={
        about && (
          <>
            <span>{about.Runtime}</span>
            <span>{about.MemorySize} MB</span>
            <span>{duration(about.Timeout * 1000)} at most</span>
            <span>{about.Description}</span>
          </>
        )
      }
      commands={[
        aws(
          "lambda",
          "invoke",
          "--function-name",
          quoted(name),
          "--cli-binary-format",
          "raw-in-base64-out",
          "--payload",
          "file://event.json",
          "/dev/stdout",
        ),
        command("lambda", "GetFunctionConfiguration", { FunctionName: name }),
        aws("logs", "tail", quoted(`/aws/lambda/${name}`), "--follow"),
      ]}
      actions={
        <>
          <a className="button" href={href(["elasticity"], { function: name })}>
            Metrics
          </a>
          <a className="button" href={href(["traces"], { q: name })}>
            Traces
          </a>
          <a className="button" href={href(["logs", `/aws/lambda/${name}`])}>
            Logs
          </a>
          <button type="button" className="danger" onClick={remove}>
            Delete
          </button>
        </>
      }
    >
      <Tabs
        current={tab}
        link={(key) => href(route.path, { tab: key })}
        tabs={[
          ["invoke", "Invoke"],
          ["environment", "Environment"],
          ["versions", `Versions${data ? ` (${data.versions.length})` : ""}`],
          ["about", "Configuration"],
        ]}
      />
      {tab === "invoke" && <Invoke name={name} aliases={data?.aliases.map(({ Name }) => Name) ?? []} />}
      {tab === "environment" && about && <Environment key={about.RevisionId} about={about} onChanged={reload} />}
      {tab === "versions" && data && (
        <div className="stacked">
          <Table
            label="Versions"
            rows={data.versions}
            rowKey={({ Version }) => Version}
            columns={[
              { key: "version", title: "Version", width: "120px", cell: ({ Version }) => Version },
              {
                key: "aliases",
                title: "Aliases",
                cell: ({ Version }) =>
                  data.aliases
                    .filter((alias) => alias.FunctionVersion === Version)
                    .map(({ Name }) => (
                      <State key={Name} tone="busy">
                        {Name}
                      </State>
                    )),
              },
              { key: "size", title: "Code", width: "100px", end: true, cell: ({ CodeSize }) => bytes(CodeSize) },
              {
                key: "changed",
                less: true,
                title: "Published",
                width: "170px",
                cell: ({ LastModified }) => time(LastModified),
              },
            ]}
          />
          <button
            type="button"
            onClick={async () => {
              const publish = () => call("lambda", "PublishVersion", { FunctionName: name }, { traced: true });
              if (await attempt("Published", publish)) reload();
            }}
          >
            Publish version
          </button>
        </div>
      )}
      {tab === "about" && data && about && (
        <div className="stacked">
          <Section title="What starts it">
            <Table
              label="Event sources"
              rows={data.mappings}
              rowKey={({ UUID }) => UUID}
              empty="No event source mapping."
              columns={[
                {
                  key: "source",
                  title: "Source",
                  cell: ({ EventSourceArn }) => <code title={EventSourceArn}>{EventSourceArn}</code>,
                },
                { key: "batch", title: "Batch", width: "80px", end: true, cell: ({ BatchSize }) => BatchSize },
                {
                  key: "state",
                  title: "State",
                  width: "130px",
                  cell: (mapping) => (
                    <State tone={mapping.State === "Enabled" ? "good" : "warn"}>{mapping.State}</State>
                  ),
                },
              ]}
            />
          </Section>
          <Section title="Configuration">
            <div className="panel">
              <Facts entries={Object.entries(about).filter(([key]) => key !== "Environment" && key !== "$metadata")} />
            </div>
          </Section>
        </div>
      )}
    </Page>
  );
}

/** Invocations change nothing that this page shows of a function itself. */
const isConfiguring = ({ name }: { name: string }): boolean => !/Invoke|receive|execute/i.test(name);

const SAVED = "virga.events";
const EVENTS_MAX = 50;
const SAMPLES: Readonly<Record<string, unknown>> = {
  Empty: {},
  "SQS message": {
    Records: [
      {
        messageId: "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
        receiptHandle: "MessageReceiptHandle",
        body: "Hello",
        attributes: { ApproximateReceiveCount: "1", SentTimestamp: "1523232000000" },
        messageAttributes: {},
        eventSource: "aws:sqs",
        eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:queue",
        awsRegion: "us-east-1",
      },
    ],
  },
  "S3 upload": {
    Records: [
      {
        eventVersion: "2.1",
        eventSource: "aws:s3",
        eventName: "ObjectCreated:Put",
        s3: { bucket: { name: "bucket" }, object: { key: "key", size: 1024 } },
      },
    ],
  },
  "HTTP API": {
    version: "2.0",
    routeKey: "GET /",
    rawPath: "/",
    rawQueryString: "",
    headers: { accept: "*/*" },
    requestContext: { http: { method: "GET", path: "/", sourceIp: "127.0.0.1" } },
    isBase64Encoded: false,
  },
};

const savedEvents = (name: string): Record<string, string> => {
  try {
    return JSON.parse(localStorage.getItem(SAVED) ?? "{}")[name] ?? {};
  } catch {
    return {};
  }
};

function saveEvents(name: string, events: Record<string, string>): void {
  const kept = JSON.parse(localStorage.getItem(SAVED) ?? "{}");
  localStorage.setItem(SAVED, JSON.stringify({ ...kept, [name]: events }));
}

interface Result {
  readonly payload: string;
  readonly log: string;
  readonly error: string | null;
  readonly tookMs: number;
  readonly trace: string | null;
}

function Invoke({ name, aliases }: { name: string; aliases: readonly string[] }) {
  const [events, setEvents] = useState(() => savedEvents(name));
  const [chosen, setChosen] = useState("Empty");
  const [text, setText] = useState("{}");
  const [title, setTitle] = useState("");
  const [qualifier, setQualifier] = useState("");
  const [kind, setKind] = useState("RequestResponse");
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<Result>();

  const pick = (key: string) => {
    setChosen(key);
    setText(events[key] ?? JSON.stringify(SAMPLES[key] ?? {}, null, 2));
    setTitle(events[key] === undefined ? "" : key);
  };
  const save = () => {
    const next = { ...events, [title.trim()]: text };
    if (Object.keys(next).length > EVENTS_MAX) return announce(`No more than ${EVENTS_MAX} events are kept`, true);
    saveEvents(name, next);
    setEvents(next);
    setChosen(title.trim());
    announce(`Kept the event ${title.trim()} in this browser`);
  };
  const forget = () => {
    const { [chosen]: _, ...rest } = events;
    saveEvents(name, rest);
    setEvents(rest);
    pick("Empty");
  };
  const invoke = async () => {
    try {
      JSON.parse(text);
    } catch (error) {
      return announce(`The event is not JSON: ${messageOf(error)}`, true);
    }
    setBusy(true);
    const from = performance.now();
    try {
      const response = await send("lambda", {
        method: "POST",
        path: `/2015-03-31/functions/${encode(name)}/invocations`,
        query: qualifier ? [["Qualifier", qualifier]] : [],
        headers: {
          "content-type": "application/json",
          "x-amz-invocation-type": kind,
          ...(kind === "RequestResponse" ? { "x-amz-log-type": "Tail" } : {}),
        },
        body: text,
        traced: true,
      });
      const payload = await response.text();
      const log = response.headers.get("x-amz-log-result");
      setResult({
        payload,
        log: log ? new TextDecoder().decode(Uint8Array.from(atob(log), (c) => c.charCodeAt(0))) : "",
        error: response.headers.get("x-amz-function-error"),
        tookMs: performance.now() - from,
        trace: /Root=([^;]+)/i.exec(response.headers.get("x-amzn-trace-id") ?? "")?.[1] ?? null,
      });
    } catch (error) {
      announce(messageOf(error), true);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="columns">
      <Section title="Event">
        <form
          className="stacked"
          aria-label="Event"
          onSubmit={(event) => {
            event.preventDefault();
            void invoke();
          }}
        >
          <div className="form-row">
            <Field label="Event">
              <select value={chosen} onChange={(event) => pick(event.target.value)}>
                {Object.keys(events).length > 0 && (
                  <optgroup label="Yours">
                    {Object.keys(events).map((key) => (
                      <option key={key}>{key}</option>
                    ))}
                  </optgroup>
                )}
                <optgroup label="Samples">
                  {Object.keys(SAMPLES).map((key) => (
                    <option key={key}>{key}</option>
                  ))}
                </optgroup>
              </select>
            </Field>
            <Field label="Version">
              <select value={qualifier} onChange={(event) => setQualifier(event.target.value)}>
                <option value="">$LATEST</option>
                {aliases.map((alias) => (
                  <option key={alias}>{alias}</option>
                ))}
              </select>
            </Field>
            <Field label="Kind">
              <select value={kind} onChange={(event) => setKind(event.target.value)}>
                <option value="RequestResponse">wait for the answer</option>
                <option value="Event">asynchronous</option>
              </select>
            </Field>
          </div>
          <textarea
            className="editor"
            aria-label="The event as JSON"
            rows={14}
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <div className="form-row">
            <button type="submit" className="primary" disabled={busy} data-key="Enter">
              <Icon name="play" size={13} /> {busy ? "Running…" : "Invoke"}
            </button>
            <input
              aria-label="Name to keep this event under"
              placeholder="Name to keep it under"
              value={title}
              onChange={(event) => setTitle(event.target.value)}
              size={18}
              style={{ width: "auto" }}
            />
            <button type="button" disabled={title.trim() === ""} onClick={save}>
              Keep
            </button>
            {events[chosen] !== undefined && (
              <button type="button" onClick={forget}>
                Forget
              </button>
            )}
            <CopyButton
              label="Copy as aws command"
              text={aws(
                "lambda",
                "invoke",
                "--function-name",
                quoted(name),
                ...(qualifier ? ["--qualifier", quoted(qualifier)] : []),
                ...(kind === "Event" ? ["--invocation-type Event"] : []),
                "--cli-binary-format raw-in-base64-out",
                "--payload",
                quoted(text),
                "/dev/stdout",
              )}
            />
          </div>
        </form>
      </Section>
      <Section title="Result">
        {result ? (
          <div className="stacked" role="status">
            <div className="actions">
              <State tone={result.error ? "bad" : "good"}>
                {result.error ? `Error: ${result.error}` : "Succeeded"}
              </State>
              <span className="soft">{duration(result.tookMs)} in all</span>
              {result.trace && <a href={href(["traces", result.trace])}>Trace</a>}
            </div>
            <pre className="code">{result.payload ? pretty(result.payload) : "Accepted; it runs by itself."}</pre>
            {result.log && (
              <>
                <h3>Log</h3>
                <pre className="code">{result.log}</pre>
              </>
            )}
          </div>
        ) : (
          <p className="empty">What it answers is shown here.</p>
        )}
      </Section>
    </div>
  );
}

function Environment({ about, onChanged }: { about: FunctionConfiguration; onChanged(): void }) {
  const [pairs, setPairs] = useState(() =>
    Object.entries(about.Environment?.Variables ?? {}).map(([name, value], id) => ({ id, name, value })),
  );
  const set = (id: number, change: { name?: string; value?: string }) =>
    setPairs(pairs.map((pair) => (pair.id === id ? { ...pair, ...change } : pair)));
  const Variables = Object.fromEntries(pairs.filter(({ name }) => name !== "").map(({ name, value }) => [name, value]));
  const input = { FunctionName: about.FunctionName, Environment: { Variables } };
  return (
    <form
      className="panel stacked"
      aria-label="Environment"
      onSubmit={async (event) => {
        event.preventDefault();
        const change = () => call("lambda", "UpdateFunctionConfiguration", input, { traced: true });
        if (await attempt("Changed; the next start of the function finds it", change)) onChanged();
      }}
    >
      <div className="pairs">
        {pairs.map(({ id, name, value }) => (
          <div className="pair" key={id}>
            <input
              className="mono"
              aria-label="Name"
              pattern="[a-zA-Z][a-zA-Z0-9_]+"
              value={name}
              onChange={(event) => set(id, { name: event.target.value })}
            />
            <input
              className="mono"
              aria-label={`Value of ${name}`}
              value={value}
              onChange={(event) => set(id, { value: event.target.value })}
            />
            <button
              type="button"
              className="quiet"
              aria-label={`Remove ${name}`}
              onClick={() => setPairs(pairs.filter((pair) => pair.id !== id))}
            >
              <Icon name="trash" size={14} />
            </button>
          </div>
        ))}
        {pairs.length === 0 && <p className="soft">No variable is set.</p>}
      </div>
      <div className="actions">
        <button type="button" onClick={() => setPairs([...pairs, { id: Date.now(), name: "", value: "" }])}>
          Add variable
        </button>
        <button type="submit" className="primary">
          Save
        </button>
        <CopyButton label="Copy as aws command" text={command("lambda", "UpdateFunctionConfiguration", input)} />
      </div>
    </form>
  );
}
