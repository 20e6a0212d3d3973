/** Tables: their items by query or scan, edited as DynamoDB writes them, so that no number or set loses its type. */
import { useState } from "react";
import { ApiError, all, call } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { useLoaded } from "../live/use-call.ts";
import { attempt, confirm, Dialog, messageOf } from "../parts/announce.tsx";
import { bytes, count } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { Facts, Failure, Field, Page, State, Tabs } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { href, useRoute } from "../routes.ts";

type AttributeValue = Readonly<Record<string, unknown>>;
type Item = Readonly<Record<string, AttributeValue>>;

interface KeyElement {
  readonly AttributeName: string;
  readonly KeyType: "HASH" | "RANGE";
}

interface Description {
  readonly TableName: string;
  readonly TableStatus: string;
  readonly ItemCount: number;
  readonly TableSizeBytes: number;
  readonly KeySchema: readonly KeyElement[];
  readonly AttributeDefinitions: readonly { readonly AttributeName: string; readonly AttributeType: string }[];
  readonly GlobalSecondaryIndexes?: readonly {
    readonly IndexName: string;
    readonly KeySchema: readonly KeyElement[];
  }[];
  readonly LocalSecondaryIndexes?: readonly { readonly IndexName: string; readonly KeySchema: readonly KeyElement[] }[];
  readonly [member: string]: unknown;
}

const SERVICES = ["dynamodb", "lambda"];
const PAGE_ITEMS = 100;

export function Tables({ path }: { path: readonly string[] }) {
  return path[0] === undefined ? <TableList /> : <TableView key={path[0]} name={path[0]} />;
}

const describe = async (TableName: string): Promise<Description> =>
  (await call<{ Table: Description }>("dynamodb", "DescribeTable", { TableName })).Table;

async function listTables(): Promise<Description[]> {
  const token = ["LastEvaluatedTableName", "ExclusiveStartTableName"] as const;
  const names = await all<string>("dynamodb", "ListTables", {}, "TableNames", token);
  return Promise.all(names.map(describe));
}

const keysOf = (schema: readonly KeyElement[]): string => schema.map(({ AttributeName }) => AttributeName).join(", ");

function TableList() {
  const { data, error } = useLoaded(listTables, [], { services: SERVICES });
  return (
    <Page title="Tables" icon="table" fill error={error} commands={[command("dynamodb", "ListTables")]}>
      <Table
        label="Tables"
        filter
        rows={data}
        rowKey={({ TableName }) => TableName}
        columns={[
          {
            key: "name",
            title: "Name",
            value: ({ TableName }) => TableName,
            cell: ({ TableName }) => <a href={href(["tables", TableName])}>{TableName}</a>,
          },
          {
            key: "key",
            less: true,
            title: "Key",
            width: "22%",
            cell: ({ KeySchema }) => <code>{keysOf(KeySchema)}</code>,
          },
          {
            key: "items",
            title: "Items",
            width: "100px",
            end: true,
            value: ({ ItemCount }) => ItemCount,
            cell: ({ ItemCount }) => count(ItemCount),
          },
          {
            key: "size",
            less: true,
            title: "Size",
            width: "100px",
            end: true,
            value: ({ TableSizeBytes }) => TableSizeBytes,
            cell: ({ TableSizeBytes }) => bytes(TableSizeBytes),
          },
          {
            key: "status",
            title: "Status",
            width: "120px",
            cell: ({ TableStatus }) => <State tone={TableStatus === "ACTIVE" ? "good" : "busy"}>{TableStatus}</State>,
          },
        ]}
      />
    </Page>
  );
}

interface Asked {
  readonly operation: "Scan" | "Query";
  readonly index: string;
  readonly key: string;
  readonly filter: string;
  readonly names: string;
  readonly values: string;
}

const NOTHING: Asked = { operation: "Scan", index: "", key: "", filter: "", names: "", values: "" };

