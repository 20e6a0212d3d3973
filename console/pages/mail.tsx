/** Mail that was sent, as its reader would see it, but unable to do anything. */
import { useState } from "react";
import { send } from "../aws/client.ts";
import { useLoaded } from "../live/use-call.ts";
import { announce, confirm, messageOf } from "../parts/announce.tsx";
import { bytes, time } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { Facts, Page } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";
import { refine, useRoute } from "../routes.ts";
import { SafeFrame } from "./buckets.tsx";

interface MailMessage {
  readonly Id: string;
  readonly Timestamp: string;
  readonly Source: string;
  readonly Subject: string;
  readonly Destination: {
    readonly ToAddresses: string[];
    readonly CcAddresses: string[];
    readonly BccAddresses: string[];
  };
  readonly Body: { readonly text_part: string | null; readonly html_part: string | null };
  readonly Attachments: readonly {
    readonly FileName: string | null;
    readonly ContentType: string;
    readonly Size: number;
  }[];
  readonly Headers: readonly { readonly Name: string; readonly Value: string }[];
}

async function load(): Promise<MailMessage[]> {
  const response = await send("ses", { method: "GET", path: "/_aws/ses" });
  const { messages } = (await response.json()) as { messages: MailMessage[] };
  return messages.reverse();
}

const list = (addresses: readonly string[]): string => addresses.join(", ");

export function Mail() {
  const route = useRoute();
  const selected = route.query.get("id") ?? undefined;
  const { data, error, reload } = useLoaded(load, [], { services: ["ses", "sesv2", "lambda"] });
  const chosen = data?.find(({ Id }) => Id === selected);
  const remove = async (id?: string) => {
    const yes = await confirm({
      title: id ? "Delete this mail?" : "Empty the mailbox?",
      body: <p>It is only a copy: nothing that was handed on is taken back.</p>,
      command: `curl -X DELETE ${location.origin}/_aws/ses${id ? `?id=${id}` : ""}`,
      action: id ? "Delete mail" : "Empty mailbox",
    });
    if (!yes) return;
    try {
      await send("ses", { method: "DELETE", path: "/_aws/ses", query: id ? [["id", id]] : [] });
      reload();
    } catch (failure) {
      announce(messageOf(failure), true);
    }
  };
  return (
    <Page
      title="Mail"
      icon="mail"
      fill
      error={error}
      commands={[`curl ${location.origin}/_aws/ses`]}
      actions={
        <button type="button" className="danger" disabled={!data?.length} onClick={() => remove()}>
          Empty
        </button>
      }
    >
      <div className={chosen ? "split" : "split whole"}>
        <Table
          label="Mail"
          filter
          rows={data}
          rowKey={({ Id }) => Id}
          selected={selected}
          empty="No mail was sent yet."
          onOpen={({ Id }) => refine(route, { id: Id })}
          columns={[
            {
              key: "subject",
              title: "Subject",
              value: ({ Subject }) => Subject,
              cell: ({ Subject }) => Subject || "(none)",
            },
            {
              key: "to",
              less: true,
              title: "To",
              width: "28%",
              value: ({ Destination }) => list(Destination.ToAddresses),
              cell: ({ Destination }) => list(Destination.ToAddresses),
            },
            {
              key: "sent",
              title: "Sent",
              width: "150px",
              value: ({ Timestamp }) => Timestamp,
              cell: ({ Timestamp }) => time(Timestamp),
            },
          ]}
        />
        {chosen && (
          <MailView
            key={chosen.Id}
            mail={chosen}
            onClose={() => refine(route, { id: undefined })}
            onDelete={() => remove(chosen.Id)}
          />
        )}
      </div>
    </Page>
  );
}

type Part = "html" | "text" | "headers";

function MailView({ mail, onClose, onDelete }: { mail: MailMessage; onClose(): void; onDelete(): void }) {
  const { html_part: html, text_part: text } = mail.Body;
  const parts: Part[] = [
    ...(html === null ? [] : ["html" as const]),
    ...(text === null ? [] : ["text" as const]),
    "headers",
  ];
  const [part, setPart] = useState<Part>(parts[0]!);
  return (
    <aside className="detail" aria-label="The mail">
      <header>
        <h2>{mail.Subject || "(no subject)"}</h2>
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <Facts
        entries={[
          ["From", mail.Source],
          ["To", list(mail.Destination.ToAddresses)],
          ["Cc", list(mail.Destination.CcAddresses)],
          ["Bcc", list(mail.Destination.BccAddresses)],
          ["Sent", time(mail.Timestamp)],
          [
            "Attachments",
            mail.Attachments.map(({ FileName, Size }) => `${FileName ?? "unnamed"} (${bytes(Size)})`).join(", "),
          ],
        ]}
      />
      <fieldset className="actions choice">
        <legend className="unseen">What to show</legend>
        {parts.map((name) => (
          <button key={name} type="button" aria-pressed={part === name} onClick={() => setPart(name)}>
            {{ html: "HTML", text: "Text", headers: "Headers" }[name]}
          </button>
        ))}
        <button type="button" className="danger" onClick={onDelete}>
          <Icon name="trash" size={14} /> Delete
        </button>
      </fieldset>
      {part === "html" && html !== null && <SafeFrame title={mail.Subject || "Mail"} html={html} />}
      {part === "text" && <pre className="code">{text}</pre>}
      {part === "headers" && <Facts entries={mail.Headers.map(({ Name, Value }) => [Name, Value])} />}
    </aside>
  );
}
