/** Parameters of the Parameter Store. What is secure is shown when it is asked for, and not before. */
import { useState } from "react";
import { all, call } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { useLoaded } from "../live/use-call.ts";
import { announce, attempt, confirm, Dialog, messageOf } from "../parts/announce.tsx";
import { time } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { Failure, Field, Page, State } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";

interface Parameter {
  readonly Name: string;
  readonly Type: string;
  readonly Version: number;
  readonly LastModifiedDate: number;
  readonly Description?: string;
}

const TYPES = ["String", "StringList", "SecureString"];

export function Parameters() {
  const { data, error, reload } = useLoaded(() => all<Parameter>("ssm", "DescribeParameters", {}, "Parameters"), [], {
    services: ["ssm", "cloudformation"],
  });
  const [edited, setEdited] = useState<Parameter | "new">();
  const remove = async (Name: string) => {
    const yes = await confirm({
      title: `Delete the parameter ${Name}?`,
      body: <p>All of its versions go. This cannot be undone.</p>,
      command: command("ssm", "DeleteParameter", { Name }),
      action: "Delete parameter",
    });
    if (yes && (await attempt(`Deleted ${Name}`, () => call("ssm", "DeleteParameter", { Name }, { traced: true }))))
      reload();
  };
  return (
    <Page
      title="Parameters"
      icon="parameter"
      fill
      error={error}
      commands={[command("ssm", "DescribeParameters")]}
      actions={
        <button type="button" onClick={() => setEdited("new")}>
          New parameter
        </button>
      }
    >
      <Table
        label="Parameters"
        filter
        rows={data}
        rowKey={({ Name }) => Name}
        empty="No parameter yet."
        onOpen={setEdited}
        columns={[
          { key: "name", title: "Name", value: ({ Name }) => Name, cell: ({ Name }) => <code>{Name}</code> },
          {
            key: "description",
            title: "Description",
            width: "26%",
            less: true,
            value: ({ Description }) => Description ?? "",
            cell: ({ Description }) => Description,
          },
          {
            key: "type",
            title: "Type",
            width: "140px",
            value: ({ Type }) => Type,
            cell: ({ Type }) => <State tone={Type === "SecureString" ? "warn" : "plain"}>{Type}</State>,
          },
          {
            key: "version",
            title: "Version",
            width: "90px",
            end: true,
            value: ({ Version }) => Version,
            cell: ({ Version }) => Version,
          },
          {
            key: "changed",
            title: "Changed",
            width: "150px",
            less: true,
            value: (parameter) => parameter.LastModifiedDate,
            cell: (parameter) => time(parameter.LastModifiedDate),
          },
          {
            key: "actions",
            title: "",
            width: "56px",
            end: true,
            cell: ({ Name }) => (
              <button type="button" className="quiet" aria-label={`Delete ${Name}`} onClick={() => remove(Name)}>
                <Icon name="trash" size={14} />
              </button>
            ),
          },
        ]}
      />
      {edited && (
        <Editor
          parameter={edited === "new" ? undefined : edited}
          onClose={() => setEdited(undefined)}
          onChanged={reload}
        />
      )}
    </Page>
  );
}

interface EditorProps {
  readonly parameter: Parameter | undefined;
  onClose(): void;
  onChanged(): void;
}

function Editor({ parameter, onClose, onChanged }: EditorProps) {
  const secure = parameter?.Type === "SecureString";
  const [shown, setShown] = useState(!secure);
  const [name, setName] = useState(parameter?.Name ?? "/");
  const [type, setType] = useState(parameter?.Type ?? "String");
  const [value, setValue] = useState<string>();
  const kept = useLoaded(
    parameter && shown
      ? async () =>
          (
            await call<{ Parameter: { Value: string } }>("ssm", "GetParameter", {
              Name: parameter.Name,
              WithDecryption: true,
            })
          ).Parameter.Value
      : undefined,
    [parameter?.Name, shown],
  );
  const text = value ?? kept.data ?? "";
  const save = async () => {
    const input = { Name: name, Type: type, Value: text, Overwrite: parameter !== undefined };
    try {
      await call("ssm", "PutParameter", input, { traced: true });
      announce(`Kept ${name}`);
      onChanged();
      onClose();
    } catch (error) {
      announce(messageOf(error), true);
    }
  };
  return (
    <Dialog title={parameter?.Name ?? "New parameter"} wide onClose={onClose}>
      <form
        className="stacked"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {!parameter && (
          <div className="form-row">
            <Field label="Name" grow>
              <input required className="mono" value={name} onChange={(event) => setName(event.target.value)} />
            </Field>
            <Field label="Type">
              <select value={type} onChange={(event) => setType(event.target.value)}>
                {TYPES.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </select>
            </Field>
          </div>
        )}
        {kept.error && <Failure error={kept.error} />}
        {shown ? (
          <Field label="Value">
            <textarea
              required
              rows={6}
              spellCheck={false}
              value={text}
              onChange={(event) => setValue(event.target.value)}
            />
          </Field>
        ) : (
          <button type="button" onClick={() => setShown(true)}>
            Show the value
          </button>
        )}
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className="primary"
            disabled={!shown || (parameter !== undefined && kept.data === undefined)}
          >
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