/** `{":id": "a", ":n": 1}` or as DynamoDB writes it: both are understood. */
function marshall(value: unknown): AttributeValue {
  if (value === null) return { NULL: true };
  if (typeof value === "string") return { S: value };
  if (typeof value === "number") return { N: String(value) };
  if (typeof value === "boolean") return { BOOL: value };
  if (Array.isArray(value)) return { L: value.map(marshall) };
  const entries = Object.entries(value as object);
  if (entries.length === 1 && /^(?:S|N|B|SS|NS|BS|M|L|NULL|BOOL)$/.test(entries[0]![0])) return value as AttributeValue;
  return { M: Object.fromEntries(entries.map(([name, member]) => [name, marshall(member)])) };
}

function inputOf(table: string, asked: Asked): Record<string, unknown> {
  const values = asked.values.trim() ? (JSON.parse(asked.values) as Record<string, unknown>) : undefined;
  return {
    TableName: table,
    ...(asked.index ? { IndexName: asked.index } : {}),
    ...(asked.operation === "Query" ? { KeyConditionExpression: asked.key } : {}),
    ...(asked.filter.trim() ? { FilterExpression: asked.filter } : {}),
    ...(asked.names.trim() ? { ExpressionAttributeNames: JSON.parse(asked.names) } : {}),
    ...(values
      ? { ExpressionAttributeValues: Object.fromEntries(Object.entries(values).map(([k, v]) => [k, marshall(v)])) }
      : {}),
  };
}

interface Found {
  readonly items: readonly Item[];
  readonly scanned: number;
  readonly more: boolean;
}

async function find(table: string, asked: Asked, pages: number): Promise<Found> {
  let input: Record<string, unknown>;
  try {
    input = { ...inputOf(table, asked), Limit: PAGE_ITEMS };
  } catch (error) {
    throw new ApiError("Not JSON", messageOf(error), 0);
  }
  const items: Item[] = [];
  let scanned = 0;
  let next: unknown;
  for (let page = 0; page < pages; page++) {
    const answer = await call<{ Items: Item[]; ScannedCount: number; LastEvaluatedKey?: unknown }>(
      "dynamodb",
      asked.operation,
      next ? { ...input, ExclusiveStartKey: next } : input,
    );
    items.push(...answer.Items);
    scanned += answer.ScannedCount;
    next = answer.LastEvaluatedKey;
    if (!next) break;
  }
  return { items, scanned, more: next !== undefined };
}

/** For reading: `"a"`, `1`, `{2 strings}`. */
export function shown(value: AttributeValue | undefined): string {
  if (value === undefined) return "";
  const [[type, content] = ["", ""]] = Object.entries(value) as [string, any][];
  switch (type) {
    case "S":
    case "N":
      return content;
    case "BOOL":
      return String(content);
    case "NULL":
      return "null";
    case "B":
      return `<${Math.floor((content.length * 3) / 4)} bytes>`;
    case "L":
      return `[${content.map(shown).join(", ")}]`;
    case "M":
      return `{ ${Object.entries(content as Item)
        .map(([name, member]) => `${name}: ${shown(member)}`)
        .join(", ")} }`;
    default:
      return `{${(content as string[]).join(", ")}}`;
  }
}

const COLUMNS_MAX = 10;

function columnsOf(keys: readonly string[], items: readonly Item[]): Column<Item>[] {
  const names = new Set(keys);
  for (const item of items) {
    for (const name of Object.keys(item)) if (names.size < COLUMNS_MAX) names.add(name);
    if (names.size >= COLUMNS_MAX) break;
  }
  return [...names].map((name) => ({
    key: name,
    title: name,
    value: (item) => {
      const { N } = item[name] ?? {};
      return N === undefined ? shown(item[name]) : Number(N);
    },
    cell: (item) => (keys.includes(name) ? <code>{shown(item[name])}</code> : shown(item[name])),
  }));
}

