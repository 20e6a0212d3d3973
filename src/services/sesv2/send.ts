/** Sending, in the words of the API v2. */
import { AwsError } from "../../kernel/errors.ts";
import { textOf } from "../mail-common/content.ts";
import type { DraftAttachment } from "../mail-common/mime.ts";
import {
  type Envelope,
  type MailApi,
  parseTemplateData,
  sendFormatted,
  sendRaw,
  sendTemplated,
} from "../mail-common/send.ts";
import { BULK_MAX, findTemplate, type TemplateParts } from "../mail-common/templates.ts";
import type { Flow, FlowContext, InputOf, OutputOf } from "../service.ts";
import { badRequest, templateDoesNotExist } from "./errors.ts";
import { invalidRenderingData, readParts } from "./templates.ts";

/** "The maximum message size … is 40 MB." */
const MESSAGE_BYTES_MAX = 40 * 1024 * 1024;

type SendInput = InputOf<"sesv2", "SendEmail">;
type GivenContent = NonNullable<SendInput["Content"]>;
type GivenTemplate = NonNullable<GivenContent["Template"]>;
type GivenAttachments = GivenTemplate["Attachments"];
type GivenHeaders = GivenTemplate["Headers"];
type GivenTags = SendInput["EmailTags"];
type BulkResult = NonNullable<OutputOf<"sesv2", "SendBulkEmail">["BulkEmailEntryResults"]>[number];

export function createSending(relayed: boolean) {
  const api: MailApi = {
    invalid: badRequest,
    messageBytesMax: MESSAGE_BYTES_MAX,
    relayed,
  };

  const sendEmail: Flow<SendInput, OutputOf<"sesv2", "SendEmail">> = async (flow, input) => {
    const { Simple, Raw, Template } = input.Content ?? {};
    if ([Simple, Raw, Template].filter((kind) => kind !== undefined).length !== 1) {
      throw badRequest("You must specify exactly one of Simple, Raw and Template.");
    }
    if (Raw) {
      if (!Raw.Data?.length) throw badRequest("Missing required raw message.");
      const to = recipients(input.Destination);
      const raw = {
        from: input.FromEmailAddress,
        destinations: to.length > 0 ? to : undefined,
        returnPath: input.FeedbackForwardingEmailAddress,
        tags: tags(input.EmailTags),
      };
      return { MessageId: await sendRaw(flow, api, raw, Raw.Data) };
    }
    const envelope = envelopeOf(input, input.EmailTags);
    if (Template) {
      const parts = await templateOf(flow, Template);
      const data = parseTemplateData(Template.TemplateData, invalidRenderingData);
      const more = { headers: headers(Template.Headers), attachments: attachments(Template.Attachments) };
      return { MessageId: await sendTemplated(flow, api, envelope, parts, data, more) };
    }
    const subject = textOf(Simple!.Subject?.Data, Simple!.Subject?.Charset, badRequest);
    const text = textOf(Simple!.Body?.Text?.Data, Simple!.Body?.Text?.Charset, badRequest);
    const html = textOf(Simple!.Body?.Html?.Data, Simple!.Body?.Html?.Charset, badRequest);
    if (subject === undefined) throw badRequest("Missing required header 'Subject'.");
    if (text === undefined && html === undefined) throw badRequest("Missing required body.");
    const content = {
      subject,
      text,
      html,
      headers: headers(Simple!.Headers),
      attachments: attachments(Simple!.Attachments),
    };
    return { MessageId: await sendFormatted(flow, api, envelope, content) };
  };

  /** Every entry is a message of its own, with an outcome of its own. */
  const sendBulkEmail: Flow<InputOf<"sesv2", "SendBulkEmail">, OutputOf<"sesv2", "SendBulkEmail">> = async (
    flow,
    input,
  ) => {
    const entries = input.BulkEmailEntries ?? [];
    if (entries.length > BULK_MAX) throw badRequest(`Destination count exceeds ${BULK_MAX}.`);
    const template = input.DefaultContent?.Template;
    if (!template) throw badRequest("You must specify a template.");
    const parts = await templateOf(flow, template);
    const shared = parseTemplateData(template.TemplateData, invalidRenderingData);
    const defaultHeaders = headers(template.Headers);
    const files = attachments(template.Attachments);
    const BulkEmailEntryResults: BulkResult[] = [];
    for (const entry of entries) {
      try {
        const replacement = entry.ReplacementEmailContent?.ReplacementTemplate?.ReplacementTemplateData;
        const data = { ...shared, ...parseTemplateData(replacement, invalidRenderingData) };
        const own = headers(entry.ReplacementHeaders);
        const replaced = new Set(own.map(({ name }) => name.toLowerCase()));
        const all = [...defaultHeaders.filter(({ name }) => !replaced.has(name.toLowerCase())), ...own];
        const envelope = envelopeOf(
          { ...input, Destination: entry.Destination },
          entry.ReplacementTags ?? input.DefaultEmailTags,
        );
        const MessageId = await sendTemplated(flow, api, envelope, parts, data, { headers: all, attachments: files });
        BulkEmailEntryResults.push({ Status: "SUCCESS", MessageId });
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        const Status = error.code === "MessageRejected" ? "MESSAGE_REJECTED" : "INVALID_PARAMETER";
        BulkEmailEntryResults.push({ Status, Error: error.message });
      }
    }
    return { BulkEmailEntryResults };
  };

  return { sendEmail, sendBulkEmail };
}

