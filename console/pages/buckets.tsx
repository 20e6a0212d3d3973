/** Buckets and what lies in them: look, upload, download, delete. Nothing that was uploaded is ever run. */
import { useEffect, useState } from "react";
import { aws, quoted } from "../aws/command.ts";
import {
  createBucket,
  deleteBucket,
  deleteObject,
  getObject,
  headObject,
  listBuckets,
  listObjects,
  putObject,
  type StoredObject,
} from "../aws/s3.ts";
import { useLoaded } from "../live/use-call.ts";
import { announce, attempt, confirm, messageOf } from "../parts/announce.tsx";
import { bytes, pretty, time } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { Facts, Failure, Page } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { go, href, refine, useRoute } from "../routes.ts";

export function Buckets({ path }: { path: readonly string[] }) {
  const [bucket, ...rest] = path;
  return bucket === undefined ? <BucketList /> : <Objects key={bucket} bucket={bucket} prefix={rest.join("/")} />;
}

function BucketList() {
  const { data, error, reload } = useLoaded(listBuckets, [], { services: ["s3"] });
  const [name, setName] = useState("");
  return (
    <Page title="Buckets" icon="bucket" error={error} commands={[aws("s3", "ls")]} fill>
      <Table
        label="Buckets"
        filter
        rows={data}
        rowKey={({ Name }) => Name}
        empty="No bucket yet. A stack brings some, or the field above."
        tools={
          <form
            className="actions"
            onSubmit={async (event) => {
              event.preventDefault();
              if (await attempt(`Created ${name}`, () => createBucket(name))) {
                setName("");
                reload();
              }
            }}
          >
            <input
              aria-label="Name of a new bucket"
              placeholder="new-bucket"
              required
              pattern="[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
              value={name}
              onChange={(event) => setName(event.target.value)}
              size={16}
            />
            <button type="submit">Create</button>
          </form>
        }
        columns={[
          {
            key: "name",
            title: "Name",
            value: ({ Name }) => Name,
            cell: ({ Name }) => <a href={href(["buckets", Name])}>{Name}</a>,
          },
          {
            key: "created",
            less: true,
            title: "Created",
            width: "180px",
            value: ({ CreationDate }) => CreationDate,
            cell: ({ CreationDate }) => time(CreationDate),
          },
          {
            key: "actions",
            title: "",
            width: "56px",
            end: true,
            cell: ({ Name }) => (
              <button
                type="button"
                className="quiet"
                aria-label={`Delete ${Name}`}
                onClick={async () => {
                  const yes = await confirm({
                    title: `Delete the bucket ${Name}?`,
                    body: <p>It has to be empty. This cannot be undone.</p>,
                    command: aws("s3", "rb", quoted(`s3://${Name}`)),
                    action: "Delete bucket",
                  });
                  if (yes && (await attempt(`Deleted ${Name}`, () => deleteBucket(Name)))) reload();
                }}
              >
                <Icon name="trash" size={14} />
              </button>
            ),
          },
        ]}
      />
    </Page>
  );
}

type Entry = { readonly prefix: string } | StoredObject;
const keyOf = (entry: Entry): string => ("prefix" in entry ? entry.prefix : entry.Key);
/** Followed by hand beyond this. */
const PAGES_AT_ONCE = 5;

async function list(bucket: string, prefix: string, pages: number): Promise<{ entries: Entry[]; more: boolean }> {
  const entries: Entry[] = [];
  let token: string | undefined;
  for (let page = 0; page < pages; page++) {
    const listing = await listObjects(bucket, prefix, token);
    entries.push(...(listing.CommonPrefixes ?? []).map(({ Prefix }) => ({ prefix: Prefix })));
    entries.push(...(listing.Contents ?? []));
    token = listing.NextContinuationToken;
    if (!token) break;
  }
  return { entries, more: token !== undefined };
}

