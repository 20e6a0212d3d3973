/** Templates. @see https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailTemplate.html */
import type { Transaction } from "../../storage/transaction.ts";
import { composeMime } from "../mail-common/mime.ts";
import { compileTemplate, InvalidTemplate, MissingAttribute } from "../mail-common/render.ts";
import { parseTemplateData, renderParts } from "../mail-common/send.ts";
import { type Template, templateKey, templateKeys, type Where } from "../mail-common/state.ts";
import {
  findTemplate,
  listTemplates,
  saveTemplate,
  TEMPLATES_MAX,
  type TemplateParts,
  templateFault,
} from "../mail-common/templates.ts";
import type { FlowContext, InputOf, OperationContext, OutputOf } from "../service.ts";
import { alreadyExists, badRequest, limitExceeded, templateDoesNotExist } from "./errors.ts";
import { pageSize } from "./identities.ts";

type GivenContent = InputOf<"sesv2", "CreateEmailTemplate">["TemplateContent"];

export const invalidRenderingData = () => badRequest("Template rendering data is invalid");

export function createEmailTemplate(
  tx: Transaction,
  input: InputOf<"sesv2", "CreateEmailTemplate">,
  context: OperationContext,
): OutputOf<"sesv2", "CreateEmailTemplate"> {
  const parts = readParts(input.TemplateName, input.TemplateContent);
  if (findTemplate(tx, context, parts.name)) throw alreadyExists(`Template ${parts.name} already exists`);
  const { start, end } = templateKeys(context);
  let count = 0;
  for (const _ of tx.range(start, end, { limit: TEMPLATES_MAX })) count++;
  if (count >= TEMPLATES_MAX) throw limitExceeded(`You can have up to ${TEMPLATES_MAX} templates.`);
  saveTemplate(tx, context, parts, context.nowMs);
  return {};
}

export function getEmailTemplate(
  tx: Transaction,
  input: InputOf<"sesv2", "GetEmailTemplate">,
  context: OperationContext,
): OutputOf<"sesv2", "GetEmailTemplate"> {
  const { name, subject, text, html } = find(tx, context, input.TemplateName);
  return { TemplateName: name, TemplateContent: { Subject: subject, Text: text, Html: html } };
}

export function listEmailTemplates(
  tx: Transaction,
  input: InputOf<"sesv2", "ListEmailTemplates">,
  context: OperationContext,
): OutputOf<"sesv2", "ListEmailTemplates"> {
  const { items, next } = listTemplates(tx, context, pageSize(input.PageSize, 10, 100), input.NextToken);
  return {
    TemplatesMetadata: items.map(({ name, createdMs }) => ({
      TemplateName: name,
      CreatedTimestamp: new Date(createdMs),
    })),
    NextToken: next,
  };
}

export function updateEmailTemplate(
  tx: Transaction,
  input: InputOf<"sesv2", "UpdateEmailTemplate">,
  context: OperationContext,
): OutputOf<"sesv2", "UpdateEmailTemplate"> {
  const parts = readParts(input.TemplateName, input.TemplateContent);
  saveTemplate(tx, context, parts, find(tx, context, parts.name).createdMs);
  return {};
}

export function deleteEmailTemplate(
  tx: Transaction,
  input: InputOf<"sesv2", "DeleteEmailTemplate">,
  context: OperationContext,
): OutputOf<"sesv2", "DeleteEmailTemplate"> {
  tx.delete(templateKey(context, find(tx, context, input.TemplateName).name));
  return {};
}

/** The message that the template and the data make, as MIME. */
export async function testRenderEmailTemplate(
  flow: FlowContext,
  input: InputOf<"sesv2", "TestRenderEmailTemplate">,
): Promise<OutputOf<"sesv2", "TestRenderEmailTemplate">> {
  const template = await flow.write((tx) => find(tx, flow, input.TemplateName));
  const data = parseTemplateData(input.TemplateData, invalidRenderingData);
  try {
    const mime = await composeMime({
      ...renderParts(template, data),
      from: "",
      to: [],
      cc: [],
      replyTo: [],
      headers: [],
      attachments: [],
      messageId: `<${flow.requestId}@email.amazonses.com>`,
      dateMs: flow.clock.nowMs(),
    });
    return { RenderedTemplate: mime.toString("utf8") };
  } catch (error) {
    if (error instanceof MissingAttribute || error instanceof InvalidTemplate) throw badRequest(error.message);
    throw error;
  }
}

/** @throws BadRequestException */
export function readParts(name: string | undefined, content: GivenContent | undefined): TemplateParts {
  const { Subject: subject, Text: text, Html: html } = content ?? {};
  const parts: TemplateParts = {
    name: name ?? "",
    ...(subject === undefined ? {} : { subject }),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
  };
  const fault = templateFault(parts);
  if (fault !== undefined) throw badRequest(fault);
  try {
    for (const part of [subject, text, html]) if (part !== undefined) compileTemplate(part);
  } catch (error) {
    if (error instanceof InvalidTemplate) throw badRequest(error.message);
    throw error;
  }
  return parts;
}

function find(tx: Transaction, where: Where, name: string | undefined): Template {
  const template = findTemplate(tx, where, name);
  if (!template) throw templateDoesNotExist(name ?? "");
  return template;
}
