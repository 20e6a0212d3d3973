/** Templates: where their text comes from, and what can be asked about one. */
import type {
  GetTemplateCommandInput,
  GetTemplateCommandOutput,
  GetTemplateSummaryCommandInput,
  GetTemplateSummaryCommandOutput,
  ValidateTemplateCommandInput,
  ValidateTemplateCommandOutput,
} from "@aws-sdk/client-cloudformation";
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../service.ts";
import { deploymentOf, environmentOf } from "./deployments.ts";
import { type Engine, isCustom, neededCapabilities } from "./engine/types.ts";
import { changeSetNotFound, formatError, stackDoesNotExist, validationError } from "./errors.ts";
import { findChangeSet } from "./find-change-set.ts";
import { checkTemplateBody, TEMPLATE_URL_BYTES_MAX } from "./rules.ts";
import { isServerless } from "./sam/transform.ts";
import { findStack } from "./state.ts";
import type { Environment } from "./template/evaluate.ts";
import { type Outline, outlineOf, SERVERLESS } from "./template/prepare.ts";

/** The members that say where a template is. */
export interface TemplateSource {
  readonly TemplateBody?: string | undefined;
  readonly TemplateURL?: string | undefined;
  readonly UsePreviousTemplate?: boolean | undefined;
}

/** A template's text, from the request or from S3; undefined: the one that the stack has. */
export async function templateText(flow: FlowContext, input: TemplateSource): Promise<string | undefined> {
  const { TemplateBody, TemplateURL, UsePreviousTemplate } = input;
  const given = [TemplateBody, TemplateURL, UsePreviousTemplate || undefined].filter((value) => value !== undefined);
  if (given.length > 1)
    throw validationError("Only one of Template URL, Template Body or UsePreviousTemplate may be specified.");
  if (UsePreviousTemplate) return undefined;
  if (TemplateBody !== undefined) {
    checkTemplateBody(TemplateBody);
    return TemplateBody;
  }
  if (TemplateURL === undefined) throw validationError("Either Template URL or Template Body must be specified.");
  return fetchTemplate(flow, TemplateURL);
}

/** As {@link templateText} for requests that have no stack to take a template from. */
export async function newTemplateText(flow: FlowContext, input: TemplateSource): Promise<string> {
  const text = await templateText(flow, input);
  if (text === undefined) throw validationError("Either Template URL or Template Body must be specified.");
  return text;
}

async function fetchTemplate(flow: FlowContext, url: string): Promise<string> {
  const object = s3Object(url);
  if (!object) throw validationError("TemplateURL must be a supported URL.");
  try {
    const { Body } = await flow.call("s3", "GetObject", object);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of (Body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > TEMPLATE_URL_BYTES_MAX) {
        throw validationError(`Template may not exceed ${TEMPLATE_URL_BYTES_MAX} bytes in size.`);
      }
      chunks.push(Buffer.from(chunk));
    }
    return Buffer.concat(chunks).toString("utf8");
  } catch (error) {
    if (!(error instanceof AwsError) || error.code === "ValidationError") throw error;
    throw validationError(
      `S3 error: ${error.message}\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html`,
    );
  }
}

/** Bucket and key of an S3 URL, in any style that AWS or this machine answers. */
export function s3Object(
  url: string,
): { readonly Bucket: string; readonly Key: string; readonly VersionId?: string } | undefined {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return undefined;
  }
  if (parsed.protocol !== "https:" && parsed.protocol !== "http:") return undefined;
  let path: string;
  try {
    path = decodeURIComponent(parsed.pathname.slice(1));
  } catch {
    return undefined;
  }
  const host = /^(?:(?<bucket>.+)\.)?s3(?:[.-][a-z0-9-]+)?\.(?:amazonaws\.com|localhost)$/.exec(parsed.hostname);
  const version = parsed.searchParams.get("versionId");
  const versioned = version === null ? {} : { VersionId: version };
  const bucket = host?.groups?.["bucket"];
  if (bucket !== undefined) return path === "" ? undefined : { Bucket: bucket, Key: path, ...versioned };
  const local = parsed.hostname === "localhost" || parsed.hostname === "127.0.0.1" || parsed.hostname === "[::1]";
  const slash = path.indexOf("/");
  if ((!host && !local) || slash <= 0 || slash === path.length - 1) return undefined;
  return { Bucket: path.slice(0, slash), Key: path.slice(slash + 1), ...versioned };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html */
