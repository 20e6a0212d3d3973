/** The serverless types that are another resource in short: SimpleTable and LayerVersion. */
import { isObject, type ValueObject } from "../template/values.ts";
import { invalidResource } from "./errors.ts";
import { hash, present, s3Location, tagList } from "./shapes.ts";
import type { SamResource, Work } from "./work.ts";

export const SIMPLE_TABLE_PROPERTIES = {
  known: [
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "PrimaryKey",
    "ProvisionedThroughput",
    "SSESpecification",
    "TableName",
    "Tags",
  ],
  unsupported: [],
};

const KEY_TYPES: Readonly<Record<string, string>> = { String: "S", Number: "N", Binary: "B" };

/** @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-simpletable.html */
export function makeSimpleTable(work: Work, resource: SamResource): void {
  const { logicalId, properties } = resource;
  const primary = properties["PrimaryKey"] ?? { Name: "id", Type: "String" };
  if (!isObject(primary) || primary["Name"] === undefined || !Object.hasOwn(KEY_TYPES, String(primary["Type"]))) {
    throw invalidResource(
      logicalId,
      `'PrimaryKey' needs a Name and a Type of [${Object.keys(KEY_TYPES)
        .map((name) => `'${name}'`)
        .join(", ")}].`,
    );
  }
  const name = primary["Name"];
  const throughput = properties["ProvisionedThroughput"];
  work.add(
    resource,
    logicalId,
    "AWS::DynamoDB::Table",
    present({
      AttributeDefinitions: [{ AttributeName: name, AttributeType: KEY_TYPES[String(primary["Type"])] }],
      KeySchema: [{ AttributeName: name, KeyType: "HASH" }],
      ProvisionedThroughput: throughput,
      BillingMode: throughput === undefined ? "PAY_PER_REQUEST" : undefined,
      TableName: properties["TableName"],
      Tags: properties["Tags"] === undefined ? undefined : tagList(properties["Tags"]),
      SSESpecification: properties["SSESpecification"],
      PointInTimeRecoverySpecification: properties["PointInTimeRecoverySpecification"],
      DeletionProtectionEnabled: properties["DeletionProtectionEnabled"],
    }),
    { dependsOn: true, metadata: true },
  );
}

export const LAYER_PROPERTIES = {
  known: [
    "CompatibleArchitectures",
    "CompatibleRuntimes",
    "ContentUri",
    "Description",
    "LayerName",
    "LicenseInfo",
    "PublishLambdaVersion",
    "RetentionPolicy",
  ],
  unsupported: [],
};

/** A layer's logical id ends in a hash of it, so that a new version leaves the old one alone. @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-layerversion.html */
export function makeLayer(work: Work, resource: SamResource): void {
  const { logicalId, properties, attributes } = resource;
  const content = s3Location(properties["ContentUri"]);
  if (!content) {
    throw invalidResource(
      logicalId,
      "'ContentUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.",
    );
  }
  const { DeletionPolicy: _, UpdateReplacePolicy: __, Metadata: ___, ...hashed } = attributes as ValueObject;
  const layerId =
    logicalId + hash({ [logicalId]: { Type: "AWS::Serverless::LayerVersion", ...hashed, Properties: properties } });
  work.add(
    {
      ...resource,
      attributes: { ...attributes, DeletionPolicy: retention(work, resource) },
    },
    layerId,
    "AWS::Lambda::LayerVersion",
    present({
      Content: present({ S3Bucket: content.Bucket, S3Key: content.Key, S3ObjectVersion: content.Version }),
      LayerName: properties["LayerName"] ?? logicalId,
      Description: properties["Description"],
      CompatibleArchitectures: properties["CompatibleArchitectures"],
      CompatibleRuntimes: properties["CompatibleRuntimes"],
      LicenseInfo: properties["LicenseInfo"],
    }),
    { dependsOn: true, metadata: true },
  );
  work.refer(logicalId, layerId);
}

function retention(work: Work, resource: SamResource): string {
  const given = resource.properties["RetentionPolicy"];
  if (given === undefined) return (resource.attributes["DeletionPolicy"] as string | undefined) ?? "Retain";
  const policy = work.text(given)?.toLowerCase();
  if (policy === "retain") return "Retain";
  if (policy === "delete") return "Delete";
  throw invalidResource(
    resource.logicalId,
    "'RetentionPolicy' must be one of the following options: ['Retain', 'Delete'].",
  );
}
