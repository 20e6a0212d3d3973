/**
 * Accepting mail: checks in SES's order, MIME, and one transaction that stores it, counts it and puts it into the outbox for the relay.
 *
 * @see https://docs.aws.amazon.com/ses/latest/dg/quotas.html
 */
import { arn } from "../../kernel/arn.ts";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { type Blob, dropBlob, keepBlob } from "../../storage/blobs.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, Principal } from "../service.ts";
import { addressFault, parseMailbox, parseMailboxes } from "./addresses.ts";
import { sendingIdentity } from "./identities.ts";
import {
  composeMime,
  type Draft,
  type DraftAttachment,
  headerOf,
  headersOf,
  outgoingMime,
  readHeaders,
} from "./mime.ts";
import { compileTemplate, InvalidTemplate, MissingAttribute, renderTemplate } from "./render.ts";
import {
  type Destination,
  mailboxes,
  mailboxKey,
  mailKey,
  mailKeys,
  mailNumberKey,
  mailNumbers,
  mails,
  type StoredMail,
  sentCounts,
  sentKey,
  sentKeys,
  type Template,
  type Where,
} from "./state.ts";

/** The two APIs say the same in different codes. */
export interface MailApi {
  readonly invalid: (message: string) => AwsError;
  readonly messageBytesMax: number;
  /** Accepted mail goes to a relay as well. */
  readonly relayed: boolean;
}

const RECIPIENTS_MAX = 50;
/** Up to here a message lies in its record, beyond in a file. */
const INLINE_BYTES_MAX = 16 * 1024;
/** AWS keeps no mail at all; the mailbox keeps the latest. */
export const KEPT_MAX = 10_000;
/** GetSendStatistics counts by the quarter of an hour, for two weeks. */
export const PERIOD_MS = 15 * 60_000;
export const STATISTICS_MS = 14 * 24 * 3_600_000;

/** Handed to the relay: an SMTP envelope and the message. */
export interface RelayedMail {
  readonly id: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly mime: Buffer;
}

export type Relay = (mail: RelayedMail) => Promise<void>;

export const MAIL_ACCEPTED = "ses.MailAccepted";

/** What every way of sending has. */
export interface Envelope {
  readonly from: string | undefined;
  readonly destination: Destination;
  readonly replyTo: readonly string[];
  readonly returnPath: string | undefined;
  readonly tags: StoredMail["tags"];
}

export interface Content {
  readonly subject: string;
  readonly text: string | undefined;
  readonly html: string | undefined;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly attachments: readonly DraftAttachment[];
}

/** @throws the API's invalid parameter, MessageRejected */
export async function sendFormatted(
  flow: FlowContext,
  api: MailApi,
  envelope: Envelope,
  content: Content,
): Promise<string> {
  checkEnvelope(api, envelope);
  checkHeaders(api, content.headers);
  const { from, destination, replyTo } = envelope;
  const { id, nowMs } = newMessageId(flow);
  const draft: Draft = {
    from: from!,
    to: destination.to,
    cc: destination.cc,
    replyTo,
    ...content,
    messageId: internetMessageId(flow, id),
    dateMs: nowMs,
  };
  const mime = await composeMime(draft);
  const recipients = [...destination.to, ...destination.cc, ...destination.bcc].map((one) => parseMailbox(one).address);
  await accept(
    flow,
    api,
    mime,
    {
      id,
      accountId: flow.accountId,
      region: flow.region,
      createdMs: nowMs,
      source: from!,
      destination,
      recipients: [...new Set(recipients)],
      returnPath: parseMailbox(envelope.returnPath ?? from!).address,
      raw: false,
      ...(unterminated(content) ? { unterminated: true } : {}),
      tags: envelope.tags,
    },
    envelope.returnPath === undefined ? [from!] : [from!, envelope.returnPath],
  );
  return id;
}

/**
 * A message in MIME form. Whom it goes to: the given destinations, else whom its headers name.
 *
 * @throws the API's invalid parameter, MessageRejected
 */
