/** Templates. @see https://docs.aws.amazon.com/ses/latest/APIReference/API_Template.html */
import type { Transaction } from "../../storage/transaction.ts";
import { composeMime } from "../mail-common/mime.ts";
import { compileTemplate, InvalidTemplate, MissingAttribute } from "../mail-common/render.ts";
import { parseTemplateData, renderParts } from "../mail-common/send.ts";
import { templateKey, templateKeys } from "../mail-common/state.ts";
import {
  findTemplate,
  listTemplates as pageOfTemplates,
  saveTemplate,
  TEMPLATES_MAX,
  type TemplateParts,
  templateFault,
} from "../mail-common/templates.ts";
import type { FlowContext, InputOf, OperationContext, OutputOf } from "../service.ts";
import {
  alreadyExists,
  invalidParameterValue,
  invalidRenderingParameter,
  invalidTemplate,
  limitExceeded,
  missingRenderingAttribute,
  templateDoesNotExist,
} from "./errors.ts";

type GivenTemplate = InputOf<"ses", "CreateTemplate">["Template"];

export function createTemplate(
  tx: Transaction,
  input: InputOf<"ses", "CreateTemplate">,
  context: OperationContext,
): OutputOf<"ses", "CreateTemplate"> {
  const parts = readParts(input.Template);
  if (findTemplate(tx, context, parts.name)) throw alreadyExists(`Template ${parts.name} already exists`);
  const { start, end } = templateKeys(context);
  let count = 0;
  for (const _ of tx.range(start, end, { limit: TEMPLATES_MAX })) count++;
  if (count >= TEMPLATES_MAX) throw limitExceeded(`You can have up to ${TEMPLATES_MAX} templates.`);
  saveTemplate(tx, context, parts, context.nowMs);
  return {};
}

export function getTemplate(
  tx: Transaction,
  input: InputOf<"ses", "GetTemplate">,
  context: OperationContext,
): OutputOf<"ses", "GetTemplate"> {
  const template = findTemplate(tx, context, input.TemplateName);
  if (!template) throw templateDoesNotExist(input.TemplateName ?? "");
  return {
    Template: {
      TemplateName: template.name,
      SubjectPart: template.subject,
      TextPart: template.text,
      HtmlPart: template.html,
    },
  };
}

export function listTemplates(
  tx: Transaction,
  input: InputOf<"ses", "ListTemplates">,
  context: OperationContext,
): OutputOf<"ses", "ListTemplates"> {
  const { items, next } = pageOfTemplates(
    tx,
    context,
    Math.min(Math.max(input.MaxItems ?? 10, 1), 100),
    input.NextToken,
  );
  return {
    TemplatesMetadata: items.map(({ name, createdMs }) => ({ Name: name, CreatedTimestamp: new Date(createdMs) })),
    NextToken: next,
  };
}

export function updateTemplate(
  tx: Transaction,
  input: InputOf<"ses", "UpdateTemplate">,
  context: OperationContext,
): OutputOf<"ses", "UpdateTemplate"> {
  const parts = readParts(input.Template);
  const known = findTemplate(tx, context, parts.name);
  if (!known) throw templateDoesNotExist(parts.name);
  saveTemplate(tx, context, parts, known.createdMs);
  return {};
}

/** Deleting what is not there is no error. */
export function deleteTemplate(
  tx: Transaction,
  input: InputOf<"ses", "DeleteTemplate">,
  context: OperationContext,
): OutputOf<"ses", "DeleteTemplate"> {
  tx.delete(templateKey(context, input.TemplateName ?? ""));
  return {};
}

/** The message that the template and the data make, as MIME. */
export async function testRenderTemplate(
  flow: FlowContext,
  input: InputOf<"ses", "TestRenderTemplate">,
): Promise<OutputOf<"ses", "TestRenderTemplate">> {
  const template = await flow.write((tx) => findTemplate(tx, flow, input.TemplateName));
  if (!template) throw templateDoesNotExist(input.TemplateName ?? "");
  const data = parseTemplateData(input.TemplateData, invalidRenderingParameter);
  try {
    const parts = renderParts(template, data);
    const mime = await composeMime({
      ...parts,
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
    if (error instanceof MissingAttribute) throw missingRenderingAttribute(error.message);
    if (error instanceof InvalidTemplate) throw invalidTemplate(error.message);
    throw error;
  }
}

/** @throws InvalidParameterValue, InvalidTemplate */
function readParts(given: GivenTemplate): TemplateParts {
  const name = given?.TemplateName ?? "";
  const { SubjectPart: subject, TextPart: text, HtmlPart: html } = given ?? {};
  const parts: TemplateParts = {
    name,
    ...(subject === undefined ? {} : { subject }),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
  };
  const fault = templateFault(parts);
  if (fault !== undefined) throw invalidParameterValue(fault);
  try {
    for (const part of [subject, text, html]) if (part !== undefined) compileTemplate(part);
  } catch (error) {
    if (error instanceof InvalidTemplate) throw invalidTemplate(error.message);
    throw error;
  }
  return parts;
}
