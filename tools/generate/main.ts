/**
 * Generates `generated/shapes/SERVICE.json` from the schemas that the official SDK packages carry: every operation, its HTTP bindings, its
 * input, output and errors, in the compact form that `src/wire/shapes.ts` reads. `index.json` holds what routing needs before a
 * service's shapes are loaded.
 *
 *     node tools/generate/main.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NormalizedSchema } from "@smithy/core/schema";
import type { MemberTraits, Reference, ServiceFacts, ServiceShapes, ShapeRecord } from "../../src/wire/shapes.ts";

const PACKAGES: Readonly<Record<string, string>> = {
  apigateway: "@aws-sdk/client-api-gateway",
  apigatewayv2: "@aws-sdk/client-apigatewayv2",
  applicationautoscaling: "@aws-sdk/client-application-auto-scaling",
  budgets: "@aws-sdk/client-budgets",
  ce: "@aws-sdk/client-cost-explorer",
  cloudformation: "@aws-sdk/client-cloudformation",
  cloudwatch: "@aws-sdk/client-cloudwatch",
  dynamodb: "@aws-sdk/client-dynamodb",
  dynamodbstreams: "@aws-sdk/client-dynamodb-streams",
  ec2: "@aws-sdk/client-ec2",
  ecs: "@aws-sdk/client-ecs",
  elbv2: "@aws-sdk/client-elastic-load-balancing-v2",
  events: "@aws-sdk/client-eventbridge",
  iam: "@aws-sdk/client-iam",
  lambda: "@aws-sdk/client-lambda",
  logs: "@aws-sdk/client-cloudwatch-logs",
  s3: "@aws-sdk/client-s3",
  scheduler: "@aws-sdk/client-scheduler",
  secretsmanager: "@aws-sdk/client-secrets-manager",
  ses: "@aws-sdk/client-ses",
  sesv2: "@aws-sdk/client-sesv2",
  sns: "@aws-sdk/client-sns",
  sqs: "@aws-sdk/client-sqs",
  ssm: "@aws-sdk/client-ssm",
  sts: "@aws-sdk/client-sts",
  xray: "@aws-sdk/client-xray",
};

const PROTOCOLS: Readonly<Record<string, ServiceFacts["protocol"]>> = {
  AwsEc2QueryProtocol: "ec2Query",
  AwsJson1_0Protocol: "awsJson1_0",
  AwsJson1_1Protocol: "awsJson1_1",
  AwsQueryProtocol: "awsQuery",
  AwsRestJsonProtocol: "restJson1",
  AwsRestXmlProtocol: "restXml",
  S3RestXmlProtocol: "restXml",
  AwsSmithyRpcV2CborProtocol: "rpcv2Cbor",
};

/** Namespaces of answers to awsQuery, where the package speaks another protocol and does not say. */
const QUERY_NAMESPACES: Readonly<Record<string, string>> = {
  cloudwatch: "http://monitoring.amazonaws.com/doc/2010-08-01/",
  sqs: "http://queue.amazonaws.com/doc/2012-11-05/",
};

/** Traits as the SDK names them, kept under the same names. */
const TRAITS = [
  "httpLabel",
  "httpQuery",
  "httpQueryParams",
  "httpHeader",
  "httpPrefixHeaders",
  "httpPayload",
  "httpResponseCode",
  "xmlFlattened",
  "xmlAttribute",
  "xmlNamespace",
  "jsonName",
  "mediaType",
  "streaming",
  "eventPayload",
  "hostLabel",
  "idempotencyToken",
] as const;

class Writer {
  readonly shapes: Array<ShapeRecord | null> = [];
  readonly #known = new Map<unknown, number>();
  readonly #ec2: boolean;

  constructor(protocol: ServiceFacts["protocol"]) {
    this.#ec2 = protocol === "ec2Query";
  }

  reference(schema: any): Reference {
    const shape = NormalizedSchema.of(schema) as any;
    if (shape.isUnitSchema()) return "unit";
    const structured = shape.isListSchema() || shape.isMapSchema() || shape.isStructSchema();
    if (!structured) return scalar(shape);
    const raw = shape.getSchema();
    // A bare number is a list or map of scalars, spelled as bits; it has no identity of its own.
    const known = typeof raw === "object" ? this.#known.get(raw) : undefined;
    if (known !== undefined) return known;
    const index = this.shapes.push(null) - 1;
    if (typeof raw === "object") this.#known.set(raw, index);
    this.shapes[index] = this.#record(shape);
    return index;
  }

  #record(shape: any): ShapeRecord {
    const own = shape.getOwnTraits?.() ?? {};
    if (shape.isListSchema()) {
      return { kind: "list", member: this.#member(shape.getValueSchema()), ...(own.sparse ? { sparse: true } : {}) };
    }
    if (shape.isMapSchema()) {
      return {
        kind: "map",
        key: this.#member(shape.getKeySchema()),
        value: this.#member(shape.getValueSchema()),
        ...(own.sparse ? { sparse: true } : {}),
      };
    }
    const members: Record<string, readonly [Reference, MemberTraits?]> = {};
    for (const [name, member] of shape.structIterator()) members[name] = this.#member(member, name);
    const raw = shape.getSchema();
    const required = Array.isArray(raw) ? Object.keys(members).slice(0, raw[6] ?? 0) : [];
    return {
      kind: shape.isUnionSchema() ? "union" : "structure",
      name: shape.getName() ?? "",
      members,
      ...(required.length > 0 ? { required } : {}),
      ...(own.xmlName ? { xmlName: own.xmlName } : {}),
      ...(own.xmlNamespace ? { xmlNamespace: own.xmlNamespace } : {}),
    };
  }

