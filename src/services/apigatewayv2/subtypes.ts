/**
 * First-class integrations: AWS operations that an HTTP API calls by itself. Their answers are those of the service's query API, as on AWS.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html
 */

import { own } from "../apigateway-common/request.ts";

export interface Subtype {
  readonly service: string;
  readonly action: string;
  /** The version of the query API. */
  readonly version: string;
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** A parameter as form fields; just the parameter itself when absent. */
  readonly fields?: Readonly<Record<string, (value: string) => readonly (readonly [string, string])[]>>;
}

export class ParameterError extends Error {}

const sqs = (
  action: string,
  required: readonly string[],
  optional: readonly string[] = [],
  fields: NonNullable<Subtype["fields"]> = {},
): Subtype => ({ service: "sqs", action, version: "2012-11-05", required, optional: [...optional, "Region"], fields });

export const SUBTYPES: Readonly<Record<string, Subtype>> = {
  "SQS-SendMessage": sqs(
    "SendMessage",
    ["QueueUrl", "MessageBody"],
    ["DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId", "MessageSystemAttributes"],
    {
      MessageAttributes: (value) => attributes("MessageAttribute", value),
      MessageSystemAttributes: (value) => attributes("MessageSystemAttribute", value),
    },
  ),
  "SQS-ReceiveMessage": sqs(
    "ReceiveMessage",
    ["QueueUrl"],
    [
      "AttributeName",
      "AttributeNames",
      "MaxNumberOfMessages",
      "MessageAttributeNames",
      "ReceiveRequestAttemptId",
      "VisibilityTimeout",
      "WaitTimeSeconds",
    ],
    {
      AttributeName: (value) => list("AttributeName", value),
      AttributeNames: (value) => list("AttributeName", value),
      MessageAttributeNames: (value) => list("MessageAttributeName", value),
    },
  ),
  "SQS-DeleteMessage": sqs("DeleteMessage", ["ReceiptHandle", "QueueUrl"]),
  "SQS-PurgeQueue": sqs("PurgeQueue", ["QueueUrl"]),
};

/**
 * The form that carries the parameters.
 * @throws ParameterError when a parameter that has to be JSON is not
 */
export function subtypeForm(subtype: Subtype, parameters: ReadonlyMap<string, string>): URLSearchParams {
  const form = new URLSearchParams({ Action: subtype.action, Version: subtype.version });
  for (const [name, value] of parameters) {
    if (name === "Region") continue;
    for (const [field, text] of own(subtype.fields ?? {}, name)?.(value) ?? [[name, value]]) form.append(field, text);
  }
  return form;
}

function list(field: string, value: string): [string, string][] {
  const names = value.trim().startsWith("[") ? json(field, value) : value.split(",").map((name) => name.trim());
  if (!Array.isArray(names)) throw new ParameterError(`${field} has to be a list`);
  return names.map((name, index) => [`${field}.${index + 1}`, String(name)]);
}

function attributes(field: string, value: string): [string, string][] {
  const given = json(field, value);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new ParameterError(`${field}s has to be a JSON object`);
  }
  return Object.entries(given).flatMap(([name, attribute], index) => {
    if (typeof attribute !== "object" || attribute === null)
      throw new ParameterError(`${field} ${name} has to be an object`);
    const prefix = `${field}.${index + 1}`;
    return [
      [`${prefix}.Name`, name] as [string, string],
      ...Object.entries(attribute).map(([member, text]): [string, string] => [
        `${prefix}.Value.${member}`,
        String(text),
      ]),
    ];
  });
}

function json(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ParameterError(`${field} is not valid JSON`);
  }
}
