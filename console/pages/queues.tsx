/** Queues: what waits in them, seen without receiving; sending, and moving dead letters back. */
import { useState } from "react";
import { all, call, send } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { useLoaded } from "../live/use-call.ts";
import { announce, attempt, confirm } from "../parts/announce.tsx";
import { CopyButton } from "../parts/copy.tsx";
import { bytes, count, nameOf, pretty, time } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { Facts, Field, Page, Section, State, Tabs } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";
import { go, href, refine, useRoute } from "../routes.ts";

type Attributes = Readonly<Record<string, string>>;

interface Queue {
  readonly name: string;
  readonly url: string;
  readonly attributes: Attributes;
}

const ACCOUNTED = ["All"];
const number = (attributes: Attributes, name: string): number => Number(attributes[name] ?? 0);
export const waiting = (attributes: Attributes): number => number(attributes, "ApproximateNumberOfMessages");
const inFlight = (attributes: Attributes): number => number(attributes, "ApproximateNumberOfMessagesNotVisible");
const delayed = (attributes: Attributes): number => number(attributes, "ApproximateNumberOfMessagesDelayed");

export async function listQueues(): Promise<Queue[]> {
  const urls = await all<string>("sqs", "ListQueues", { MaxResults: 1000 }, "QueueUrls");
  return Promise.all(
    urls.map(async (url) => {
      const { Attributes } = await call<{ Attributes: Attributes }>("sqs", "GetQueueAttributes", {
        QueueUrl: url,
        AttributeNames: ACCOUNTED,
      }).catch(() => ({ Attributes: {} }));
      return { name: nameOf(url), url, attributes: Attributes };
    }),
  );
}

const SERVICES = ["sqs", "lambda", "s3", "sns", "events", "apigatewayv2", "apigateway"];

export function Queues({ path }: { path: readonly string[] }) {
  return path[0] === undefined ? <QueueList /> : <QueueView key={path[0]} name={path[0]} />;
}

function QueueList() {
  const { data, error } = useLoaded(listQueues, [], { services: SERVICES });
  return (
    <Page title="Queues" icon="queue" fill error={error} commands={[command("sqs", "ListQueues")]}>
      <Table
        label="Queues"
        filter
        rows={data}
        rowKey={({ url }) => url}
        columns={[
          {
            key: "name",
            title: "Name",
            value: ({ name }) => name,
            cell: ({ name }) => <a href={href(["queues", name])}>{name}</a>,
          },
          {
            key: "waiting",
            title: "Waiting",
            width: "100px",
            end: true,
            value: ({ attributes }) => waiting(attributes),
            cell: ({ attributes }) => count(waiting(attributes)),
          },
          {
            key: "flight",
            title: "In flight",
            width: "100px",
            end: true,
            value: ({ attributes }) => inFlight(attributes),
            cell: ({ attributes }) => count(inFlight(attributes)),
          },
          {
            key: "delayed",
            less: true,
            title: "Delayed",
            width: "100px",
            end: true,
            value: ({ attributes }) => delayed(attributes),
            cell: ({ attributes }) => count(delayed(attributes)),
          },
          {
            key: "dead",
            less: true,
            title: "Dead letters go to",
            width: "26%",
            value: ({ attributes }) => deadLetters(attributes) ?? "",
            cell: ({ attributes }) => {
              const target = deadLetters(attributes);
              return target ? <a href={href(["queues", target])}>{target}</a> : <span className="soft">nowhere</span>;
            },
          },
        ]}
      />
    </Page>
  );
}

function deadLetters(attributes: Attributes): string | undefined {
  const policy = attributes["RedrivePolicy"];
  return policy ? nameOf(JSON.parse(policy).deadLetterTargetArn) : undefined;
}

interface Message {
  readonly MessageId: string;
  readonly Body: string;
  readonly BodyLength: number;
  readonly State: "visible" | "in-flight" | "delayed";
  readonly VisibleTimestamp?: number;
  readonly Attributes: Attributes;
  readonly MessageAttributes?: Readonly<
    Record<string, { DataType: string; StringValue?: string; BinaryValue?: string }>
  >;
}

interface Loaded {
  readonly url: string;
  readonly attributes: Attributes;
  readonly messages: readonly Message[];
  readonly more: boolean;
  readonly sources: readonly string[];
}

const PEEK_PAGES_MAX = 10;