  #member(schema: any, name?: string): readonly [Reference, MemberTraits?] {
    const merged = schema.getMergedTraits();
    const traits: Record<string, unknown> = {};
    for (const trait of TRAITS) {
      const value = merged[trait];
      if (value !== undefined && value !== 0) traits[trait] = value === 1 ? true : value;
    }
    const xmlName = schema.getMemberTraits().xmlName;
    if (xmlName) traits["xmlName"] = xmlName;
    if (this.#ec2 && name !== undefined) {
      const asked: string = merged.ec2QueryName ?? capitalized(xmlName ?? name);
      if (asked !== name) traits["queryName"] = asked;
    }
    if (traits["streaming"] && schema.isStructSchema()) traits["eventStream"] = true;
    const reference = this.reference(schema);
    return Object.keys(traits).length > 0 ? [reference, traits as MemberTraits] : [reference];
  }
}

const capitalized = (name: string): string => name[0]!.toUpperCase() + name.slice(1);

function scalar(shape: any): Reference {
  if (shape.isStringSchema()) return "string";
  if (shape.isBooleanSchema()) return "boolean";
  if (shape.isNumericSchema()) return "number";
  if (shape.isBlobSchema()) return "blob";
  if (shape.isDocumentSchema()) return "document";
  if (shape.isBigIntegerSchema()) return "bigInteger";
  if (shape.isBigDecimalSchema()) return "bigDecimal";
  if (shape.isTimestampSchema()) {
    const format = shape.getSchema();
    return format === 5
      ? "timestamp:date-time"
      : format === 6
        ? "timestamp:http-date"
        : format === 7
          ? "timestamp:epoch-seconds"
          : "timestamp";
  }
  throw new Error(`unknown kind of shape: ${shape.getName(true)}`);
}

async function generate(service: string, packageName: string): Promise<ServiceShapes> {
  const sdk = (await import(packageName)) as Record<string, any>;
  const clientName = Object.keys(sdk).find((name) => name.endsWith("Client") && name !== "__Client")!;
  const { config } = new sdk[clientName]({ region: "us-east-1" });
  const settings = config.protocolSettings;
  const protocol = PROTOCOLS[config.protocol.constructor.name];
  if (!protocol)
    throw new Error(`${packageName} speaks ${config.protocol.constructor.name}, which Virga does not know`);
  const writer = new Writer(protocol);
  const operations: Record<string, ServiceShapes["operations"][string]> = {};
  const errors: Record<string, ServiceShapes["errors"][string]> = {};
  for (const schema of Object.values(sdk)) {
    if (!Array.isArray(schema)) continue;
    const [tag, namespace, name, traits, input, output] = schema;
    if (tag === 9) {
      const http = typeof traits === "object" ? traits.http : undefined;
      operations[name] = {
        input: writer.reference(input),
        output: writer.reference(output),
        ...(http ? { http } : {}),
      };
    } else if (tag === -3 && !namespace.startsWith("smithy.ts.sdk.synthetic")) {
      const modelled = typeof traits === "object" ? traits : {};
      errors[name] = {
        shape: writer.reference(schema) as number,
        ...(modelled.httpError ? { status: modelled.httpError } : {}),
        ...(modelled.error ? { fault: modelled.error } : {}),
        ...(modelled.awsQueryError ? { query: modelled.awsQueryError } : {}),
      };
    }
  }
  const sorted = <T>(record: Record<string, T>) =>
    Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    service,
    protocol,
    namespace: settings.defaultNamespace,
    ...(settings.serviceTarget ? { target: settings.serviceTarget } : {}),
    ...(settings.version ? { version: settings.version } : {}),
    ...((settings.xmlNamespace ?? QUERY_NAMESPACES[service])
      ? { xmlNamespace: settings.xmlNamespace ?? QUERY_NAMESPACES[service] }
      : {}),
    ...(settings.awsQueryCompatible ? { queryCompatible: true } : {}),
    operations: sorted(operations),
    errors: sorted(errors),
    shapes: writer.shapes as ShapeRecord[],
  };
}

const directory = join(import.meta.dirname, "../../generated/shapes");
mkdirSync(directory, { recursive: true });
const index: Record<string, ServiceFacts> = {};
let operationCount = 0;
for (const [service, packageName] of Object.entries(PACKAGES)) {
  const shapes = await generate(service, packageName);
  writeFileSync(join(directory, `${service}.json`), JSON.stringify(shapes));
  const { operations, errors: _errors, shapes: _shapes, ...facts } = shapes;
  index[service] = facts;
  operationCount += Object.keys(operations).length;
}
writeFileSync(join(directory, "index.json"), `${JSON.stringify(index, null, 1)}\n`);
console.log(`${operationCount} operations of ${Object.keys(index).length} services in ${directory}`);
