/** Secrets: that they are there; what they are only when it is asked for. */
import { useState } from "react";
import { all, call } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { useLoaded } from "../live/use-call.ts";
import { announce, attempt, confirm, Dialog, messageOf } from "../parts/announce.tsx";
import { pretty, time } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { Failure, Field, Page, State } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";

interface Secret {
  readonly ARN: string;
  readonly Name: string;
  readonly Description?: string;
  readonly RotationEnabled?: boolean;
  readonly LastChangedDate?: number;
  readonly DeletedDate?: number;
}

const RECOVERY_DAYS = 7;

export function Secrets() {
  const ask = () => all<Secret>("secretsmanager", "ListSecrets", {}, "SecretList");
  const { data, error, reload } = useLoaded(ask, [], { services: ["secretsmanager", "cloudformation"] });
  const [opened, setOpened] = useState<Secret>();
  const remove = async ({ Name, ARN }: Secret) => {
    const input = { SecretId: ARN, RecoveryWindowInDays: RECOVERY_DAYS };
    const yes = await confirm({
      title: `Delete the secret ${Name}?`,
      body: <p>It can be restored for {RECOVERY_DAYS} days.</p>,
      command: command("secretsmanager", "DeleteSecret", input),
      action: "Delete secret",
    });
    const gone = () => call("secretsmanager", "DeleteSecret", input, { traced: true });
    if (yes && (await attempt(`${Name} will be deleted`, gone))) reload();
  };
  return (
    <Page title="Secrets" icon="key" fill error={error} commands={[command("secretsmanager", "ListSecrets")]}>
      <Table
        label="Secrets"
        filter
        rows={data}
        rowKey={({ ARN }) => ARN}
        empty="No secret yet."
        onOpen={setOpened}
        columns={[
          { key: "name", title: "Name", value: ({ Name }) => Name, cell: ({ Name }) => <code>{Name}</code> },
          {
            key: "description",
            title: "Description",
            width: "32%",
            less: true,
            value: ({ Description }) => Description ?? "",
            cell: ({ Description }) => Description,
          },
          {
            key: "rotation",
            title: "Rotation",
            width: "120px",
            less: true,
            cell: ({ RotationEnabled }) =>
              RotationEnabled ? <State tone="good">on</State> : <State tone="plain">off</State>,
          },
          {
            key: "changed",
            title: "Changed",
            width: "150px",
            value: (secret) => secret.LastChangedDate ?? 0,
            cell: (secret) => time(secret.LastChangedDate),
          },
          {
            key: "actions",
            title: "",
            width: "56px",
            end: true,
            cell: (secret) => (
              <button
                type="button"
                className="quiet"
                aria-label={`Delete ${secret.Name}`}
                onClick={() => remove(secret)}
              >
                <Icon name="trash" size={14} />
              </button>
            ),
          },
        ]}
      />
      {opened && <SecretView secret={opened} onClose={() => setOpened(undefined)} />}
    </Page>
  );
}

function SecretView({ secret, onClose }: { secret: Secret; onClose(): void }) {
  const [shown, setShown] = useState(false);
  const [text, setText] = useState<string>();
  const value = useLoaded(
    shown
      ? () =>
          call<{ SecretString?: string; SecretBinary?: string }>("secretsmanager", "GetSecretValue", {
            SecretId: secret.ARN,
          })
      : undefined,
    [secret.ARN, shown],
  );
  const kept = value.data?.SecretString;
  const save = async () => {
    try {
      await call("secretsmanager", "PutSecretValue", { SecretId: secret.ARN, SecretString: text }, { traced: true });
      announce(`A new version of ${secret.Name} is current`);
      onClose();
    } catch (error) {
      announce(messageOf(error), true);
    }
  };
  return (
    <Dialog title={secret.Name} wide onClose={onClose}>
      {value.error && <Failure error={value.error} />}
      {!shown && (
        <button type="button" onClick={() => setShown(true)}>
          Show the value
        </button>
      )}
      {value.data && kept === undefined && <p className="soft">It is made of bytes; the AWS CLI gets them.</p>}
      {kept !== undefined && (
        <Field label="Value">
          <textarea
            rows={8}
            spellCheck={false}
            value={text ?? pretty(kept)}
            onChange={(event) => setText(event.target.value)}
          />
        </Field>
      )}
      <div className="actions">
        <button type="button" onClick={onClose}>
          Close
        </button>
        <button type="button" className="primary" disabled={text === undefined} onClick={save}>
          Save as a new version
        </button>
      </div>
    </Dialog>
  );
}