export async function sendRaw(
  flow: FlowContext,
  api: MailApi,
  envelope: {
    readonly from: string | undefined;
    readonly destinations: readonly string[] | undefined;
    readonly returnPath: string | undefined;
    readonly tags: StoredMail["tags"];
  },
  data: Uint8Array,
): Promise<string> {
  const { headers, illegal } = readHeaders(data);
  if (illegal !== undefined) {
    throw api.invalid(illegal === "" ? "Empty header names are illegal." : `Illegal header '${illegal}'.`);
  }
  const header = headers.find(({ name }) => /^x-ses-(?!message-tags$)/i.test(name));
  if (header) throw notImplemented(`the mail header ${header.name}`);
  const headerFrom = headerOf(headers, "from");
  const from = envelope.from ?? headerFrom;
  if (from === undefined || from === "") throw api.invalid("Missing required header 'From'.");
  // A header may name several authors; each of them must be verified.
  const authors = headersOf(headers, "from").flatMap((value) => parseMailboxes(value).map(formatMailbox));
  const senders = [...(envelope.from === undefined ? [] : [envelope.from]), ...authors];
  if (senders.length === 0) throw api.invalid("Missing final '@domain'");
  checkAddresses(api, [...senders, ...(envelope.destinations ?? [])]);
  const named = (name: string) => headersOf(headers, name).flatMap((value) => parseMailboxes(value));
  const [to, cc, bcc] = [named("to"), named("cc"), named("bcc")];
  for (const { address } of [...to, ...cc, ...bcc]) checkAddresses(api, [address]);
  const recipients = [
    ...new Set(
      envelope.destinations?.length
        ? envelope.destinations.map((one) => parseMailbox(one).address)
        : [...to, ...cc, ...bcc].map(({ address }) => address),
    ),
  ];
  checkCount(api, recipients.length);
  const shown = new Set([...to, ...cc].map(({ address }) => address));
  const within = (mailboxes: readonly { name: string; address: string }[]) =>
    mailboxes.filter(({ address }) => recipients.includes(address)).map(formatMailbox);
  const { id, nowMs } = newMessageId(flow);
  const returnPath = envelope.returnPath ?? headerOf(headers, "return-path");
  await accept(
    flow,
    api,
    data,
    {
      id,
      accountId: flow.accountId,
      region: flow.region,
      createdMs: nowMs,
      source: from,
      destination: { to: within(to), cc: within(cc), bcc: recipients.filter((address) => !shown.has(address)) },
      recipients,
      returnPath: parseMailbox(returnPath || senders[0]!).address,
      raw: true,
      tags: envelope.tags,
    },
    [...senders, headerOf(headers, "sender"), returnPath].filter((one) => one !== undefined && one !== "") as string[],
  );
  return id;
}

/**
 * A stored or given template. When the data lacks something, SES has accepted the message already: it is not sent, and the caller hears
 * nothing of it.
 *
 * @param data JSON text
 * @throws the API's invalid parameter when the data is no JSON object
 */
export async function sendTemplated(
  flow: FlowContext,
  api: MailApi,
  envelope: Envelope,
  template: Omit<Template, "createdMs">,
  data: unknown,
  more: Pick<Content, "headers" | "attachments"> = { headers: [], attachments: [] },
): Promise<string> {
  checkEnvelope(api, envelope);
  let content: Content;
  try {
    content = { ...renderParts(template, data), ...more };
  } catch (error) {
    if (!(error instanceof MissingAttribute || error instanceof InvalidTemplate)) throw error;
    await flow.write((tx) => checkVerified(tx, flow, senders(envelope)));
    flow.log.warn("A mail was not sent because its template cannot be rendered", {
      template: template.name,
      reason: error.message,
    });
    return newMessageId(flow).id;
  }
  return sendFormatted(flow, api, envelope, content);
}

/** Whether the message has one part only, and that no line break at its end. */
function unterminated({ text, html, attachments }: Content): boolean {
  const parts = [text, html].filter((part) => part !== undefined && part !== "");
  return attachments.length === 0 && parts.length === 1 && !/[\r\n]$/.test(parts[0]!);
}

const senders = ({ from, returnPath }: Envelope): string[] =>
  returnPath === undefined ? [from!] : [from!, returnPath];