/** A stored template by its name, or one given in the request. */
async function templateOf(flow: FlowContext, given: GivenTemplate): Promise<TemplateParts> {
  const { TemplateName, TemplateContent } = given;
  if ((TemplateName === undefined) === (TemplateContent === undefined)) {
    throw badRequest("You must specify exactly one of TemplateName and TemplateContent.");
  }
  if (TemplateContent) return readParts("inline", TemplateContent);
  const template = await flow.write((tx) => findTemplate(tx, flow, TemplateName));
  if (!template) throw templateDoesNotExist(TemplateName!);
  return template;
}

const envelopeOf = (
  input: Pick<SendInput, "FromEmailAddress" | "Destination" | "ReplyToAddresses" | "FeedbackForwardingEmailAddress">,
  givenTags: GivenTags,
): Envelope => ({
  from: input.FromEmailAddress,
  destination: {
    to: input.Destination?.ToAddresses ?? [],
    cc: input.Destination?.CcAddresses ?? [],
    bcc: input.Destination?.BccAddresses ?? [],
  },
  replyTo: input.ReplyToAddresses ?? [],
  returnPath: input.FeedbackForwardingEmailAddress,
  tags: tags(givenTags),
});

const recipients = (destination: SendInput["Destination"]): string[] => [
  ...(destination?.ToAddresses ?? []),
  ...(destination?.CcAddresses ?? []),
  ...(destination?.BccAddresses ?? []),
];

const headers = (given: GivenHeaders) =>
  (given ?? []).map(({ Name, Value }) => ({ name: Name ?? "", value: Value ?? "" }));

/** @throws BadRequestException */
function attachments(given: GivenAttachments): DraftAttachment[] {
  return (given ?? []).map((one) => {
    if (!one.FileName || /[\r\n\0]/.test(one.FileName)) throw badRequest("Invalid attachment file name.");
    if (one.RawContent === undefined) throw badRequest("Missing attachment content.");
    for (const text of [one.ContentType, one.ContentId, one.ContentDescription]) {
      if (text !== undefined && /[\r\n\0]/.test(text)) throw badRequest("Invalid attachment header.");
    }
    return {
      fileName: one.FileName,
      content: one.RawContent,
      contentType: one.ContentType,
      contentId: one.ContentId,
      inline: one.ContentDisposition === "INLINE",
      description: one.ContentDescription,
      encoding: ENCODINGS[one.ContentTransferEncoding ?? ""],
    };
  });
}

const ENCODINGS: Readonly<Record<string, DraftAttachment["encoding"]>> = {
  BASE64: "base64",
  QUOTED_PRINTABLE: "quoted-printable",
  SEVEN_BIT: "7bit",
};

/** @throws BadRequestException */
function tags(given: GivenTags): { Name: string; Value: string }[] {
  return (given ?? []).map(({ Name, Value }) => {
    for (const text of [Name, Value]) {
      if (!/^[\w-]{1,256}$/.test(text ?? "")) throw badRequest(`Invalid tag value: <${text ?? ""}>.`);
    }
    return { Name: Name!, Value: Value! };
  });
}
