/** Function URLs as the API has them. What answers at them is in `url-front.ts`. */
import { lowerId } from "../../kernel/ids.ts";
import { decodeKey } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { resourceConflict, resourceDoesNotExist, resourceNotFound } from "./errors.ts";
import { type FunctionLocator, functionArn, locate } from "./names.ts";
import { constraints, PATTERNS } from "./rules.ts";
import {
  aliases,
  aliasKey,
  functionKey,
  functions,
  nounRange,
  type Place,
  type UrlCors,
  type UrlRecord,
  urlAddresses,
  urlAddressKey,
  urlKey,
  urls,
} from "./state.ts";

type Shown = OutputOf<"lambda", "GetFunctionUrlConfig">;

/** `http://ID.lambda-url.us-east-1.localhost:4566/` */
export function functionUrl(endpoint: string, at: Place, urlId: string): string {
  const { protocol, hostname, port } = new URL(endpoint);
  // A name can be put before a name, not before an address.
  const host = /^[\d.]+$|^\[/.test(hostname) ? "localhost" : hostname;
  return `${protocol}//${urlId}.lambda-url.${at.region}.${host}${port === "" ? "" : `:${port}`}/`;
}

function shown(at: FunctionLocator, record: UrlRecord, endpoint: string): Shown {
  return {
    FunctionUrl: functionUrl(endpoint, at, record.urlId),
    FunctionArn: functionArn(at, at.qualifier),
    AuthType: record.authType,
    ...(record.cors === undefined ? {} : { Cors: record.cors as NonNullable<Shown["Cors"]> }),
    CreationTime: new Date(record.createdMs).toISOString(),
    LastModifiedTime: new Date(record.modifiedMs).toISOString(),
    InvokeMode: record.streams ? "RESPONSE_STREAM" : "BUFFERED",
  };
}

interface Settings {
  readonly FunctionName: string | undefined;
  readonly Qualifier?: string | undefined;
  readonly AuthType?: string | undefined;
  readonly InvokeMode?: string | undefined;
  readonly Cors?: Shown["Cors"];
}

const METHODS = ["GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*"];

/** @throws ValidationException, ResourceNotFoundException */
function located(tx: Transaction, input: Settings, context: Place): FunctionLocator {
  const found = constraints();
  found.pattern("qualifier", input.Qualifier, PATTERNS.urlQualifier);
  found.oneOf("authType", input.AuthType, ["NONE", "AWS_IAM"]);
  found.oneOf("invokeMode", input.InvokeMode, ["RESPONSE_STREAM", "BUFFERED"]);
  found.range("cors.maxAge", input.Cors?.MaxAge, 0, 86_400);
  for (const method of input.Cors?.AllowMethods ?? []) found.oneOf("cors.allowMethods", method, METHODS);
  found.check();
  const at = locate(input.FunctionName, context, input.Qualifier);
  const exists =
    functions.get(tx, functionKey(at, at.name)) !== undefined &&
    (at.qualifier === undefined || aliases.get(tx, aliasKey(at, at.name, at.qualifier)) !== undefined);
  if (!exists) throw resourceNotFound("Function does not exist");
  return at;
}

const modeOf = (mode: string | undefined): { readonly streams?: true } =>
  mode === "RESPONSE_STREAM" ? { streams: true } : {};

/** Empty settings are no settings. */
const corsOf = (cors: Shown["Cors"]): { readonly cors?: UrlCors } =>
  cors && Object.values(cors).some((value) => value !== undefined) ? { cors: cors as UrlCors } : {};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html */
export const createFunctionUrlConfig: Operation<
  InputOf<"lambda", "CreateFunctionUrlConfig">,
  OutputOf<"lambda", "CreateFunctionUrlConfig">
> = (tx, input, context) => {
  const found = constraints();
  found.required("authType", input.AuthType);
  found.check();
  const at = located(tx, input, context);
  const qualifier = at.qualifier ?? "$LATEST";
  if (urls.get(tx, urlKey(at, at.name, qualifier))) {
    throw resourceConflict(
      `Failed to create function url config for [functionArn = ${functionArn(at, at.qualifier)}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
    );
  }
  const record: UrlRecord = {
    urlId: lowerId(context.random, 32),
    authType: input.AuthType!,
    ...corsOf(input.Cors),
    ...modeOf(input.InvokeMode),
    createdMs: context.nowMs,
    modifiedMs: context.nowMs,
  };
  urls.put(tx, urlKey(at, at.name, qualifier), record);
  const { accountId, region, name } = at;
  urlAddresses.put(tx, urlAddressKey(record.urlId), { accountId, region, name, qualifier });
  return shown(at, record, context.endpoint) as OutputOf<"lambda", "CreateFunctionUrlConfig">;
};

function requireUrl(tx: Transaction, at: FunctionLocator): UrlRecord {
  const record = urls.get(tx, urlKey(at, at.name, at.qualifier ?? "$LATEST"));
  if (!record) throw resourceDoesNotExist();
  return record;
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionUrlConfig.html */
export const getFunctionUrlConfig: Operation<InputOf<"lambda", "GetFunctionUrlConfig">, Shown> = (
  tx,
  input,
  context,
) => {
  const at = locate(input.FunctionName, context, input.Qualifier);
  return shown(at, requireUrl(tx, at), context.endpoint);
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionUrlConfig.html */
export const updateFunctionUrlConfig: Operation<
  InputOf<"lambda", "UpdateFunctionUrlConfig">,
  OutputOf<"lambda", "UpdateFunctionUrlConfig">
> = (tx, input, context) => {
  const at = located(tx, input, context);
  const { cors, streams, ...previous } = requireUrl(tx, at);
  const record: UrlRecord = {
    ...previous,
    authType: input.AuthType ?? previous.authType,
    ...(input.Cors === undefined ? corsOf(cors as Shown["Cors"]) : corsOf(input.Cors)),
    ...(input.InvokeMode === undefined ? streams && { streams } : modeOf(input.InvokeMode)),
    modifiedMs: context.nowMs,
  };
  urls.put(tx, urlKey(at, at.name, at.qualifier ?? "$LATEST"), record);
  return shown(at, record, context.endpoint) as OutputOf<"lambda", "UpdateFunctionUrlConfig">;
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionUrlConfig.html */
export const deleteFunctionUrlConfig: Operation<
  InputOf<"lambda", "DeleteFunctionUrlConfig">,
  OutputOf<"lambda", "DeleteFunctionUrlConfig">
> = (tx, input, context) => {
  const at = locate(input.FunctionName, context, input.Qualifier);
  const { urlId } = requireUrl(tx, at);
  tx.delete(urlKey(at, at.name, at.qualifier ?? "$LATEST"));
  tx.delete(urlAddressKey(urlId));
  return {};
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionUrlConfigs.html */
export const listFunctionUrlConfigs: Operation<
  InputOf<"lambda", "ListFunctionUrlConfigs">,
  OutputOf<"lambda", "ListFunctionUrlConfigs">
> = (tx, input, context) => {
  const found = constraints();
  found.range("maxItems", input.MaxItems, 1, 50);
  found.check();
  const at = { ...locate(input.FunctionName, context), qualifier: undefined };
  if (!functions.get(tx, functionKey(at, at.name))) throw resourceNotFound("Function does not exist");
  const limit = input.MaxItems ?? 50;
  const { start, end } = nounRange(at, at.name, "url");
  const from = input.Marker === undefined ? start : urlKey(at, at.name, input.Marker);
  const page: NonNullable<OutputOf<"lambda", "ListFunctionUrlConfigs">["FunctionUrlConfigs"]> = [];
  for (const [place, record] of urls.range(tx, from, end, { limit: limit + 1 })) {
    const qualifier = decodeKey(place).at(-1) as string;
    if (page.length === limit) return { FunctionUrlConfigs: page, NextMarker: qualifier };
    const reached = { ...at, qualifier: qualifier === "$LATEST" ? undefined : qualifier };
    page.push(shown(reached, record, context.endpoint) as (typeof page)[number]);
  }
  return { FunctionUrlConfigs: page };
};