function TableView({ name }: { name: string }) {
  const route = useRoute();
  const tab = route.query.get("tab") ?? "items";
  const [asked, setAsked] = useState(NOTHING);
  const [draft, setDraft] = useState(NOTHING);
  const [pages, setPages] = useState(1);
  const [edited, setEdited] = useState<{ item: Item; isNew: boolean }>();
  const about = useLoaded(() => describe(name), [name], { services: SERVICES });
  const found = useLoaded(() => find(name, asked, pages), [name, asked, pages], { services: SERVICES });
  const table = about.data;
  const keys = table?.KeySchema.map(({ AttributeName }) => AttributeName) ?? [];
  const indexes = [...(table?.GlobalSecondaryIndexes ?? []), ...(table?.LocalSecondaryIndexes ?? [])];
  const keyOf = (item: Item) => JSON.stringify(keys.map((key) => item[key]));
  const set = (change: Partial<Asked>) => setDraft({ ...draft, ...change });
  const reload = () => {
    found.reload();
    about.reload();
  };
  const isQuery = draft.operation === "Query";
  let asCommand = command("dynamodb", "Scan", { TableName: name });
  try {
    asCommand = command("dynamodb", asked.operation, inputOf(name, asked));
  } catch {
    // Not valid yet; told beside the form.
  }
  return (
    <Page
      title={name}
      icon="table"
      fill={tab === "items"}
      error={about.error}
      trail={[["Tables", ["tables"]]]}
      commands={[asCommand, command("dynamodb", "DescribeTable", { TableName: name })]}
      facts={
        table && (
          <>
            <span>{count(table.ItemCount)} items</span>
            <span>{bytes(table.TableSizeBytes)}</span>
            <span className="mono">{keysOf(table.KeySchema)}</span>
          </>
        )
      }
      actions={
        table && (
          <button
            type="button"
            onClick={() =>
              setEdited({
                isNew: true,
                item: Object.fromEntries(
                  keys.map((key) => {
                    const type = table.AttributeDefinitions.find(({ AttributeName }) => AttributeName === key);
                    return [key, { [type?.AttributeType ?? "S"]: "" }];
                  }),
                ),
              })
            }
          >
            New item
          </button>
        )
      }
    >
      <Tabs
        current={tab}
        link={(key) => href(route.path, { tab: key })}
        tabs={[
          ["items", "Items"],
          ["about", "Definition"],
        ]}
      />
      {tab === "about" && table && <Definition table={table} />}
      {tab === "items" && (
        <>
          <form
            className="panel form-row"
            aria-label="Query or scan"
            onSubmit={(event) => {
              event.preventDefault();
              setPages(1);
              setAsked(draft);
            }}
          >
            <Field label="Operation">
              <select value={draft.operation} onChange={(event) => set({ operation: event.target.value as "Scan" })}>
                <option>Scan</option>
                <option>Query</option>
              </select>
            </Field>
            {indexes.length > 0 && (
              <Field label="Index">
                <select value={draft.index} onChange={(event) => set({ index: event.target.value })}>
                  <option value="">the table</option>
                  {indexes.map(({ IndexName }) => (
                    <option key={IndexName}>{IndexName}</option>
                  ))}
                </select>
              </Field>
            )}
            {isQuery && (
              <Field label="Key condition" grow>
                <input
                  required
                  className="mono"
                  placeholder={`${keys[0] ?? "id"} = :key`}
                  value={draft.key}
                  onChange={(event) => set({ key: event.target.value })}
                />
              </Field>
            )}
            <Field label="Filter" grow>
              <input
                className="mono"
                placeholder="begins_with(#n, :start)"
                value={draft.filter}
                onChange={(event) => set({ filter: event.target.value })}
              />
            </Field>
            <Field label="Values, as JSON" grow>
              <input
                className="mono"
                placeholder={'{":key": "a", ":n": 1}'}
                value={draft.values}
                onChange={(event) => set({ values: event.target.value })}
              />
            </Field>
            <Field label="Names, as JSON" grow>
              <input
                className="mono"
                placeholder={'{"#n": "name"}'}
                value={draft.names}
                onChange={(event) => set({ names: event.target.value })}
              />
            </Field>
            <button type="submit" className="primary">
              Run
            </button>
          </form>
          {found.error && <Failure error={found.error} />}
          <Table
            label={`Items of ${name}`}
            filter
            rows={table ? (found.data?.items ?? (found.error ? [] : undefined)) : undefined}
            columns={columnsOf(keys, found.data?.items ?? [])}
            rowKey={keyOf}
            empty="No item matches."
            onOpen={(item) => setEdited({ item, isNew: false })}
            tools={
              <>
                {found.data && asked.filter && <span className="soft">{count(found.data.scanned)} looked at</span>}
                {found.data?.more && (
                  <button type="button" onClick={() => setPages(pages + 5)}>
                    More
                  </button>
                )}
              </>
            }
          />
        </>
      )}
      {edited && (
        <ItemEditor table={name} keys={keys} {...edited} onClose={() => setEdited(undefined)} onChanged={reload} />
      )}
    </Page>
  );
}

