/** Sending, in the words of the API of 2010-12-01. */

import { AwsError } from "../../kernel/errors.ts";
import { textOf } from "../mail-common/content.ts";
import {
  type Envelope,
  type MailApi,
  parseTemplateData,
  sendFormatted,
  sendRaw,
  sendTemplated,
} from "../mail-common/send.ts";
import type { Destination } from "../mail-common/state.ts";
import { BULK_MAX, findTemplate } from "../mail-common/templates.ts";
import type { Flow, FlowContext, InputOf, OutputOf } from "../service.ts";
import { invalidParameterValue, invalidRenderingParameter, templateDoesNotExist } from "./errors.ts";

type SesFlow<O extends "SendEmail" | "SendRawEmail" | "SendTemplatedEmail" | "SendBulkTemplatedEmail"> = Flow<
  InputOf<"ses", O>,
  OutputOf<"ses", O>
>;

/** "The maximum message size … is 10 MB" for this API. */
const MESSAGE_BYTES_MAX = 10 * 1024 * 1024;

export function createSending(relayed: boolean) {
  const api: MailApi = {
    invalid: invalidParameterValue,
    messageBytesMax: MESSAGE_BYTES_MAX,
    relayed,
  };

  const sendEmail: SesFlow<"SendEmail"> = async (flow, input) => {
    const { Subject, Body } = input.Message ?? {};
    const subject = textOf(Subject?.Data, Subject?.Charset, invalidParameterValue);
    const text = textOf(Body?.Text?.Data, Body?.Text?.Charset, invalidParameterValue);
    const html = textOf(Body?.Html?.Data, Body?.Html?.Charset, invalidParameterValue);
    if (subject === undefined) throw invalidParameterValue("Missing required header 'Subject'.");
    if (text === undefined && html === undefined) throw invalidParameterValue("Missing required body.");
    const content = { subject, text, html, headers: [], attachments: [] };
    return { MessageId: await sendFormatted(flow, api, envelope(input, input.Tags), content) };
  };

  const sendRawEmail: SesFlow<"SendRawEmail"> = async (flow, input) => {
    const data = input.RawMessage?.Data;
    if (data === undefined || data.length === 0) throw invalidParameterValue("Missing required raw message.");
    const raw = { from: input.Source, destinations: input.Destinations, returnPath: undefined, tags: tags(input.Tags) };
    return { MessageId: await sendRaw(flow, api, raw, data) };
  };

  const sendTemplatedEmail: SesFlow<"SendTemplatedEmail"> = async (flow, input) => {
    const data = parseTemplateData(input.TemplateData, invalidRenderingParameter);
    const template = await storedTemplate(flow, input.Template);
    return { MessageId: await sendTemplated(flow, api, envelope(input, input.Tags), template, data) };
  };

  /** Every destination is a message of its own, with an outcome of its own. */
  const sendBulkTemplatedEmail: SesFlow<"SendBulkTemplatedEmail"> = async (flow, input) => {
    const destinations = input.Destinations ?? [];
    if (destinations.length > BULK_MAX) throw invalidParameterValue(`Destination count exceeds ${BULK_MAX}.`);
    const template = await storedTemplate(flow, input.Template);
    const shared = parseTemplateData(input.DefaultTemplateData, invalidRenderingParameter);
    const Status: NonNullable<OutputOf<"ses", "SendBulkTemplatedEmail">["Status"]> = [];
    for (const { Destination, ReplacementTags, ReplacementTemplateData } of destinations) {
      try {
        const own = parseTemplateData(ReplacementTemplateData, invalidRenderingParameter);
        const one = envelope({ ...input, Destination }, ReplacementTags ?? input.DefaultTags);
        const MessageId = await sendTemplated(flow, api, one, template, { ...shared, ...own });
        Status.push({ Status: "Success", MessageId });
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        const rejected = error.code === "MessageRejected";
        Status.push({ Status: rejected ? "MessageRejected" : "InvalidParameterValue", Error: error.message });
      }
    }
    return { Status };
  };

  return { sendEmail, sendRawEmail, sendTemplatedEmail, sendBulkTemplatedEmail };
}

async function storedTemplate(flow: FlowContext, name: string | undefined) {
  const template = await flow.write((tx) => findTemplate(tx, flow, name));
  if (!template) throw templateDoesNotExist(name ?? "");
  return template;
}

interface Given {
  readonly Source: string | undefined;
  readonly Destination?: InputOf<"ses", "SendEmail">["Destination"];
  readonly ReplyToAddresses?: readonly string[] | undefined;
  readonly ReturnPath?: string | undefined;
}

type GivenTags = InputOf<"ses", "SendEmail">["Tags"];

const envelope = (
  { Source, Destination: given, ReplyToAddresses, ReturnPath }: Given,
  givenTags: GivenTags,
): Envelope => ({
  from: Source,
  destination: destination(given),
  replyTo: ReplyToAddresses ?? [],
  returnPath: ReturnPath,
  tags: tags(givenTags),
});

const destination = (given: Given["Destination"]): Destination => ({
  to: given?.ToAddresses ?? [],
  cc: given?.CcAddresses ?? [],
  bcc: given?.BccAddresses ?? [],
});

/** @throws InvalidParameterValue */
function tags(given: GivenTags): { Name: string; Value: string }[] {
  return (given ?? []).map(({ Name, Value }) => {
    for (const text of [Name, Value]) {
      if (!/^[\w-]{1,256}$/.test(text ?? "")) throw invalidParameterValue(`Invalid tag value: <${text ?? ""}>.`);
    }
    return { Name: Name!, Value: Value! };
  });
}
