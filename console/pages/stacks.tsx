/** Stacks: what they are made of, what they give out, what happened to them. */
import { call } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { useLoaded } from "../live/use-call.ts";
import { attempt, confirm } from "../parts/announce.tsx";
import { CopyButton } from "../parts/copy.tsx";
import { time } from "../parts/format.ts";
import { Facts, Page, State, Tabs, type Tone } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";
import { placeOf } from "../resources.ts";
import { href, useRoute } from "../routes.ts";

interface Stack {
  readonly StackId: string;
  readonly StackName: string;
  readonly StackStatus: string;
  readonly StackStatusReason?: string;
  readonly Description?: string;
  readonly CreationTime: string;
  readonly LastUpdatedTime?: string;
  readonly Parameters?: readonly { readonly ParameterKey: string; readonly ParameterValue: string }[] | "";
  readonly Outputs?:
    | readonly { readonly OutputKey: string; readonly OutputValue: string; readonly Description?: string }[]
    | "";
}

export interface StackResource {
  readonly LogicalResourceId: string;
  readonly PhysicalResourceId?: string;
  readonly ResourceType: string;
  readonly ResourceStatus: string;
  readonly LastUpdatedTimestamp?: string;
  readonly Timestamp?: string;
}

interface StackEvent {
  readonly EventId: string;
  readonly Timestamp: string;
  readonly LogicalResourceId: string;
  readonly ResourceType: string;
  readonly ResourceStatus: string;
  readonly ResourceStatusReason?: string;
}

export const toneOf = (status: string): Tone =>
  /FAILED|ROLLBACK/.test(status) ? "bad" : status.endsWith("_COMPLETE") ? "good" : "busy";

export const listStacks = async (): Promise<Stack[]> =>
  (await call<{ Stacks?: Stack[] | "" }>("cloudformation", "DescribeStacks")).Stacks || [];

export const stackResources = async (StackName: string): Promise<StackResource[]> =>
  (await call<{ StackResources?: StackResource[] | "" }>("cloudformation", "DescribeStackResources", { StackName }))
    .StackResources || [];

const SERVICES = ["cloudformation"];

export function Stacks({ path }: { path: readonly string[] }) {
  return path[0] === undefined ? <StackList /> : <StackView key={path[0]} name={path[0]} />;
}

function StackList() {
  const { data, error } = useLoaded(listStacks, [], { services: SERVICES });
  return (
    <Page title="Stacks" icon="stack" fill error={error} commands={[command("cloudformation", "DescribeStacks")]}>
      <Table
        label="Stacks"
        filter
        rows={data}
        rowKey={({ StackId }) => StackId}
        empty={
          <>
            No stack yet. In a folder with a template: <code>npx virga up</code>
          </>
        }
        columns={[
          {
            key: "name",
            title: "Name",
            width: "24%",
            value: ({ StackName }) => StackName,
            cell: ({ StackName }) => <a href={href(["stacks", StackName])}>{StackName}</a>,
          },
          {
            key: "status",
            title: "Status",
            width: "200px",
            value: ({ StackStatus }) => StackStatus,
            cell: ({ StackStatus }) => <State tone={toneOf(StackStatus)}>{StackStatus}</State>,
          },
          {
            key: "description",
            less: true,
            title: "Description",
            value: ({ Description }) => Description ?? "",
            cell: ({ Description }) => <span title={Description}>{Description}</span>,
          },
          {
            key: "changed",
            less: true,
            title: "Changed",
            width: "160px",
            value: (stack) => stack.LastUpdatedTime ?? stack.CreationTime,
            cell: (stack) => time(stack.LastUpdatedTime ?? stack.CreationTime),
          },
        ]}
      />
    </Page>
  );
}

async function load(StackName: string) {
  const [{ Stacks }, resources, { StackEvents }] = await Promise.all([
    call<{ Stacks: Stack[] }>("cloudformation", "DescribeStacks", { StackName }),
    stackResources(StackName),
    call<{ StackEvents?: StackEvent[] | "" }>("cloudformation", "DescribeStackEvents", { StackName }),
  ]);
  return { stack: Stacks[0]!, resources, events: StackEvents || [] };
}