async function load(name: string): Promise<Loaded> {
  const { QueueUrl: url } = await call<{ QueueUrl: string }>("sqs", "GetQueueUrl", { QueueName: name });
  const [{ Attributes: attributes }, sources] = await Promise.all([
    call<{ Attributes: Attributes }>("sqs", "GetQueueAttributes", { QueueUrl: url, AttributeNames: ACCOUNTED }),
    call<{ queueUrls?: string[] }>("sqs", "ListDeadLetterSourceQueues", { QueueUrl: url }),
  ]);
  const messages: Message[] = [];
  let next: string | undefined;
  for (let page = 0; page < PEEK_PAGES_MAX; page++) {
    const query: [string, string][] = [["QueueUrl", url]];
    if (next) query.push(["NextToken", next]);
    const response = await send("sqs", { method: "GET", path: "/_aws/sqs/messages", query });
    const { Messages, NextToken } = (await response.json()) as { Messages: Message[]; NextToken?: string };
    messages.push(...Messages);
    next = NextToken;
    if (!next) break;
  }
  return { url, attributes, messages, more: next !== undefined, sources: (sources.queueUrls ?? []).map(nameOf) };
}

const WORDS = { visible: "waiting", "in-flight": "in flight", delayed: "delayed" } as const;
const TONES = { visible: "plain", "in-flight": "busy", delayed: "warn" } as const;

