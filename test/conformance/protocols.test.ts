/**
 * Every operation of every service against the SDK's own protocol classes: what their client serializes we route and decode to the same input; what we
 * encode their client deserializes to the same output; and so for every modelled error. The values are made up from the SDK's schemas.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";
import { HttpResponse } from "@smithy/core/protocols";
import { NormalizedSchema, operation as schemaOf } from "@smithy/core/schema";
import { AwsError } from "../../src/kernel/errors.ts";
import { SeededRandom } from "../../src/kernel/random.ts";
import { type Protocol, ServiceProtocol } from "../../src/wire/protocols.ts";
import { parseForm } from "../../src/wire/query.ts";
import { decodeSegment, parseQuery } from "../../src/wire/rest.ts";
import { openShapes } from "../../src/wire/shapes.ts";

const shapes = openShapes(join(import.meta.dirname, "../../generated/shapes"));

const PACKAGES: Record<string, string> = {
  apigateway: "api-gateway",
  applicationautoscaling: "application-auto-scaling",
  ce: "cost-explorer",
  dynamodbstreams: "dynamodb-streams",
  elbv2: "elastic-load-balancing-v2",
  events: "eventbridge",
  logs: "cloudwatch-logs",
  secretsmanager: "secrets-manager",
};

/** Protocols that older or other SDKs speak to a service, beside its own. */
const MORE_PROTOCOLS: Record<string, Protocol[]> = {
  cloudwatch: ["awsQuery", "rpcv2Cbor"],
  logs: ["rpcv2Cbor"],
  sqs: ["awsQuery"],
};

/** What cannot go round this way, and why. */
const EXCEPTIONS: Record<string, string> = {
  "s3:WriteGetObjectResponse": "is served from a host of its own",
  "s3:ListDirectoryBuckets": "is GET / like ListBuckets, on a host of its own",
};

class Generator {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  value(schema: any, depth = 0, header = false): any {
    const random = this.#random;
    if (schema.isUnitSchema()) return {};
    const traits = schema.getMergedTraits();
    if (schema.isStringSchema()) {
      if (traits.mediaType === "application/json") return '{"a":1}';
      if (traits.httpLabel) return `v${random.integer(1000)}/x y+é`;
      return traits.httpHeader || traits.xmlAttribute || header
        ? `v${random.integer(1000)}`
        : `s<&>"é😀\n ${random.integer(1000)}`;
    }
    if (schema.isBooleanSchema()) return random.integer(2) === 1;
    if (schema.isNumericSchema()) return traits.httpResponseCode ? 200 : random.integer(100_000);
    if (schema.isTimestampSchema()) return new Date(1.7e12 + random.integer(1e6) * 1000);
    if (schema.isBlobSchema()) return new Uint8Array([1, 2, 255, random.integer(255)]);
    if (schema.isDocumentSchema()) return { d: [1, "x", true] };
    if (schema.isBigIntegerSchema()) return 5n;
    if (schema.isBigDecimalSchema()) return undefined;
    if (schema.isListSchema()) {
      const count = depth > 6 ? 0 : depth > 4 ? 1 : 2;
      return Array.from({ length: count }, () => this.value(schema.getValueSchema(), depth + 1, header));
    }
    if (schema.isMapSchema()) {
      return depth > 6
        ? {}
        : Object.fromEntries(["k1", "k-2"].map((k) => [k, this.value(schema.getValueSchema(), depth + 1, header)]));
    }
    return this.#structure(schema, depth);
  }

  #structure(schema: any, depth: number): any {
    const members = [...schema.structIterator()] as Array<[string, any]>;
    const nests = (member: any) => member.isStructSchema() || member.isListSchema() || member.isMapSchema();
    if (schema.isUnionSchema()) {
      const [name, member] =
        (depth > 5 && members.find(([, m]) => !nests(m))) || members[this.#random.integer(members.length)]!;
      return { [name]: this.value(member, depth + 1) };
    }
    const out: Record<string, unknown> = {};
    for (const [name, member] of members) {
      const traits = member.getMergedTraits();
      if ((member.isStreaming() && member.isStructSchema()) || (depth > 5 && nests(member)) || traits.httpQueryParams)
        continue;
      if (name === "Bucket" && traits.httpLabel) out[name] = "bkt";
      else out[name] = this.value(member, depth + 1, traits.httpHeader || typeof traits.httpPrefixHeaders === "string");
    }
    return out;
  }
}