/** @throws MissingAttribute, InvalidTemplate */
export function renderParts({ subject, text, html }: Omit<Template, "createdMs">, data: unknown) {
  const render = (source: string) => renderTemplate(compileTemplate(source), data);
  return {
    subject: render(subject ?? ""),
    text: text === undefined ? undefined : render(text),
    html: html === undefined ? undefined : render(html),
  };
}

/** @throws `invalid` unless it is the JSON text of an object */
export function parseTemplateData(text: string | undefined, invalid: () => AwsError): Record<string, unknown> {
  if (text === undefined || text === "") return {};
  try {
    const data: unknown = JSON.parse(text);
    if (typeof data === "object" && data !== null && !Array.isArray(data)) return data as Record<string, unknown>;
  } catch {}
  throw invalid();
}

function checkEnvelope(api: MailApi, { from, destination, replyTo, returnPath }: Envelope): void {
  if (from === undefined || from === "") throw api.invalid("Missing required header 'From'.");
  const { to, cc, bcc } = destination;
  checkAddresses(api, [from, ...(returnPath === undefined ? [] : [returnPath]), ...to, ...cc, ...bcc, ...replyTo]);
  checkCount(api, to.length + cc.length + bcc.length);
}

function checkAddresses(api: MailApi, addresses: readonly string[]): void {
  for (const address of addresses) {
    const fault = addressFault(address);
    if (fault !== undefined) throw api.invalid(fault);
    const { address: spec } = parseMailbox(address);
    if (spec.length > 320) throw api.invalid("Address length is more than 320 characters long.");
  }
}

function checkCount(api: MailApi, recipients: number): void {
  if (recipients === 0) throw api.invalid("Empty required header 'To'.");
  if (recipients > RECIPIENTS_MAX) throw api.invalid(`Recipient count exceeds ${RECIPIENTS_MAX}.`);
}

/** Headers that the sender adds: none that SES makes itself, and no line breaks. */
function checkHeaders(api: MailApi, headers: Content["headers"]): void {
  for (const { name, value } of headers) {
    if (!/^[!-9;-~]{1,126}$/.test(name)) throw api.invalid(`Illegal header '${name}'.`);
    if (value.length > 870 || !/^[ -~]*$/.test(value)) throw api.invalid(`Header '${name}' has an invalid value.`);
    if (
      /^(from|to|cc|bcc|reply-to|sender|return-path|subject|date|message-id|mime-version|content-.*|x-ses-.*)$/i.test(
        name,
      )
    ) {
      throw api.invalid(`Header '${name}' is not allowed.`);
    }
  }
}

/** @throws MessageRejected naming all that are not verified */
function checkVerified(tx: Transaction, where: Where, addresses: readonly string[]): void {
  const failed = addresses.filter((given) => !sendingIdentity(tx, where, parseMailbox(given).address));
  if (failed.length === 0) return;
  throw new AwsError(
    "MessageRejected",
    `Email address is not verified. The following identities failed the check in region ${where.region.toUpperCase()}: ${[...new Set(failed)].join(", ")}`,
  );
}

/** SNS sends from an address of its own, which nobody has to verify. */
const isNotifier = (principal: Principal): boolean =>
  principal.type === "service" && principal.service === "sns.amazonaws.com";

async function accept(
  flow: FlowContext,
  api: MailApi,
  mime: Uint8Array,
  mail: StoredMail,
  verified: readonly string[],
): Promise<void> {
  if (mime.length > api.messageBytesMax) {
    throw api.invalid(`Message length is more than ${api.messageBytesMax} bytes long: '${mime.length}'.`);
  }
  const blob = mime.length > INLINE_BYTES_MAX ? await flow.blobs.write(mime) : undefined;
  try {
    await flow.write((tx, context) => {
      const resource = arn("ses", flow.region, flow.accountId, `identity/${mail.source.replace(/^.*@|>.*$/g, "")}`);
      context.use({ resource, usageType: "Recipients", quantity: mail.recipients.length });
      context.measure({
        namespace: "AWS/SES",
        name: "Send",
        dimensions: {},
        unit: "Count",
        value: mail.recipients.length,
      });
      if (!isNotifier(flow.principal)) checkVerified(tx, flow, verified);
      store(tx, mail, mime, blob);
      if (api.relayed) tx.emit({ type: MAIL_ACCEPTED, detail: { id: mail.id } });
    });
  } catch (error) {
    if (blob) await flow.blobs.discard(blob);
    throw error;
  }
}