function QueueView({ name }: { name: string }) {
  const route = useRoute();
  const tab = route.query.get("tab") ?? "messages";
  const selected = route.query.get("message") ?? undefined;
  const { data, error, reload } = useLoaded(() => load(name), [name], { services: SERVICES });
  const chosen = data?.messages.find(({ MessageId }) => MessageId === selected);
  const QueueUrl = data?.url ?? name;
  const purge = async () => {
    const yes = await confirm({
      title: `Purge ${name}?`,
      body: <p>Every message in it is deleted. This cannot be undone.</p>,
      command: command("sqs", "PurgeQueue", { QueueUrl }),
      action: "Purge queue",
    });
    if (yes && (await attempt(`Purged ${name}`, () => call("sqs", "PurgeQueue", { QueueUrl }, { traced: true }))))
      reload();
  };
  const redrive = async () => {
    const SourceArn = data!.attributes["QueueArn"]!;
    const yes = await confirm({
      title: `Send ${count(waiting(data!.attributes))} messages back?`,
      body: <p>Each goes to the queue that it came from, to be processed again.</p>,
      command: command("sqs", "StartMessageMoveTask", { SourceArn }),
      action: "Start redrive",
    });
    const start = () => call("sqs", "StartMessageMoveTask", { SourceArn }, { traced: true });
    if (yes && (await attempt("The messages are on their way back", start))) reload();
  };
  return (
    <Page
      title={name}
      icon="queue"
      fill={tab === "messages"}
      error={error}
      trail={[["Queues", ["queues"]]]}
      commands={[
        command("sqs", "GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] }),
        command("sqs", "ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 10 }),
        command("sqs", "SendMessage", { QueueUrl, MessageBody: "…" }),
      ]}
      actions={
        <>
          {data && data.sources.length > 0 && (
            <button type="button" onClick={redrive} disabled={waiting(data.attributes) === 0}>
              Redrive
            </button>
          )}
          <button type="button" className="danger" onClick={purge}>
            Purge
          </button>
        </>
      }
    >
      {data && (
        <div className="depths">
          {(
            [
              ["waiting", waiting(data.attributes)],
              ["in flight", inFlight(data.attributes)],
              ["delayed", delayed(data.attributes)],
            ] as const
          ).map(([what, much]) => (
            <div className="depth" key={what}>
              <b>{count(much)}</b>
              <span className="soft">{what}</span>
            </div>
          ))}
        </div>
      )}
      <Tabs
        current={tab}
        link={(key) => href(route.path, { tab: key })}
        tabs={[
          ["messages", "Messages"],
          ["send", "Send"],
          ["settings", "Settings"],
        ]}
      />
      {tab === "send" && data && <SendForm url={data.url} fifo={name.endsWith(".fifo")} onSent={reload} />}
      {tab === "settings" && data && <Settings data={data} />}
      {tab === "messages" && (
        <div className={chosen ? "split" : "split whole"}>
          <Table
            label={`Messages in ${name}`}
            filter
            rows={data?.messages}
            rowKey={({ MessageId }) => MessageId}
            selected={selected}
            empty="No message waits here."
            onOpen={({ MessageId }) => refine(route, { message: MessageId })}
            tools={data?.more && <span className="soft">The first {count(data.messages.length)} are shown.</span>}
            columns={[
              { key: "body", title: "Body", value: ({ Body }) => Body, cell: ({ Body }) => <code>{Body}</code> },
              {
                key: "state",
                title: "State",
                width: "100px",
                value: (message) => message.State,
                cell: (message) => <State tone={TONES[message.State]}>{WORDS[message.State]}</State>,
              },
              {
                key: "receives",
                less: true,
                title: "Received",
                width: "90px",
                end: true,
                value: ({ Attributes }) => number(Attributes, "ApproximateReceiveCount"),
                cell: ({ Attributes }) => Attributes["ApproximateReceiveCount"] ?? "0",
              },
              {
                key: "sent",
                title: "Sent",
                width: "150px",
                value: ({ Attributes }) => number(Attributes, "SentTimestamp"),
                cell: ({ Attributes }) => time(number(Attributes, "SentTimestamp")),
              },
            ]}
          />
          {chosen && <MessageView message={chosen} onClose={() => refine(route, { message: undefined })} />}
        </div>
      )}
    </Page>
  );
}

function MessageView({ message, onClose }: { message: Message; onClose(): void }) {
  const trace = /Root=([^;]+)/.exec(message.Attributes["AWSTraceHeader"] ?? "")?.[1];
  return (
    <aside className="detail" aria-label="The message">
      <header>
        <h2 className="mono">{message.MessageId}</h2>
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="actions">
        <State tone={TONES[message.State]}>{WORDS[message.State]}</State>
        <span className="soft">{bytes(message.BodyLength)}</span>
        <CopyButton text={message.Body} label="Copy body" />
        {trace && <a href={href(["traces", trace])}>Trace</a>}
      </div>
      <pre className="code">{pretty(message.Body)}</pre>
      {message.Body.length < message.BodyLength && <p className="soft">The rest is not shown.</p>}
      <Facts
        entries={[
          ...(message.VisibleTimestamp ? ([["Visible again", time(message.VisibleTimestamp)]] as const) : []),
          ...Object.entries(message.Attributes).map(
            ([key, value]) => [key, key.endsWith("Timestamp") ? time(Number(value), true) : value] as const,
          ),
          ...Object.entries(message.MessageAttributes ?? {}).map(
            ([key, value]) => [`${key} (${value.DataType})`, value.StringValue ?? value.BinaryValue ?? ""] as const,
          ),
        ]}
      />
    </aside>
  );
}

function SendForm({ url, fifo, onSent }: { url: string; fifo: boolean; onSent(): void }) {
  const [body, setBody] = useState("");
  const [delay, setDelay] = useState("0");
  const [group, setGroup] = useState("");
  const [unique, setUnique] = useState("");
  const input = {
    QueueUrl: url,
    MessageBody: body,
    ...(fifo
      ? { MessageGroupId: group, ...(unique ? { MessageDeduplicationId: unique } : {}) }
      : Number(delay) > 0
        ? { DelaySeconds: Number(delay) }
        : {}),
  };
  return (
    <form
      className="panel stacked"
      aria-label="Send a message"
      onSubmit={async (event) => {
        event.preventDefault();
        if (await attempt("Sent", () => call("sqs", "SendMessage", input, { traced: true }))) {
          setBody("");
          onSent();
        }
      }}
    >
      <Field label="Body">
        <textarea required rows={8} value={body} onChange={(event) => setBody(event.target.value)} spellCheck={false} />
      </Field>
      <div className="form-row">
        {fifo ? (
          <>
            <Field label="Message group" grow>
              <input required value={group} onChange={(event) => setGroup(event.target.value)} />
            </Field>
            <Field label="Deduplication id" grow>
              <input value={unique} onChange={(event) => setUnique(event.target.value)} />
            </Field>
          </>
        ) : (
          <Field label="Delay in seconds">
            <input type="number" min="0" max="900" value={delay} onChange={(event) => setDelay(event.target.value)} />
          </Field>
        )}
        <button type="submit" className="primary">
          Send
        </button>
        <CopyButton text={command("sqs", "SendMessage", input)} label="Copy as aws command" />
      </div>
    </form>
  );
}

function Settings({ data }: { data: Loaded }) {
  const dead = deadLetters(data.attributes);
  return (
    <div className="stacked">
      <Section title="Attributes">
        <div className="panel">
          <Facts
            entries={Object.entries(data.attributes).map(([key, value]) => [
              key,
              key.endsWith("Timestamp") ? time(Number(value)) : value,
            ])}
          />
        </div>
      </Section>
      {dead && (
        <p>
          Dead letters go to <a href={href(["queues", dead])}>{dead}</a>.
        </p>
      )}
      {data.sources.length > 0 && (
        <p>
          Dead letters come from{" "}
          {data.sources.map((source) => (
            <a key={source} href={href(["queues", source])}>
              {source}{" "}
            </a>
          ))}
        </p>
      )}
      <button
        type="button"
        className="danger"
        onClick={async () => {
          const yes = await confirm({
            title: "Delete this queue?",
            body: <p>It goes with every message in it. This cannot be undone.</p>,
            command: command("sqs", "DeleteQueue", { QueueUrl: data.url }),
            action: "Delete queue",
          });
          if (!yes) return;
          const gone = () => call("sqs", "DeleteQueue", { QueueUrl: data.url }, { traced: true });
          if (await attempt("Deleted", gone)) go(["queues"]);
          else announce("The queue is still there", true);
        }}
      >
        Delete queue
      </button>
    </div>
  );
}
