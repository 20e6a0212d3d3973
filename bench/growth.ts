/** Whether a million of something makes one of it dearer: a receive, a page of a list, a get; straight against the core on LMDB, without HTTP. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountId, Region } from "../src/kernel/arn.ts";
import { SystemClock } from "../src/kernel/clock.ts";
import { silentLog } from "../src/kernel/log.ts";
import { SystemRandom } from "../src/kernel/random.ts";
import type { Caller } from "../src/platform/core.ts";
import { buildHouse } from "../src/platform/house.ts";
import { dynamodb } from "../src/services/dynamodb/service.ts";
import { s3 } from "../src/services/s3/service.ts";
import type { Service } from "../src/services/service.ts";
import { sqs } from "../src/services/sqs/service.ts";
import { FileBlobs } from "../src/storage/blobs.ts";
import { LmdbEngine } from "../src/storage/engines/lmdb.ts";
import { RelaxedEngine } from "../src/storage/engines/relaxed.ts";
import { median, report } from "./measure.ts";

const SMALL = 1000;
const LARGE = Number(process.env["VIRGA_BENCH_GROWTH"] ?? 1_000_000);
const PROBES = 200;
const BODY = "x".repeat(100);

export async function growth(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "virga-bench-"));
  const accountId = "000000000000" as AccountId;
  const region = "us-east-1" as Region;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const house = buildHouse({
    clock,
    random,
    log: silentLog,
    engine: new RelaxedEngine(new LmdbEngine(join(folder, "data.mdb")), clock),
    blobs: await FileBlobs.open(join(folder, "blobs"), random, { durable: false }),
    services: [sqs, s3, dynamodb] as unknown as Service[],
    authorize: () => {},
    accountId,
    region,
    endpoint: () => "http://localhost",
  });
  await house.start();
  const caller: Caller = {
    principal: { type: "root", accountId, arn: `arn:aws:iam::${accountId}:root` },
    accountId,
    region,
    requestId: "bench",
    endpoint: "http://localhost",
    signal: new AbortController().signal,
  };
  const call = (service: string, operation: string, input: object) =>
    house.core.dispatch(service, operation, input, caller);
  const QueueUrl = `http://localhost/${accountId}/grown`;
  await call("sqs", "CreateQueue", { QueueName: "grown", Attributes: { VisibilityTimeout: "0" } });
  await call("s3", "CreateBucket", { Bucket: "grown" });
  await call("dynamodb", "CreateTable", {
    TableName: "grown",
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    BillingMode: "PAY_PER_REQUEST",
  });

  const kinds = [
    {
      name: "receive from a queue of messages",
      add: (n: number) => call("sqs", "SendMessage", { QueueUrl, MessageBody: `${n}${BODY}` }),
      probe: () => call("sqs", "ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 10 }),
    },
    {
      name: "a page of 100 of a bucket of keys",
      add: (n: number) =>
        call("s3", "PutObject", { Bucket: "grown", Key: `folder-${n % 50}/${n}`, Body: Buffer.from(BODY) }),
      probe: (size: number) =>
        call("s3", "ListObjectsV2", { Bucket: "grown", MaxKeys: 100, StartAfter: `folder-${size % 50}/` }),
    },
    {
      name: "get from a table of items",
      add: (n: number) =>
        call("dynamodb", "PutItem", { TableName: "grown", Item: { pk: { S: `item-${n}` }, v: { S: BODY } } }),
      probe: (size: number) =>
        call("dynamodb", "GetItem", { TableName: "grown", Key: { pk: { S: `item-${random.integer(size)}` } } }),
    },
  ];
  for (const kind of kinds) {
    let size = 0;
    const growTo = async (target: number) => {
      while (size < target) {
        const batch = Array.from({ length: Math.min(1000, target - size) }, (_, index) => kind.add(size + index));
        await Promise.all(batch);
        size += batch.length;
        if (size % 100_000 === 0) process.stderr.write(`  ${kind.name}: ${size}\r`);
      }
    };
    const cost = async () => {
      const times: number[] = [];
      for (let n = 0; n < PROBES; n++) {
        const began = performance.now();
        await kind.probe(size);
        times.push(performance.now() - began);
      }
      return median(times);
    };
    await growTo(SMALL);
    await cost();
    const small = await cost();
    await growTo(LARGE);
    await cost();
    const large = await cost();
    report({
      what: `${kind.name}: ${LARGE.toLocaleString("en")}`,
      measured: `${(large * 1000).toFixed(0)} µs`,
      against: `the same of 1,000: ${(small * 1000).toFixed(0)} µs`,
      ratio: large / small,
      budget: "≤ 1.5",
      met: large / small <= 1.5,
    });
  }
  await house.close();
  rmSync(folder, { recursive: true, force: true });
}