interface EditorProps {
  readonly table: string;
  readonly keys: readonly string[];
  readonly item: Item;
  readonly isNew: boolean;
  onClose(): void;
  onChanged(): void;
}

function ItemEditor({ table, keys, item, isNew, onClose, onChanged }: EditorProps) {
  const [text, setText] = useState(() => JSON.stringify(item, null, 2));
  const [failure, setFailure] = useState("");
  const Key = Object.fromEntries(keys.map((key) => [key, item[key]]));
  const save = async () => {
    let Item: Item;
    try {
      Item = JSON.parse(text);
    } catch (error) {
      setFailure(messageOf(error));
      return;
    }
    // A new item replaces none that is there already.
    const condition = isNew
      ? { ConditionExpression: "attribute_not_exists(#key)", ExpressionAttributeNames: { "#key": keys[0]! } }
      : {};
    try {
      await call("dynamodb", "PutItem", { TableName: table, Item, ...condition }, { traced: true });
      onChanged();
      onClose();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  const remove = async () => {
    const yes = await confirm({
      title: "Delete this item?",
      body: <pre className="code">{JSON.stringify(Key, null, 2)}</pre>,
      command: command("dynamodb", "DeleteItem", { TableName: table, Key }),
      action: "Delete item",
    });
    const gone = () => call("dynamodb", "DeleteItem", { TableName: table, Key }, { traced: true });
    if (yes && (await attempt("Deleted", gone))) {
      onChanged();
      onClose();
    }
  };
  return (
    <Dialog title={isNew ? "New item" : "Item"} wide onClose={onClose}>
      <Field label="As DynamoDB writes it" hint="S text, N number, B bytes, BOOL, NULL, L list, M map, SS NS BS sets">
        <textarea
          className="editor"
          rows={Math.min(26, text.split("\n").length + 1)}
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </Field>
      {failure && (
        <p className="failure" role="alert">
          {failure}
        </p>
      )}
      <div className="actions">
        {!isNew && (
          <button type="button" className="danger" onClick={remove}>
            <Icon name="trash" size={14} /> Delete
          </button>
        )}
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="primary" onClick={save}>
          Save
        </button>
      </div>
    </Dialog>
  );
}

function Definition({ table }: { table: Description }) {
  const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, LocalSecondaryIndexes, ...rest } = table;
  const indexes = [...(GlobalSecondaryIndexes ?? []), ...(LocalSecondaryIndexes ?? [])];
  return (
    <div className="stacked">
      <div className="panel">
        <Facts entries={Object.entries(rest)} />
      </div>
      <Table
        label="Attributes of keys"
        rows={AttributeDefinitions}
        rowKey={({ AttributeName }) => AttributeName}
        columns={[
          { key: "name", title: "Attribute", cell: ({ AttributeName }) => <code>{AttributeName}</code> },
          { key: "type", title: "Type", cell: ({ AttributeType }) => AttributeType },
          {
            key: "use",
            title: "Key of",
            cell: ({ AttributeName }) =>
              [
                ...KeySchema.filter((key) => key.AttributeName === AttributeName).map(
                  ({ KeyType }) => `the table (${KeyType})`,
                ),
                ...indexes
                  .filter((index) => index.KeySchema.some((key) => key.AttributeName === AttributeName))
                  .map(({ IndexName }) => IndexName),
              ].join(", "),
          },
        ]}
      />
    </div>
  );
}