/** Dates, bytes and lazily parsed JSON as comparable plain values; undefined members dropped. */
function plain(value: any): any {
  if (value instanceof Date) return { date: value.getTime() };
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (value instanceof String) return String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name, member]) => member !== undefined && name !== "$metadata")
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, member]) => [name, plain(member)]),
    );
  }
  return value;
}

/** A form cannot say that a structure is there and empty. */
function withoutEmpty(value: any): any {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!value || typeof value !== "object") return value;
  const members = Object.entries(value).map(([name, member]) => [name, withoutEmpty(member)] as const);
  return Object.fromEntries(
    members.filter(
      ([, member]) => !member || typeof member !== "object" || Array.isArray(member) || Object.keys(member).length > 0,
    ),
  );
}

function difference(expected: any, actual: any, path = ""): string | undefined {
  if (isDeepStrictEqual(expected, actual)) return undefined;
  if (expected && actual && typeof expected === "object" && typeof actual === "object") {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      const found = difference(expected[name], actual[name], `${path}.${name}`);
      if (found) return found;
    }
  }
  return `${path}: wanted ${JSON.stringify(expected)?.slice(0, 120)}, got ${JSON.stringify(actual)?.slice(0, 120)}`;
}

async function clientOf(service: string): Promise<{ sdk: Record<string, any>; config: any }> {
  const sdk = (await import(`@aws-sdk/client-${PACKAGES[service] ?? service}`)) as Record<string, any>;
  const name = Object.keys(sdk).find((candidate) => candidate.endsWith("Client") && candidate !== "__Client")!;
  const client = new sdk[name]({
    region: "us-east-1",
    endpoint: "http://h",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  });
  return { sdk, config: client.config };
}

function protocolClass(config: any, protocol: Protocol): any {
  const settings = config.protocolSettings;
  if (protocol === "awsQuery")
    return new AwsQueryProtocol({
      ...settings,
      xmlNamespace: settings.xmlNamespace ?? "http://q/",
      version: settings.version,
    });
  if (protocol === "rpcv2Cbor") return new AwsSmithyRpcV2CborProtocol({ ...settings });
  return config.protocol;
}

for (const [service, facts] of shapes.facts) {
  const model = shapes.model(service);
  for (const protocol of [facts.protocol as Protocol, ...(MORE_PROTOCOLS[service] ?? [])]) {
    test(`${service} over ${protocol}`, async () => {
      const { sdk, config } = await clientOf(service);
      const codec = new ServiceProtocol(model);
      const client = protocolClass(config, protocol);
      client.setSerdeContext(config);
      const failures: string[] = [];
      let checked = 0;
      for (const schema of Object.values(sdk)) {
        if (!Array.isArray(schema) || schema[0] !== 9) continue;
        const [, namespace, name, traits, input, output] = schema;
        if (EXCEPTIONS[`${service}:${name}`]) continue;
        const operation = schemaOf(namespace, name, traits, input, output);
        checked++;
        for (const [direction, check] of [
          ["in", () => checkInput(codec, client, config, protocol, service, operation, checked)],
          ["out", () => checkOutput(codec, client, config, protocol, operation, checked)],
        ] as const) {
          const found = await check().catch((error: Error) => `threw ${error.stack?.slice(0, 400)}`);
          if (found) failures.push(`${name} ${direction} ${found}`);
        }
      }
      assert.ok(checked > 0);
      assert.deepEqual(failures, []);
    });
  }
}