function StackView({ name }: { name: string }) {
  const route = useRoute();
  const tab = route.query.get("tab") ?? "resources";
  const { data, error, reload } = useLoaded(() => load(name), [name], { services: SERVICES });
  const stack = data?.stack;
  const remove = async () => {
    const yes = await confirm({
      title: `Delete the stack ${name}?`,
      body: <p>All of its resources go, and what is stored in them. This cannot be undone.</p>,
      command: command("cloudformation", "DeleteStack", { StackName: name }),
      action: "Delete stack",
    });
    const start = () => call("cloudformation", "DeleteStack", { StackName: name }, { traced: true });
    if (yes && (await attempt(`${name} is being deleted`, start))) reload();
  };
  return (
    <Page
      title={name}
      icon="stack"
      fill
      error={error}
      trail={[["Stacks", ["stacks"]]]}
      facts={
        stack && (
          <>
            <State tone={toneOf(stack.StackStatus)}>{stack.StackStatus}</State>
            {stack.StackStatusReason && <span>{stack.StackStatusReason}</span>}
            <span>{stack.Description}</span>
          </>
        )
      }
      commands={[
        command("cloudformation", "DescribeStacks", { StackName: name }),
        command("cloudformation", "DescribeStackResources", { StackName: name }),
        command("cloudformation", "DescribeStackEvents", { StackName: name }),
      ]}
      actions={
        <>
          <a className="button" href={href(["map"], { stack: name })}>
            Map
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
          ["resources", `Resources${data ? ` (${data.resources.length})` : ""}`],
          ["outputs", "Outputs"],
          ["events", "Events"],
          ["parameters", "Parameters"],
        ]}
      />
      {tab === "resources" && (
        <Table
          label="Resources"
          filter
          rows={data?.resources}
          rowKey={({ LogicalResourceId }) => LogicalResourceId}
          columns={[
            {
              key: "logical",
              title: "Logical id",
              width: "22%",
              value: ({ LogicalResourceId }) => LogicalResourceId,
              cell: (resource) => {
                const place = placeOf(resource.ResourceType, resource.PhysicalResourceId);
                return place ? <a href={href(place)}>{resource.LogicalResourceId}</a> : resource.LogicalResourceId;
              },
            },
            {
              key: "type",
              less: true,
              title: "Type",
              width: "24%",
              value: ({ ResourceType }) => ResourceType,
              cell: ({ ResourceType }) => ResourceType,
            },
            {
              key: "physical",
              less: true,
              title: "Physical id",
              value: ({ PhysicalResourceId }) => PhysicalResourceId ?? "",
              cell: ({ PhysicalResourceId }) => <code title={PhysicalResourceId}>{PhysicalResourceId}</code>,
            },
            {
              key: "status",
              title: "Status",
              width: "190px",
              value: ({ ResourceStatus }) => ResourceStatus,
              cell: ({ ResourceStatus }) => <State tone={toneOf(ResourceStatus)}>{ResourceStatus}</State>,
            },
          ]}
        />
      )}
      {tab === "outputs" && (
        <Table
          label="Outputs"
          rows={data && (stack?.Outputs || [])}
          rowKey={({ OutputKey }) => OutputKey}
          empty="It gives nothing out."
          columns={[
            {
              key: "key",
              title: "Output",
              width: "22%",
              value: ({ OutputKey }) => OutputKey,
              cell: ({ OutputKey }) => OutputKey,
            },
            { key: "value", title: "Value", cell: ({ OutputValue }) => <Output value={OutputValue} /> },
            { key: "copy", title: "", width: "52px", cell: ({ OutputValue }) => <CopyButton text={OutputValue} /> },
            {
              key: "description",
              less: true,
              title: "Description",
              width: "28%",
              value: ({ Description }) => Description ?? "",
              cell: ({ Description }) => Description,
            },
          ]}
        />
      )}
      {tab === "events" && (
        <Table
          label="Events"
          filter
          rows={data?.events}
          rowKey={({ EventId }) => EventId}
          columns={[
            {
              key: "time",
              title: "When",
              width: "170px",
              value: ({ Timestamp }) => Timestamp,
              cell: ({ Timestamp }) => time(Timestamp, true),
            },
            {
              key: "id",
              title: "Logical id",
              width: "20%",
              value: ({ LogicalResourceId }) => LogicalResourceId,
              cell: ({ LogicalResourceId }) => LogicalResourceId,
            },
            {
              key: "status",
              title: "Status",
              width: "220px",
              value: ({ ResourceStatus }) => ResourceStatus,
              cell: ({ ResourceStatus }) => <State tone={toneOf(ResourceStatus)}>{ResourceStatus}</State>,
            },
            {
              key: "reason",
              less: true,
              title: "Reason",
              value: ({ ResourceStatusReason }) => ResourceStatusReason ?? "",
              cell: ({ ResourceStatusReason }) => <span title={ResourceStatusReason}>{ResourceStatusReason}</span>,
            },
          ]}
        />
      )}
      {tab === "parameters" && stack && (
        <div className="panel">
          <Facts
            entries={[
              ["StackId", <code key="id">{stack.StackId}</code>],
              ["Created", time(stack.CreationTime)],
              ...(stack.Parameters || []).map(
                ({ ParameterKey, ParameterValue }) => [ParameterKey, ParameterValue] as const,
              ),
            ]}
          />
        </div>
      )}
    </Page>
  );
}

/** An address can be followed if it is one; nothing else is a link. */
function Output({ value }: { value: string }) {
  return /^https?:\/\//.test(value) ? (
    <a href={value} target="_blank" rel="noreferrer">
      {value}
    </a>
  ) : (
    <code title={value}>{value}</code>
  );
}