function Objects({ bucket, prefix }: { bucket: string; prefix: string }) {
  const route = useRoute();
  const selected = route.query.get("key") ?? undefined;
  const [pages, setPages] = useState(PAGES_AT_ONCE);
  const [over, setOver] = useState(false);
  const { data, error, reload } = useLoaded(() => list(bucket, prefix, pages), [bucket, prefix, pages], {
    services: ["s3"],
  });

  const upload = async (files: readonly File[]) => {
    for (const file of files)
      await attempt(`Uploaded ${prefix}${file.name}`, () => putObject(bucket, prefix + file.name, file));
    reload();
  };
  const remove = async (key: string) => {
    const yes = await confirm({
      title: "Delete this object?",
      body: <p className="mono">{key}</p>,
      command: aws("s3", "rm", quoted(`s3://${bucket}/${key}`)),
      action: "Delete object",
    });
    if (!yes || !(await attempt("Deleted", () => deleteObject(bucket, key)))) return;
    if (selected === key) refine(route, { key: undefined });
    reload();
  };

  const columns: Column<Entry>[] = [
    {
      key: "key",
      title: "Name",
      value: keyOf,
      links: (entry) => "prefix" in entry,
      cell: (entry) =>
        "prefix" in entry ? (
          <a href={href(["buckets", bucket, ...entry.prefix.split("/").slice(0, -1), ""])}>
            {entry.prefix.slice(prefix.length)}
          </a>
        ) : (
          entry.Key.slice(prefix.length)
        ),
    },
    {
      key: "size",
      title: "Size",
      width: "90px",
      end: true,
      value: (entry) => ("prefix" in entry ? -1 : Number(entry.Size)),
      cell: (entry) => ("prefix" in entry ? "" : bytes(Number(entry.Size))),
    },
    {
      key: "modified",
      less: true,
      title: "Modified",
      width: "150px",
      value: (entry) => ("prefix" in entry ? "" : entry.LastModified),
      cell: (entry) => ("prefix" in entry ? "" : time(entry.LastModified)),
    },
  ];
  const segments = prefix.split("/").filter(Boolean);
  const parents = segments.slice(0, -1);
  return (
    <Page
      title={segments.at(-1) ?? bucket}
      icon="bucket"
      fill
      error={error}
      trail={[
        ["Buckets", ["buckets"]],
        ...(segments.length > 0 ? ([[bucket, ["buckets", bucket]]] as const) : []),
        ...parents.map((name, i) => [name, ["buckets", bucket, ...segments.slice(0, i + 1), ""]] as const),
      ]}
      commands={[
        aws("s3", "ls", quoted(`s3://${bucket}/${prefix}`)),
        aws("s3", "cp", "FILE", quoted(`s3://${bucket}/${prefix}`)),
        ...(selected ? [aws("s3", "cp", quoted(`s3://${bucket}/${selected}`), ".")] : []),
      ]}
      actions={
        <label className="button upload">
          <Icon name="upload" size={14} /> Upload
          <input
            type="file"
            multiple
            className="unseen"
            onChange={(event) => {
              void upload([...(event.target.files ?? [])]);
              event.target.value = "";
            }}
          />
        </label>
      }
    >
      <section
        aria-label="Objects"
        className={`${selected ? "split" : "split whole"}${over ? " drop" : ""}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void upload([...event.dataTransfer.files]);
        }}
      >
        <Table
          label={`Objects in ${bucket}/${prefix}`}
          filter
          rows={data?.entries}
          columns={columns}
          rowKey={keyOf}
          selected={selected}
          empty="Empty. Drop files here."
          onOpen={(entry) =>
            "prefix" in entry
              ? go(["buckets", bucket, ...entry.prefix.split("/").slice(0, -1), ""])
              : refine(route, { key: entry.Key })
          }
          tools={
            data?.more && (
              <button type="button" onClick={() => setPages(pages + PAGES_AT_ONCE)}>
                More
              </button>
            )
          }
        />
        {selected !== undefined && (
          <ObjectView
            key={selected}
            bucket={bucket}
            name={selected}
            onClose={() => refine(route, { key: undefined })}
            onDelete={() => remove(selected)}
          />
        )}
      </section>
    </Page>
  );
}

/** More of a text is not shown. */
const TEXT_BYTES_MAX = 256 * 1024;
const IMAGE_BYTES_MAX = 20 * 1024 * 1024;
const IMAGE = /^image\/(?:png|jpe?g|gif|webp|avif|bmp|svg\+xml|x-icon)/;
const TEXT = /^text\/|json|xml|javascript|yaml|csv|x-sh|toml/;

interface Preview {
  readonly facts: readonly (readonly [string, string])[];
  readonly type: string;
  readonly size: number;
  readonly image?: string;
  readonly text?: string;
  readonly cut?: boolean;
}

async function look(bucket: string, key: string): Promise<Preview> {
  const { headers } = await headObject(bucket, key);
  const type = headers.get("content-type") ?? "";
  const size = Number(headers.get("content-length") ?? 0);
  const facts = [
    ["Type", type],
    ["Size", bytes(size)],
    ["Modified", time(headers.get("last-modified"))],
    ["ETag", headers.get("etag") ?? ""],
    ["Version", headers.get("x-amz-version-id") ?? ""],
    ...[...headers].filter(([name]) => name.startsWith("x-amz-meta-")).map(([name, value]) => [name, value] as const),
  ] as const;
  if (IMAGE.test(type) && size <= IMAGE_BYTES_MAX) {
    const blob = await (await getObject(bucket, key)).blob();
    return { facts, type, size, image: URL.createObjectURL(blob) };
  }
  if (TEXT.test(type) || (type.includes("octet-stream") && size <= TEXT_BYTES_MAX)) {
    if (size === 0) return { facts, type, size, text: "" };
    const response = await getObject(bucket, key, `bytes=0-${TEXT_BYTES_MAX - 1}`);
    const text = await response.text();
    // Bytes that are no text are not shown as if they were.
    if (text.includes("\u0000")) return { facts, type, size };
    return { facts, type, size, text: /json/.test(type) ? pretty(text) : text, cut: size > TEXT_BYTES_MAX };
  }
  return { facts, type, size };
}

function ObjectView(props: { bucket: string; name: string; onClose(): void; onDelete(): void }) {
  const { bucket, name, onClose, onDelete } = props;
  const { data, error } = useLoaded(() => look(bucket, name), [bucket, name]);
  const [rendered, setRendered] = useState(false);
  const image = data?.image;
  useEffect(() => () => (image ? URL.revokeObjectURL(image) : undefined), [image]);
  const download = async () => {
    try {
      const url = URL.createObjectURL(await (await getObject(bucket, name)).blob());
      const link = Object.assign(document.createElement("a"), { href: url, download: name.split("/").pop() });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (failure) {
      announce(messageOf(failure), true);
    }
  };
  return (
    <aside className="detail" aria-label="The object">
      <header>
        <h2>{name.split("/").pop()}</h2>
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="actions">
        <button type="button" onClick={download}>
          <Icon name="download" size={14} /> Download
        </button>
        {data?.type.startsWith("text/html") && data.text !== undefined && (
          <button type="button" aria-pressed={rendered} onClick={() => setRendered(!rendered)}>
            {rendered ? "Source" : "Rendered"}
          </button>
        )}
        <button type="button" className="danger" onClick={onDelete}>
          <Icon name="trash" size={14} /> Delete
        </button>
      </div>
      {error && <Failure error={error} />}
      {data && <Facts entries={data.facts} />}
      {data?.image && <img className="preview-image" src={data.image} alt={name} />}
      {data?.text !== undefined &&
        (rendered ? <SafeFrame title={name} html={data.text} /> : <pre className="code">{data.text || "(empty)"}</pre>)}
      {data?.cut && <p className="soft">The rest is not shown; download it.</p>}
    </aside>
  );
}

/**
 * HTML of strangers: no scripts, no forms, no origin, nothing loaded from anywhere. The policy stands before whatever the document says, and the
 * frame's sandbox holds even if it did not.
 */
export function SafeFrame({ title, html }: { title: string; html: string }) {
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"><meta name="referrer" content="no-referrer">`;
  const srcDoc = policy + inert(html);
  return <iframe className="frame" title={title} sandbox="" referrerPolicy="no-referrer" srcDoc={srcDoc} />;
}

/** A browser looks ahead for images and styles before it has read a document's policy: so whatever could be fetched is taken out first. */
function inert(html: string): string {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const element of page.querySelectorAll("script, link, base, meta, iframe, frame, object, embed"))
    element.remove();
  for (const element of page.querySelectorAll("[src], [srcset], [poster], [background]")) {
    for (const name of ["src", "srcset", "poster", "background"]) {
      if (!element.getAttribute(name)?.startsWith("data:image/")) element.removeAttribute(name);
    }
  }
  return page.documentElement.outerHTML;
}
