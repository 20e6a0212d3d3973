/**
 * What the two SES APIs keep together: `ses` (2010-12-01) and `sesv2` are two faces of one service. This folder is a library, not a
 * service: it holds their state, and how mail is checked, composed, kept, shown and handed on.
 *
 *     ses ACCOUNT REGION identity  name          Identity
 *     ses ACCOUNT REGION template  name          Template
 *     ses ACCOUNT REGION sent      period start  SentCount     attempts per quarter of an hour
 *     ses message                  number        StoredMail    all accounts and regions: one mailbox, in order of acceptance
 *     ses message-number           message id    MailNumber
 *     ses mailbox                                Mailbox
 */
import type { AccountId, Region } from "../../kernel/arn.ts";
import type { Blob } from "../../storage/blobs.ts";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";

export interface Where {
  readonly accountId: AccountId;
  readonly region: Region;
}

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** An address or a domain from which mail may be sent. */
export interface Identity {
  readonly name: string;
  readonly type: "EmailAddress" | "Domain";
  readonly createdMs: number;
  /** What a domain's owner would put into DNS. */
  readonly verificationToken: string;
  readonly tags: readonly Tag[];
}

export interface Template {
  readonly name: string;
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly createdMs: number;
}

export interface Destination {
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
}

/** A mail that was accepted. What it says is in its MIME form alone. */
export interface StoredMail extends Where {
  readonly id: string;
  readonly createdMs: number;
  /** From, as given. */
  readonly source: string;
  readonly destination: Destination;
  /** The addresses alone, each once. */
  readonly recipients: readonly string[];
  /** Where bounces would go; the source's address unless given. */
  readonly returnPath: string;
  /** Given as MIME by the sender, not composed here. */
  readonly raw: boolean;
  /** Its only part does not end with the line break that MIME gave it. */
  readonly unterminated?: boolean;
  readonly tags: readonly { readonly Name: string; readonly Value: string }[];
  /** Present when it is short, else in the blob. */
  readonly mime?: Uint8Array;
  readonly blob?: Blob;
}

export interface SentCount {
  readonly attempts: number;
}

export interface MailNumber {
  readonly number: number;
}

export interface Mailbox {
  readonly kept: number;
  /** Of the next mail. */
  readonly next: number;
}

export const identities = defineRecord<Identity>("ses.Identity", 1);
export const templates = defineRecord<Template>("ses.Template", 1);
export const sentCounts = defineRecord<SentCount>("ses.SentCount", 1);
export const mails = defineRecord<StoredMail>("ses.Mail", 1);
export const mailNumbers = defineRecord<MailNumber>("ses.MailNumber", 1);
export const mailboxes = defineRecord<Mailbox>("ses.Mailbox", 1);

export const identityKey = ({ accountId, region }: Where, name: string): Key =>
  key("ses", accountId, region, "identity", name);
export const identityKeys = ({ accountId, region }: Where) => keysUnder("ses", accountId, region, "identity");
export const templateKey = ({ accountId, region }: Where, name: string): Key =>
  key("ses", accountId, region, "template", name);
export const templateKeys = ({ accountId, region }: Where) => keysUnder("ses", accountId, region, "template");
export const sentKey = ({ accountId, region }: Where, periodMs: number): Key =>
  key("ses", accountId, region, "sent", periodMs);
export const sentKeys = ({ accountId, region }: Where) => keysUnder("ses", accountId, region, "sent");
export const mailKey = (number: number): Key => key("ses", "message", number);
export const mailKeys = () => keysUnder("ses", "message");
export const mailNumberKey = (id: string): Key => key("ses", "message-number", id);
export const mailboxKey: Key = key("ses", "mailbox");
