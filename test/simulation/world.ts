/**
 * A day in the life of SQS, in milliseconds: clients send, receive, delete and change visibility on a standard and a FIFO queue, both with dead letters,
 * while the machine loses power, refuses writes, flushes slowly and jumps ahead in time. The same seed gives the same day.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { AccountId, Region } from "../../src/kernel/arn.ts";
import { VirtualClock } from "../../src/kernel/clock.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { SeededRandom } from "../../src/kernel/random.ts";
import type { Caller } from "../../src/platform/core.ts";
import { buildHouse, type House } from "../../src/platform/house.ts";
import type { Service } from "../../src/services/service.ts";
import { sqs } from "../../src/services/sqs/service.ts";
import type { FileBlobs } from "../../src/storage/blobs.ts";
import { MemoryEngine } from "../../src/storage/engines/memory.ts";
import { Auditor } from "./auditor.ts";
import { type Fault, SimulatedEngine } from "./engine.ts";

const ACCOUNT = "000000000000" as AccountId;
const REGION = "us-east-1" as Region;
const VISIBILITY_SECONDS = 20;
const RECEIVES_MAX = 3;
const STEPS = 90;
const GROUPS = 3;
const URL = (name: string) => `http://x/${ACCOUNT}/${name}`;

export interface Outcome {
  /** Digest of everything that happened, in order. */
  readonly digest: string;
  readonly crashes: number;
  readonly deliveries: number;
  readonly acknowledged: number;
}

export interface WorldOptions {
  /** The service under test; a mutant to see whether the auditors notice. */
  readonly service?: Service;
  /** Makes acknowledgements leave before the flush. */
  readonly lyingDisk?: boolean;
}

interface Held {
  readonly text: string;
  readonly handle: string;
  readonly receives: number;
}