function store(tx: Transaction, mail: StoredMail, mime: Uint8Array, blob: Blob | undefined): void {
  if (blob) keepBlob(tx, blob);
  const mailbox = mailboxes.get(tx, mailboxKey) ?? { kept: 0, next: 1 };
  const number = mailbox.next;
  const kept = mailbox.kept + 1;
  mails.put(tx, mailKey(number), { ...mail, ...(blob ? { blob } : { mime }) });
  mailNumbers.put(tx, mailNumberKey(mail.id), { number });
  mailboxes.put(tx, mailboxKey, { kept, next: number + 1 });
  if (kept > KEPT_MAX) {
    const { start, end } = mailKeys();
    for (const [, oldest] of [...mails.range(tx, start, end, { limit: kept - KEPT_MAX })]) forgetMail(tx, oldest);
  }
  count(tx, mail);
}

/** The mail of this id, while it is in the mailbox. */
export function findMail(tx: Transaction, id: string): StoredMail | undefined {
  const known = mailNumbers.get(tx, mailNumberKey(id));
  return known && mails.get(tx, mailKey(known.number));
}

/** Takes a mail out of the mailbox. */
export function forgetMail(tx: Transaction, mail: StoredMail): void {
  const { number } = mailNumbers.get(tx, mailNumberKey(mail.id))!;
  tx.delete(mailKey(number));
  tx.delete(mailNumberKey(mail.id));
  if (mail.blob) dropBlob(tx, mail.blob);
  const { kept, next } = mailboxes.get(tx, mailboxKey)!;
  mailboxes.put(tx, mailboxKey, { kept: kept - 1, next });
}

function count(tx: Transaction, { accountId, region, createdMs, recipients }: StoredMail): void {
  const where = { accountId, region };
  const key = sentKey(where, Math.floor(createdMs / PERIOD_MS) * PERIOD_MS);
  const known = sentCounts.get(tx, key);
  if (!known) {
    const past = sentKey(where, createdMs - STATISTICS_MS);
    for (const [old] of [...tx.range(sentKeys(where).start, past)]) tx.delete(old);
  }
  sentCounts.put(tx, key, { attempts: (known?.attempts ?? 0) + recipients.length });
}

/**
 * Hands a mail to the relay. A mail that was taken out of the mailbox in the meantime is not sent.
 *
 * @throws whatever the relay throws: it is tried again
 */
export async function relayMail(flow: FlowContext, relay: Relay, { id }: { readonly id: string }): Promise<void> {
  const mail = await flow.write((tx) => findMail(tx, id));
  if (!mail) return;
  const mime = await readMail(flow, mail);
  await relay({
    id,
    from: mail.returnPath,
    to: mail.recipients,
    mime: mail.raw ? outgoingMime(mime, internetMessageId(mail, id), mail.createdMs) : mime,
  });
}

/** The message as it was given or composed. */
export async function readMail(flow: Pick<FlowContext, "blobs">, { mime, blob }: StoredMail): Promise<Buffer> {
  return blob ? flow.blobs.readAll(blob) : Buffer.from(mime!);
}

/** `0100018f2a3b4c5d-…-000000`: it begins with the time, as AWS's do. */
function newMessageId(flow: FlowContext): { readonly id: string; readonly nowMs: number } {
  const nowMs = flow.clock.nowMs();
  return { id: `0100${nowMs.toString(16).padStart(12, "0")}-${flow.random.uuid()}-000000`, nowMs };
}

/** The Message-ID header. @see https://docs.aws.amazon.com/ses/latest/dg/header-fields.html */
function internetMessageId({ region }: Pick<Where, "region">, id: string): string {
  return `<${id}@${region === "us-east-1" ? "email" : region}.amazonses.com>`;
}

const formatMailbox = ({ name, address }: { name: string; address: string }): string =>
  name === "" ? address : `${/^[\w ]+$/.test(name) ? name : JSON.stringify(name)} <${address}>`;
