/**
 * The website configuration of a bucket: keeping it, and what S3 demands of it.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html
 */
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { requireBucket } from "../buckets.ts";
import { invalidArgument, invalidRequest, s3Error } from "../errors.ts";
import { settingKey, settings } from "../state.ts";

export type WebsiteConfiguration = NonNullable<InputOf<"s3", "PutBucketWebsite">["WebsiteConfiguration"]>;
export type RoutingRule = NonNullable<WebsiteConfiguration["RoutingRules"]>[number];

const ROUTING_RULES_MAX = 50;

/** @throws MalformedXML, InvalidArgument, InvalidRequest */
export function putBucketWebsite(
  tx: Transaction,
  input: InputOf<"s3", "PutBucketWebsite">,
  context: OperationContext,
): OutputOf<"s3", "PutBucketWebsite"> {
  const bucket = requireBucket(tx, context, input);
  const configuration = input.WebsiteConfiguration;
  if (!configuration) throw s3Error("MalformedXML");
  checkConfiguration(configuration);
  settings.put(tx, settingKey(bucket.name, "website"), configuration);
  return {};
}

function checkConfiguration(configuration: WebsiteConfiguration): void {
  const { RedirectAllRequestsTo: all, IndexDocument, ErrorDocument, RoutingRules } = configuration;
  if (all) {
    if (IndexDocument || ErrorDocument || RoutingRules?.length) {
      throw invalidArgument(
        "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
        "RedirectAllRequestsTo",
        "not null",
      );
    }
    if (!all.HostName) throw s3Error("MalformedXML");
    checkProtocol(all.Protocol);
    return;
  }
  if (!IndexDocument) {
    throw invalidArgument(
      "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
      "IndexDocument",
      "null",
    );
  }
  if (!IndexDocument.Suffix || IndexDocument.Suffix.includes("/")) {
    throw invalidArgument("The IndexDocument Suffix is not well formed", "IndexDocument", IndexDocument.Suffix);
  }
  if (ErrorDocument && !ErrorDocument.Key) {
    throw invalidArgument("The ErrorDocument Key is not well formed", "ErrorDocument", ErrorDocument.Key);
  }
  if (RoutingRules && RoutingRules.length > ROUTING_RULES_MAX) {
    throw invalidRequest(
      `${RoutingRules.length} routing rules provided, the number of routing rules in a website configuration is limited to ${ROUTING_RULES_MAX}.`,
    );
  }
  for (const rule of RoutingRules ?? []) checkRoutingRule(rule);
}

function checkRoutingRule({ Condition: condition, Redirect: redirect }: RoutingRule): void {
  if (!redirect || Object.values(redirect).every((value) => value === undefined)) throw s3Error("MalformedXML");
  if (redirect.ReplaceKeyWith !== undefined && redirect.ReplaceKeyPrefixWith !== undefined) {
    throw invalidRequest("You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
  }
  const code = redirect.HttpRedirectCode;
  if (code !== undefined && (!/^3\d\d$/.test(code) || code === "300")) {
    throw invalidRequest(`The provided HTTP redirect code (${code}) is not valid. Valid codes are 3XX except 300.`);
  }
  checkProtocol(redirect.Protocol);
  if (!condition) return;
  const { KeyPrefixEquals, HttpErrorCodeReturnedEquals: error } = condition;
  if (KeyPrefixEquals === undefined && error === undefined) {
    throw invalidArgument(
      "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.",
      "Condition",
      "null",
    );
  }
  if (error !== undefined && !/^[45]\d\d$/.test(error)) {
    throw invalidRequest(`The provided HTTP error code (${error}) is not valid. Valid codes are 4XX or 5XX.`);
  }
}

function checkProtocol(protocol: string | undefined): void {
  if (protocol !== undefined && protocol !== "http" && protocol !== "https") {
    throw invalidRequest(
      "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.",
    );
  }
}

export const websiteOf = (tx: Transaction, bucket: string): WebsiteConfiguration | undefined =>
  settings.get(tx, settingKey(bucket, "website")) as WebsiteConfiguration | undefined;

/** @throws NoSuchWebsiteConfiguration */
export function getBucketWebsite(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketWebsite">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketWebsite"> {
  const bucket = requireBucket(tx, context, input);
  const configuration = websiteOf(tx, bucket.name);
  if (!configuration) throw s3Error("NoSuchWebsiteConfiguration", { BucketName: bucket.name });
  return configuration;
}

export function deleteBucketWebsite(
  tx: Transaction,
  input: InputOf<"s3", "DeleteBucketWebsite">,
  context: OperationContext,
): OutputOf<"s3", "DeleteBucketWebsite"> {
  const bucket = requireBucket(tx, context, input);
  tx.delete(settingKey(bucket.name, "website"));
  return {};
}
