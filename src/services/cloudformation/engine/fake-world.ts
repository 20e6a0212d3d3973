/** A world for the engine's tests: resource types that keep what they made in memory and fail when a template says so. */

import { AwsError } from "../../../kernel/errors.ts";
import { key, keysUnder } from "../../../storage/keys.ts";
import { defineRecord } from "../../../storage/records.ts";
import type { ResourceType } from "../../resources.ts";
import type { Service } from "../../service.ts";
import { createCloudformation } from "../service.ts";

export interface FakeWorld {
  /** What exists, by physical id. */
  readonly things: Map<string, Record<string, unknown>>;
  /** Every call in order: `create A`, `update A`, `delete A`. */
  readonly history: string[];
  /** Logical ids whose step of this kind fails: `create A`. */
  readonly failing: Set<string>;
  /** Logical ids whose creation waits until it is let go. */
  readonly held: Map<string, () => void>;
  readonly hold: Set<string>;
  readonly invocations: { readonly functionName: string; readonly document: any }[];
  /** Objects of S3, by bucket and key: `bucket/key`. */
  readonly objects: Map<string, string>;
  readonly services: readonly Service[];
}

const queues = defineRecord<{ name: string }>("test.Queue", 1);

export function fakeWorld(patienceMs = 0): FakeWorld {
  const things = new Map<string, Record<string, unknown>>();
  const history: string[] = [];
  const failing = new Set<string>();
  const hold = new Set<string>();
  const held = new Map<string, () => void>();
  const invocations: { functionName: string; document: any }[] = [];
  const step = (verb: string, logicalId: string) => {
    history.push(`${verb} ${logicalId}`);
    if (failing.has(`${verb} ${logicalId}`)) throw new AwsError("Broken", `${logicalId} would not ${verb}`, 400);
  };
  const attributes = (id: string, properties: Record<string, unknown>) => ({
    Arn: `arn:aws:fake:::${id}`,
    Size: properties["Size"] ?? 0,
    "Nested.Name": `nested-${id}`,
  });
  const thing: ResourceType = {
    properties: {
      Name: "string",
      Size: "integer",
      Key: "string",
      Uses: "json",
      Tags: [{ object: { Key: "string", Value: "string" } }],
    },
    replacement: ["Name", "Key"],
    nameProperty: "Name",
    attributes: ["Arn", "Size", "Nested.*"],
    async create(context, properties) {
      if (hold.has(context.logicalId)) await new Promise<void>((resolve) => held.set(context.logicalId, resolve));
      step("create", context.logicalId);
      const id = properties.Name ?? context.physicalName(63);
      things.set(id, { ...properties, stackTags: context.tags });
      return { id, attributes: attributes(id, properties) };
    },
    /** Like many real ones: it sets what differs from `previous`, and what it has set stays when it fails after that. */
    async update(context, id, properties, previous) {
      const made = { ...things.get(id) };
      for (const name of new Set([...Object.keys(previous), ...Object.keys(properties)])) {
        if (previous[name] === properties[name]) continue;
        if (properties[name] === undefined) delete made[name];
        else made[name] = properties[name];
      }
      things.set(id, { ...made, stackTags: context.tags });
      step("update", context.logicalId);
      return { id, attributes: attributes(id, properties) };
    },
    async delete(context, id) {
      step("delete", context.logicalId);
      things.delete(id);
    },
  };
  /** Made by a synchronous operation, so that its creation is journalled. */
  const queue: ResourceType = {
    properties: { Count: "integer" },
    async create(context, properties) {
      let id = "";
      for (let i = 0; i < (properties.Count ?? 1); i++) {
        const made = await context.call("sqs", "CreateQueue", { QueueName: `q${i}` });
        id = made.QueueUrl!;
        if (hold.has(`${context.logicalId}/${i}`)) {
          await new Promise<void>((resolve, reject) => {
            held.set(`${context.logicalId}/${i}`, resolve);
            context.signal.addEventListener("abort", () => reject(new Error("closing")), { once: true });
          });
        }
      }
      return { id, attributes: {} };
    },
    async delete(context) {
      step("delete", context.logicalId);
    },
  };
  const sqs = {
    name: "sqs",
    operations: {
      CreateQueue(tx: any, input: { QueueName: string }, context: any) {
        const { start, end } = keysUnder("test", "queue");
        const number = [...tx.range(start, end)].length;
        queues.put(tx, key("test", "queue", number), { name: input.QueueName });
        return { QueueUrl: `http://${context.accountId}/${input.QueueName}/${number}` };
      },
      ListQueues(tx: any) {
        const { start, end } = keysUnder("test", "queue");
        return { QueueUrls: [...queues.range(tx, start, end)].map(([, row]) => row.name) };
      },
    },
    resources: { "AWS::Fake::Thing": thing, "AWS::Fake::Queue": queue, "AWS::IAM::Role": thing },
  } as unknown as Service;
  const lambda = {
    name: "lambda",
    operations: {},
    flows: {
      async Invoke(_flow: any, input: { FunctionName: string; Payload: Uint8Array }) {
        if (input.FunctionName.endsWith("missing")) {
          throw new AwsError("ResourceNotFoundException", `Function not found: ${input.FunctionName}`, 404);
        }
        invocations.push({
          functionName: input.FunctionName,
          document: JSON.parse(Buffer.from(input.Payload).toString("utf8")),
        });
        return { StatusCode: 202 };
      },
    },
  } as unknown as Service;
  const objects = new Map<string, string>();
  const s3 = {
    name: "s3",
    operations: {},
    flows: {
      async GetObject(_flow: any, input: { Bucket: string; Key: string }) {
        const text = objects.get(`${input.Bucket}/${input.Key}`);
        if (text === undefined) throw new AwsError("NoSuchKey", "The specified key does not exist.", 404);
        return { Body: [Buffer.from(text)] };
      },
    },
  } as unknown as Service;
  const others = [sqs, lambda, s3];
  const types = new Map(Object.entries(sqs.resources!));
  const cloudformation = createCloudformation({
    patienceMs,
    resourceTypes: () => types,
    isOperation: (service, operation) =>
      Object.hasOwn(others.find((other) => other.name === service)?.operations ?? {}, operation),
  }) as unknown as Service;
  return { things, history, failing, hold, held, invocations, objects, services: [...others, cloudformation] };
}