export function getTemplate(
  tx: Transaction,
  input: GetTemplateCommandInput,
  context: OperationContext,
): Omit<GetTemplateCommandOutput, "$metadata"> {
  const stage = input.TemplateStage ?? "Original";
  let original: string | undefined;
  let processed: string | undefined;
  if (input.ChangeSetName !== undefined) {
    const found = findChangeSet(tx, context, input.ChangeSetName, input.StackName);
    if (!found) throw changeSetNotFound(input.ChangeSetName);
    original = found.changeSet.original;
    processed = deploymentOf(tx, context, found.stack, found.changeSet.deployment)?.processed;
  } else {
    const stack = findStack(tx, context, input.StackName ?? "");
    if (!stack) throw stackDoesNotExist(input.StackName ?? "");
    const deployment = deploymentOf(tx, context, stack);
    original = deployment?.original;
    processed = deployment?.processed;
  }
  const body = stage === "Processed" ? (processed ?? original) : original;
  return {
    ...(body === undefined ? {} : { TemplateBody: body }),
    StagesAvailable: processed === undefined ? ["Original"] : ["Original", "Processed"],
  };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html */
export async function getTemplateSummary(
  engine: Engine,
  flow: FlowContext,
  input: GetTemplateSummaryCommandInput,
): Promise<Omit<GetTemplateSummaryCommandOutput, "$metadata">> {
  let environment = anonymous(flow);
  let text: string;
  if (input.StackName !== undefined) {
    const name = input.StackName;
    const found = await flow.write((tx, context) => {
      const stack = findStack(tx, context, name);
      const original = stack && deploymentOf(tx, context, stack)?.original;
      return stack && original !== undefined ? { environment: environmentOf(context, stack), original } : undefined;
    });
    if (!found) throw stackDoesNotExist(name);
    environment = found.environment;
    text = found.original;
  } else text = await newTemplateText(flow, input);
  const outline = outlineOf(text, environment);
  checkTypeNames(engine, outline);
  const { root, parameters, resources, transforms } = outline;
  const version = root["AWSTemplateFormatVersion"];
  const metadata = root["Metadata"];
  return {
    Parameters: Object.entries(parameters).map(([name, declaration]) => ({
      ParameterKey: name,
      ParameterType: declaration.type,
      NoEcho: declaration.noEcho,
      ...(declaration.default === undefined ? {} : { DefaultValue: declaration.default }),
      ...(declaration.description === undefined ? {} : { Description: declaration.description }),
      ParameterConstraints: declaration.allowedValues ? { AllowedValues: [...declaration.allowedValues] } : {},
    })),
    ...common(outline),
    ResourceTypes: [...new Set(Object.values(resources).map((resource) => resource.type))],
    ...(typeof version === "string" ? { Version: version } : {}),
    ...(metadata === undefined ? {} : { Metadata: JSON.stringify(metadata) }),
    ...(transforms.length === 0 ? {} : { DeclaredTransforms: [...transforms] }),
  };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html */
export async function validateTemplate(
  engine: Engine,
  flow: FlowContext,
  input: ValidateTemplateCommandInput,
): Promise<Omit<ValidateTemplateCommandOutput, "$metadata">> {
  const outline = outlineOf(await newTemplateText(flow, input), anonymous(flow));
  checkTypeNames(engine, outline);
  return {
    Parameters: Object.entries(outline.parameters).map(([name, declaration]) => ({
      ParameterKey: name,
      NoEcho: declaration.noEcho,
      ...(declaration.default === undefined ? {} : { DefaultValue: declaration.default }),
      ...(declaration.description === undefined ? {} : { Description: declaration.description }),
    })),
    ...common(outline),
    ...(outline.transforms.length === 0 ? {} : { DeclaredTransforms: [...outline.transforms] }),
  };
}

function common({ root, resources }: Outline) {
  const description = root["Description"];
  const { capabilities, reason } = neededCapabilities(resources);
  return {
    ...(typeof description === "string" ? { Description: description } : {}),
    ...(capabilities.length === 0 ? {} : { Capabilities: [...capabilities], CapabilitiesReason: reason }),
  };
}

/** Pseudo parameters of a template that belongs to no stack yet. */
function anonymous(flow: FlowContext): Environment {
  return environmentOf(flow, { stackId: "", stackName: "" });
}

function checkTypeNames(engine: Engine, { resources, transforms }: Outline): void {
  const serverless = transforms.includes(SERVERLESS);
  const types = engine.resourceTypes();
  const unknown = new Set(
    Object.values(resources)
      .map((resource) => resource.type)
      .filter((type) => !isCustom(type) && !(serverless && isServerless(type)) && !types.has(type)),
  );
  if (unknown.size > 0) throw formatError(`Unrecognized resource types: [${[...unknown].join(", ")}]`);
}