export async function liveThrough(seed: number, options: WorldOptions = {}): Promise<Outcome> {
  const random = new SeededRandom(seed);
  const clock = new VirtualClock(1_800_000_000_000);
  const auditors = { standard: new Auditor(RECEIVES_MAX), fifo: new Auditor(RECEIVES_MAX) };
  const history = createHash("sha256");
  const record = (entry: string) => history.update(`${clock.nowMs()} ${entry}\n`);
  const chance = (probability: number) => random.next() < probability;
  let faults = false;
  const nextFault = (): Fault => {
    if (!faults) return "none";
    const roll = random.next();
    return roll < 0.01
      ? "refuse"
      : roll < 0.025
        ? "before-flush"
        : roll < 0.04
          ? "after-flush"
          : roll < 0.12
            ? "slow"
            : "none";
  };

  let crashes = 0;
  let deliveries = 0;
  let acknowledged = 0;
  let sequence = 0;
  /** Grows with every crash: answers of an earlier life reach nobody. */
  let life = 0;
  let engine = new SimulatedEngine(new MemoryEngine(), nextFault);
  let house: House;
  const held = { standard: [] as Held[], fifo: [] as Held[] };
  /** The receive count of the latest delivery that a client knows of. */
  const latest = new Map<string, number>();

  const open = async () => {
    const target = engine;
    const disk = options.lyingDisk
      ? {
          get: target.get.bind(target),
          range: target.range.bind(target),
          close: async () => {},
          commit: async (writes: any) => void target.commit(writes),
        }
      : target;
    house = buildHouse({
      clock,
      random,
      log: silentLog,
      engine: disk,
      blobs: undefined as unknown as FileBlobs,
      services: [options.service ?? (sqs as unknown as Service)],
      authorize: () => {},
      accountId: ACCOUNT,
      region: REGION,
      endpoint: () => "http://x",
    });
    await house.start();
  };
  const never = new AbortController().signal;
  const caller = (): Caller => ({
    principal: { type: "root", accountId: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:root` },
    accountId: ACCOUNT,
    region: REGION,
    requestId: "r",
    endpoint: "http://x",
    signal: never,
  });
  const call = (operation: string, input: object): Promise<any> =>
    house.core.dispatch("sqs", operation, input, caller());
  const turn = () => new Promise(setImmediate);
  const breathe = async () => {
    for (let n = 0; n < 4; n++) await turn();
  };
  /** A client's request: `then` sees the answer unless the machine died meanwhile. */
  const failures: unknown[] = [];
  const ask = (
    operation: string,
    input: object,
    then: (output: any) => void,
    refused: (error: { code?: string }) => void = () => {},
  ) => {
    const asked = life;
    const seen = (handler: (value: any) => void) => (value: any) => {
      if (asked !== life) return;
      try {
        handler(value);
      } catch (error) {
        failures.push(error);
      }
    };
    call(operation, input).then(seen(then), seen(refused));
  };

  await open();
  for (const kind of ["standard", "fifo"] as const) {
    const fifo = kind === "fifo";
    const suffix = fifo ? ".fifo" : "";
    await call("CreateQueue", { QueueName: `dead${suffix}`, Attributes: fifo ? { FifoQueue: "true" } : {} });
    await call("CreateQueue", {
      QueueName: `queue${suffix}`,
      Attributes: {
        VisibilityTimeout: String(VISIBILITY_SECONDS),
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:dead${suffix}`,
          maxReceiveCount: RECEIVES_MAX,
        }),
        ...(fifo ? { FifoQueue: "true" } : {}),
      },
    });
  }
  faults = true;

  const send = (kind: "standard" | "fifo") => {
    const fifo = kind === "fifo";
    const auditor = auditors[kind];
    const text = `${kind}-${sequence++}`;
    const group = fifo ? `g${random.integer(GROUPS)}` : undefined;
    const input = {
      QueueUrl: URL(fifo ? "queue.fifo" : "queue"),
      MessageBody: text,
      ...(fifo
        ? { MessageGroupId: group, MessageDeduplicationId: text }
        : chance(0.2)
          ? { DelaySeconds: random.integer(30) }
          : {}),
    };
    auditor.asking(text, group);
    const answered = (output: any) => {
      acknowledged++;
      auditor.acknowledged(text, output.MessageId);
      record(`sent ${text} ${output.MessageId}`);
    };
    ask("SendMessage", input, answered);
    // A client that is not sure sends again: the same message, accepted once.
    if (fifo && chance(0.3)) ask("SendMessage", input, answered);
  };

  const receive = (kind: "standard" | "fifo") => {
    const askedMs = clock.nowMs();
    const visibility = chance(0.3) ? 1 + random.integer(40) : VISIBILITY_SECONDS;
    auditors[kind].receiving();
    ask(
      "ReceiveMessage",
      {
        QueueUrl: URL(kind === "fifo" ? "queue.fifo" : "queue"),
        MaxNumberOfMessages: 1 + random.integer(4),
        MessageSystemAttributeNames: ["ApproximateReceiveCount"],
        ...(visibility === VISIBILITY_SECONDS ? {} : { VisibilityTimeout: visibility }),
      },
      ({ Messages = [] }) => {
        auditors[kind].receiveSeen();
        const got = Messages.map((m: any) => ({
          text: m.Body,
          messageId: m.MessageId,
          receives: Number(m.Attributes.ApproximateReceiveCount),
          handle: m.ReceiptHandle,
        }));
        record(`received ${got.map((m: Held) => `${m.text}x${m.receives}`).join(" ")}`);
        deliveries += got.length;
        auditors[kind].received(got, askedMs, visibility * 1000, false);
        for (const message of got) {
          latest.set(message.text, message.receives);
          held[kind].push(message);
        }
      },
    );
  };

  const settle = (kind: "standard" | "fifo") => {
    const mine = held[kind];
    if (mine.length === 0) return;
    const [message] = mine.splice(random.integer(mine.length), 1) as [Held];
    const input = { QueueUrl: URL(kind === "fifo" ? "queue.fifo" : "queue"), ReceiptHandle: message.handle };
    // Only inside its lease is a handle certain to be the latest: past it, a receive whose answer is under way may have made it stale.
    const certain =
      latest.get(message.text) === message.receives &&
      auditors[kind].onLoan(message.text, clock.nowMs()) &&
      !unsure.has(message.text);
    if (chance(0.75)) {
      auditors[kind].deleting(message.text);
      ask("DeleteMessage", input, () => {
        record(`deleted ${message.text}`);
        auditors[kind].deleted(message.text, certain);
      });
    } else {
      const seconds = random.integer(40);
      const untilMs = clock.nowMs() + seconds * 1000;
      auditors[kind].changing(message.text);
      ask("ChangeMessageVisibility", { ...input, VisibilityTimeout: seconds }, () => {
        record(`changed ${message.text} ${seconds}`);
        auditors[kind].changed(message.text, untilMs);
      });
      mine.push(message);
    }
  };
  /** Messages that an unanswered receive may have taken. */
  const unsure = new Set<string>();

  for (let step = 0; step < STEPS; step++) {
    clock.advance(random.integer(4000));
    if (chance(0.01)) clock.jumpTo(clock.nowMs() + random.integer(60_000));
    for (let n = 1 + random.integer(4); n > 0; n--) {
      const kind = chance(0.5) ? "standard" : "fifo";
      const roll = random.next();
      if (roll < 0.38) send(kind);
      else if (roll < 0.72) receive(kind);
      else if (roll < 0.97) settle(kind);
      else
        ask("SendMessage", { QueueUrl: URL("missing"), MessageBody: "x" }, () =>
          assert.fail("sent to a missing queue"),
        );
    }
    await breathe();
    if (chance(0.6)) engine.release();
    await breathe();
    if (failures.length > 0) throw failures[0];
    if (engine.dead) {
      crashes++;
      life++;
      record("power failure");
      for (const text of latest.keys()) unsure.add(text);
      held.standard.length = 0;
      held.fifo.length = 0;
      engine = new SimulatedEngine(engine.survivor(), nextFault);
      await open();
      await breathe();
    }
  }

  faults = false;
  engine.release();
  await breathe();
  if (engine.dead) {
    life++;
    engine = new SimulatedEngine(engine.survivor(), nextFault);
    await open();
  }
  if (failures.length > 0) throw failures[0];
  await audit();
  return { digest: history.digest("hex"), crashes, deliveries, acknowledged };

  /** Drains both queues and their dead letters, and asks the auditors. */
  async function audit(): Promise<void> {
    for (const kind of ["standard", "fifo"] as const) {
      const found = new Set<string>();
      const suffix = kind === "fifo" ? ".fifo" : "";
      clock.advance(60_000);
      for (const name of [`queue${suffix}`, `dead${suffix}`]) {
        for (let empty = 0; empty < 2; ) {
          const askedMs = clock.nowMs();
          const { Messages = [] } = await call("ReceiveMessage", {
            QueueUrl: URL(name),
            MaxNumberOfMessages: 10,
            MessageSystemAttributeNames: ["ApproximateReceiveCount"],
          });
          const got = Messages.map((m: any) => ({
            text: m.Body,
            messageId: m.MessageId,
            receives: Number(m.Attributes.ApproximateReceiveCount),
          }));
          auditors[kind].received(got, askedMs, VISIBILITY_SECONDS * 1000, name.startsWith("dead"));
          for (const message of Messages) {
            assert.ok(!found.has(message.Body), `${message.Body} is there twice`);
            found.add(message.Body);
            auditors[kind].deleting(message.Body);
            await call("DeleteMessage", { QueueUrl: URL(name), ReceiptHandle: message.ReceiptHandle });
          }
          if (Messages.length === 0) empty++;
        }
      }
      auditors[kind].finish(found);
      record(`left ${[...found].sort().join(" ")}`);
    }
  }
}