async function checkInput(
  codec: ServiceProtocol,
  client: any,
  config: any,
  protocol: Protocol,
  service: string,
  operation: any,
  seed: number,
): Promise<string | undefined> {
  const schema = NormalizedSchema.of(operation.input) as any;
  const input = new Generator(seed).value(schema);
  // Older clients know one name for both lists, and SQS feeds both members from it.
  if (protocol === "awsQuery" && operation.name === "ReceiveMessage")
    input.MessageSystemAttributeNames = input.AttributeNames;
  const onBucket =
    schema.isStructSchema() &&
    [...schema.structIterator()].some(([name, member]: any) => name === "Bucket" && member.getMergedTraits().httpLabel);
  const endpointPath = service === "s3" && onBucket ? "/bkt" : "/";
  const sent = await client.serializeRequest(operation, structuredClone(input), {
    ...config,
    endpoint: async () => ({ protocol: "http:", hostname: "h", path: endpointPath, query: {} }),
  });
  const raw = sent.body ?? new Uint8Array();
  const body =
    typeof raw === "string" ? Buffer.from(raw) : Buffer.from(raw.buffer ?? raw, raw.byteOffset ?? 0, raw.byteLength);
  const query = Object.entries(sent.query ?? {})
    .flatMap(([name, value]) =>
      [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(String(one ?? ""))}`),
    )
    .join("&");
  const headers = Object.fromEntries(
    Object.entries(sent.headers as Record<string, string>).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const path = sent.path.replace(/\/\//g, "/");
  const mine = codec.operation(operation.name)!;
  let decoded: unknown;
  if (protocol === "awsQuery" || protocol === "ec2Query") decoded = codec.decodeForm(mine, parseForm(body.toString()));
  else if (protocol === "restJson1" || protocol === "restXml") {
    const [bucket, ...rest] = service === "s3" && onBucket ? path.slice(1).split("/") : [undefined];
    const objectKey = rest.length > 0 && rest.join("/") !== "" ? decodeSegment(rest.join("/")) : undefined;
    const match = codec.router(sent.method, path, parseQuery(query), headers, bucket, objectKey);
    if (match?.operation.name !== operation.name)
      return `routed to ${match?.operation.name}: ${sent.method} ${path}?${query}`;
    decoded = codec.decodeRest(mine, { labels: match!.labels, query: parseQuery(query), headers }, body);
  } else decoded = codec.decodeRpc(mine, protocol, body);
  const isForm = protocol === "awsQuery" || protocol === "ec2Query";
  return difference(isForm ? withoutEmpty(plain(input)) : plain(input), plain(decoded));
}

async function checkOutput(
  codec: ServiceProtocol,
  client: any,
  config: any,
  protocol: Protocol,
  operation: any,
  seed: number,
): Promise<string | undefined> {
  const output = new Generator(seed + 5000).value(NormalizedSchema.of(operation.output) as any);
  const reply = codec.encode(
    codec.operation(operation.name)!,
    protocol,
    output,
    "11111111-2222-4333-8444-555555555555",
  );
  const body = reply.body === undefined ? Buffer.alloc(0) : Buffer.from(reply.body as string);
  const received = await client.deserializeResponse(
    operation,
    { ...config },
    new HttpResponse({
      statusCode: reply.status,
      headers: { ...reply.headers },
      body: Readable.from(body.length > 0 ? [body] : []),
    }),
  );
  for (const [name, value] of Object.entries(received)) {
    if (typeof (value as any)?.transformToByteArray === "function")
      received[name] = await (value as any).transformToByteArray();
  }
  delete received.$metadata;
  // Event streams have an encoding of their own.
  for (const name of Object.keys(received)) if (received[name]?.[Symbol.asyncIterator]) delete received[name];
  return difference(plain(output), plain(received));
}

describe("errors", () => {
  for (const [service, facts] of shapes.facts) {
    const model = shapes.model(service);
    for (const protocol of [facts.protocol as Protocol, ...(MORE_PROTOCOLS[service] ?? [])]) {
      test(`${service} over ${protocol}`, async () => {
        const { sdk, config } = await clientOf(service);
        const codec = new ServiceProtocol(model);
        const client = protocolClass(config, protocol);
        client.setSerdeContext(config);
        const schema = Object.values(sdk).find((candidate) => Array.isArray(candidate) && candidate[0] === 9) as any;
        const operation = schemaOf(schema[1], schema[2], schema[3], schema[4], schema[5]);
        for (const [code, modelled] of model.errors) {
          const sent = new AwsError(code, "Text <&> é", modelled.status ?? 400);
          const reply = codec.encodeError(sent, protocol, "11111111-2222-4333-8444-555555555555", "/x");
          const response = new HttpResponse({
            statusCode: reply.status,
            headers: { ...reply.headers },
            body: Readable.from([Buffer.from(reply.body as string)]),
          });
          const received = await client.deserializeResponse(operation, { ...config }, response).then(
            () => assert.fail(`${code} was taken for success`),
            (error: any) => error,
          );
          // Two errors of CloudWatch share the code that query clients know, and the SDK takes either.
          const query = modelled.query?.[0];
          const twins = [...model.errors].filter(([, other]) => query !== undefined && other.query?.[0] === query);
          const known = [code, ...twins.map(([name]) => name)].some((name) => received.name.startsWith(name));
          assert.ok(known, `${code} arrived as ${received.name}`);
          assert.equal(received.message, "Text <&> é", code);
        }
      });
    }
  }
});
